"""A notebook without a kernel shows an image of what each widget holds. The loss and the slider follow their data."""

from __future__ import annotations

import base64
import configparser
import io
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facekit.labels import landmark_set
from facekit.results import Landmarks
from facekit.widgets import LossPlot, ModelSlider, PartEditor, PointEditor, Review

IMAGES = [np.full((48, 64, 3), 90, np.uint8) for _ in range(2)]


class Fake:
    """Stands in for a model: all points at one place."""

    def __init__(self, place: float) -> None:
        self.place, self.calls = place, 0

    def results(self, images: Any) -> list[Landmarks]:
        self.calls += 1
        return [Landmarks(np.full((5, 2), self.place), np.ones(5), landmark_set("5"), image) for image in images]


@pytest.fixture
def slider(monkeypatch: pytest.MonkeyPatch) -> tuple[ModelSlider, Fake, Fake]:
    monkeypatch.setattr("facekit.widgets.model_slider.predict", lambda model, images: model.results(images))
    few, many = Fake(10), Fake(30)
    return ModelSlider({1: few, 3: many}, IMAGES, "shots"), few, many  # type: ignore[dict-item]


def static(widget: Any) -> np.ndarray:
    data, _ = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data and "text/plain" in data
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))))


def test_editors() -> None:
    points = PointEditor(IMAGES, "5")
    before = static(points)
    points.place(20, 20)
    assert not np.array_equal(static(points), before)
    parts = PartEditor(IMAGES, ["background", "hair"])
    before = static(parts)
    parts.fill(3, 3, "hair")
    assert not np.array_equal(static(parts), before)


def test_review() -> None:
    review = Review(Fake(12).results(IMAGES))
    before = static(review)
    review.reject(1)
    assert not np.array_equal(static(review), before)


def test_slider_predicts_once_per_model(slider: tuple[ModelSlider, Fake, Fake]) -> None:
    widget, few, many = slider
    assert (few.calls, many.calls) == (1, 0)
    first = widget._picture.value
    widget.value = 3
    assert widget._picture.value != first
    widget.value = 1
    assert widget._picture.value == first and (few.calls, many.calls) == (1, 1)
    assert static(widget).ndim == 3
    with pytest.raises(ValueError, match="expected one of 1, 3, got 2"):
        widget.value = 2
    with pytest.raises(ValueError, match="at least one model"):
        ModelSlider({}, IMAGES)


def test_loss_follows_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    plot = LossPlot()
    empty = static(plot)
    drawn = []
    monkeypatch.setattr(plot, "show", lambda: drawn.append(1) or Image.new("RGB", (4, 4)))
    for step in range(1, 201):
        plot(step, 200, {"loss": 1 / step, "accuracy": step})
    assert len(drawn) <= 3, "not at every step"
    assert plot.losses["loss"][9] == (10, 0.1) and len(plot.losses["accuracy"]) == 200
    assert plot._text.value == "step 200 of 200 · loss 0.005" and plot._bar.value == plot._bar.max == 200
    monkeypatch.undo()
    assert not np.array_equal(static(plot), empty)
    plot(1, 50, {"loss": 3.0})
    assert plot.losses == {"loss": [(1, 3.0)]}, "a new training begins again"


def test_package_holds_the_script() -> None:
    script = resources.files("facekit.widgets").joinpath("editor.js").read_text(encoding="utf-8")
    assert script.rstrip().endswith("export default { render };")
    assert "http" not in script, "nothing is loaded from other sites"
    assert str(PointEditor._esm) == script


def test_script_is_in_the_built_package() -> None:
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[2] / "setup.cfg")
    assert "*.js" in setup["options.package_data"]["facekit.widgets"]
    assert "anywidget" in setup["options"]["install_requires"]


@pytest.mark.slow
def test_notebook_without_a_kernel_shows_the_image(tmp_path: Path) -> None:
    """nbconvert shows the image instead of the widget, whose state is not in the file."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    exporters = pytest.importorskip("nbconvert.exporters")
    code = (
        "import facekit\nfrom facekit.widgets import PointEditor\nPointEditor(facekit.data.samples().images[:1], '5')"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, kernel_name="python3", store_widget_state=False).execute()
    html, _ = exporters.HTMLExporter().from_notebook_node(notebook)
    assert "data:image/png;base64," in html and "application/vnd.jupyter.widget-view+json" not in html
