"""The widgets in a real JupyterLab: click, paint, adapt, predict, correct, adapt again. `pytest -m browser` runs it.

Needs PyPI's jupyterlab and playwright, and Debian's chromium. FACEKIT_SCREENSHOTS names a folder for screenshots.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.jupyterlab import OpenNotebook, running_lab

from facekit.data import samples

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(importlib.util.find_spec("jupyterlab") is None, reason="jupyterlab is not installed"),
]
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync".split()
)
SIDE = 256

CELLS = [
    """
import json
import facekit
from facekit.widgets import LossPlot, PartEditor, PointEditor, Review
people = facekit.data.samples()
editor = PointEditor(people.images[:2], "5", model="landmarks")
editor""",
    """
plot = LossPlot()
display(plot)
model = facekit.adapt(*editor.labels(), names=editor.names, steps=12, least_views=20, progress=plot)""",
    """
review = Review(facekit.predict(model, people.images[2:4]))
open("predicted.json", "w").write(json.dumps(review.editor.points.tolist()))
review""",
    """
images, points = review.labels()
first, clicked = editor.labels()
again = facekit.adapt([*first, *images], [*clicked, *points], names=editor.names, steps=12, least_views=20,
                      progress=plot)
after = facekit.predict(again, people.images[4]).points.tolist()
open("points.json", "w").write(json.dumps([clicked.tolist(), points.tolist(), review.states, after]))""",
    """
parts = PartEditor(people.images[:1], ["background", "hair", "mouth"])
parts""",
    """
few = {"task": "segmentation", "names": parts.names, "steps": 12, "least_views": 20, "progress": False}
parser = facekit.adapt(*parts.labels(), **few)
repair = Review(facekit.predict(parser, people.images[1:2]))
repair""",
    """
images, masks = repair.labels()
facekit.adapt([*parts.labels()[0], *images], [*parts.masks, *masks], **few)
areas = [[int((mask == k).sum()) for k in range(3)] for mask in (*parts.masks, *masks)]
open("parts.json", "w").write(json.dumps([areas, repair.states]))""",
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OpenNotebook, Path]]:
    folder = tmp_path_factory.mktemp("lab")
    with running_lab(folder) as address, playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        opened = browser.new_page(viewport={"width": 1280, "height": 1000})
        yield OpenNotebook(opened, address, folder / "widgets.ipynb", CELLS), folder
        browser.close()


def screenshot(notebook: OpenNotebook, name: str) -> None:
    if folder := os.environ.get("FACEKIT_SCREENSHOTS"):
        notebook.page.screenshot(path=Path(folder) / f"{name}.png")


def true_points(person: int) -> np.ndarray:
    people = samples()
    names = ["left_pupil", "right_pupil", "nose_base", "left_mouth_corner", "right_mouth_corner"]
    return people.landmarks[person, [people.landmark_labels.index(name) for name in names]]


def test_points_are_clicked_corrected_and_adapted_again(page: tuple[OpenNotebook, Path]) -> None:
    notebook, folder = page
    notebook.run(0)
    notebook.text(0, "click the left pupil")
    truth = true_points(0)
    for k, place in enumerate(truth):
        notebook.drag(0, [tuple(place)], SIDE)
        notebook.text(0, f"{k + 1} of 5 points")
    notebook.drag(0, [(5.0, 5.0)], SIDE)
    notebook.text(0, "all points are set, expected a missing one")
    screenshot(notebook, "1_clicked")
    notebook.drag(0, [tuple(truth[2]), (120.0, 200.0)], SIDE)
    notebook.button(0, "Undo")
    notebook.page.locator("canvas").first.press("Control+z")
    notebook.text(0, "click the right mouth corner")
    notebook.button(0, "Mirror")
    notebook.text(0, "all points are set")
    notebook.button(0, "Undo")
    notebook.text(0, "4 of 5 points")
    notebook.button(0, "+")
    notebook.drag(0, [zoomed(truth[4], 1.5)], SIDE)
    notebook.text(0, "all points are set · 5 of 5 points")
    screenshot(notebook, "2_zoomed")
    notebook.button(0, "Next")
    notebook.text(0, "Image 2 of 2 · click the left pupil")
    notebook.button(0, "Model's proposal")
    notebook.text(0, "Image 2 of 2 · all points are set")
    screenshot(notebook, "3_proposal")
    notebook.run(1)
    notebook.text(1, "step 12 of 12")
    screenshot(notebook, "4_loss")
    notebook.run(2)
    predicted = np.array(json.loads((folder / "predicted.json").read_text()))
    notebook.button(2, "Accept")
    notebook.text(2, "1 accepted, 1 not reviewed")
    target = true_points(3)[2] + (0, -20)
    notebook.drag(2, [tuple(predicted[1, 2]), tuple(target)], SIDE)
    notebook.text(2, "1 accepted, 1 corrected")
    screenshot(notebook, "5_review")
    notebook.run(3)
    clicked, labels, states, after = json.loads((folder / "points.json").read_text())
    # A click is exact to a pixel of the screen, half a pixel of the image.
    np.testing.assert_allclose(clicked[0], truth, atol=0.6)
    assert np.abs(np.array(clicked[1]) - true_points(1)).max() < 20
    np.testing.assert_allclose(labels[0], predicted[0], atol=1e-3)
    np.testing.assert_allclose(labels[1][2], target, atol=0.6)
    np.testing.assert_allclose(np.delete(labels[1], 2, 0), np.delete(predicted[1], 2, 0), atol=1e-3)
    assert states == ["accepted", "corrected"] and np.isfinite(after).all()


def test_a_part_is_painted_corrected_and_adapted_again(page: tuple[OpenNotebook, Path]) -> None:
    notebook, folder = page
    notebook.run(4)
    notebook.text(4, "paint the parts")
    notebook.button(4, "hair")
    notebook.drag(4, [(60, 40), (128, 20), (190, 40)], SIDE)
    notebook.text(4, "1 of 1 images have paint")
    notebook.button(4, "mouth")
    notebook.button(4, "Polygon")
    for corner in ((100, 175), (150, 175), (125, 195), (100, 175)):
        notebook.drag(4, [corner], SIDE)
    notebook.page.wait_for_timeout(500)
    screenshot(notebook, "6_painted")
    notebook.run(5)
    notebook.text(5, "1 not reviewed")
    notebook.button(5, "mouth")
    notebook.button(5, "Brush")
    notebook.drag(5, [(100, 230), (140, 230)], SIDE)
    notebook.text(5, "1 corrected")
    screenshot(notebook, "7_corrected")
    notebook.run(6)
    areas, states = json.loads((folder / "parts.json").read_text())
    brush = SIDE / 20
    stroke = (np.hypot(68, 20) + np.hypot(62, 20)) * brush + np.pi * brush**2 / 4
    assert areas[0][1] == pytest.approx(stroke, rel=0.1)
    assert areas[0][2] == pytest.approx(50 * 20 / 2, rel=0.15)
    assert areas[1][2] > 40 * brush * 0.9 and states == ["corrected"]


def zoomed(place: np.ndarray, factor: float) -> tuple[float, float]:
    """Where a place of the image is after zooming in at the middle, in pixels of the whole image."""
    middle = (SIDE - 1) / 2
    x, y = middle + (place - middle) * factor
    return float(x), float(y)
