"""Plots of the notebooks: what is drawn, and errors."""

from __future__ import annotations

import io
import subprocess
import sys

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from PIL import Image

from facekit import plots

IMAGE = np.full((20, 30, 3), 200, np.uint8)


def pixels(figure: matplotlib.figure.Figure) -> np.ndarray:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return np.array(Image.open(file).convert("RGB"))


def test_a_grid_fills_its_rows() -> None:
    figure = plots.image_grid([IMAGE] * 5, ["a", "b"], columns=3)
    assert [len(axis.images) for axis in figure.axes] == [1, 1, 1, 1, 1, 0]
    assert [axis.get_title() for axis in figure.axes[:3]] == ["a", "b", ""]
    assert (pixels(figure) == 200).all(-1).mean() > 0.3


def test_rows_have_names_beside_them_and_titles_once() -> None:
    figure = plots.image_rows({"image": [IMAGE, IMAGE], "truth": [IMAGE]}, ["one", "other"])
    assert [len(axis.images) for axis in figure.axes] == [1, 1, 1, 0]
    assert figure.axes[0].texts[0].get_text() == "image"
    assert [axis.get_title() for axis in figure.axes] == ["one", "other", "", ""]
    pixels(figure)
    name = figure.axes[0].texts[0].get_window_extent()
    assert name.x0 >= 0 and name.x1 <= figure.axes[0].get_window_extent().x0


def test_curves_share_axes_or_have_their_own() -> None:
    lines = {"train": ([1, 2, 3], [3.0, 2.0, 1.0]), "validation": ([1, 3], [3.5, 2.5])}
    (axis,) = plots.curves(lines, y="error").axes
    assert [line.get_label() for line in axis.lines] == ["train", "validation"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("step", "error")
    assert axis.get_legend() is not None
    assert [axis.get_title() for axis in plots.curves(lines, panels=True).axes] == ["train", "validation"]
    ticks = plots.curves({"NME": ([1, 2, 5], [9.0, 8.0, 7.0])}, x="faces").axes[0].get_xticks()
    assert (ticks == np.round(ticks)).all()
    names = plots.curves({"NME": (["0000", "1111"], [9.0, 7.0])}, x="skip code").axes[0].get_xticklabels()
    assert [name.get_text() for name in names] == ["0000", "1111"]


def test_bars_show_mean_and_spread_of_several_runs() -> None:
    (axis,) = plots.bars({"one run": 4.0, "three runs": [1.0, 2.0, 3.0]}, "NME, %").axes
    assert [bar.get_height() for bar in axis.patches] == [4.0, 2.0]
    assert [text.get_text() for text in axis.texts] == ["4.0", "2.0\n± 1.0"]
    assert [bar.get_height() for bar in plots.bars({"a": np.float32(2)}, "F1").axes[0].patches] == [2.0]


def test_tables_are_markdown() -> None:
    made = plots.table(["part", "F1"], [["nose", 80.25], ["a | b", 3]], digits=2)
    assert made == "| part | F1 |\n| --- | ---: |\n| nose | 80.25 |\n| a \\| b | 3 |"
    assert made._repr_markdown_() == made


def test_figures_are_closed_so_that_notebooks_show_them_once() -> None:
    before = pyplot.get_fignums()
    plots.image_grid([IMAGE])
    plots.curves({"loss": ([1], [1.0])})
    assert pyplot.get_fignums() == before


def test_errors_say_what_is_expected() -> None:
    with pytest.raises(ValueError, match="expected at most 1 titles, got 2"):
        plots.image_grid([IMAGE], ["a", "b"])
    with pytest.raises(ValueError, match="expected at most 1 titles, got 2; give one per column"):
        plots.image_rows({"a": [IMAGE]}, ["a", "b"])
    with pytest.raises(ValueError, match="expected at least one image, got none"):
        plots.image_grid([])
    with pytest.raises(ValueError, match="expected at least one image, got none"):
        plots.image_rows({})
    with pytest.raises(ValueError, match="expected at least one curve, got none"):
        plots.curves({})
    with pytest.raises(ValueError, match="expected at least one bar, got none"):
        plots.bars({}, "F1")
    with pytest.raises(ValueError, match="expected 2 cells per row, got 1"):
        plots.table(["a", "b"], [["x"]])


def test_matplotlib_is_imported_late() -> None:
    code = "import sys, facekit.plots; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_network_is_a_table_of_outputs_and_parameters() -> None:
    first, second = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)
    text = plots.network_table({"first": first, "second": second}, lambda: second(first(torch.zeros(5, 3))))
    assert text.splitlines()[2:] == ["| first | 5 x 4 | 16 |", "| second | 5 x 2 | 10 |"]
    assert not first._forward_hooks
    with pytest.raises(ValueError, match="calls all parts, got none for second"):
        plots.network_table({"first": first, "second": second}, lambda: first(torch.zeros(5, 3)))


def test_a_diagram_has_boxes_and_arrows_between_them() -> None:
    figure = plots.diagram(
        {"image": (0, 0), "encoder": (1, 0), "code": (2, 1)}, [("image", "encoder"), ("encoder", "code")]
    )
    boxes = [text for text in figure.axes[0].texts if text.get_text()]
    assert [text.get_text() for text in boxes] == ["image", "encoder", "code"]
    pixels(figure)
    left, middle = (text.get_bbox_patch().get_window_extent() for text in boxes[:2])
    assert left.x0 >= 0 and left.x1 < middle.x0
    with pytest.raises(ValueError, match="expected texts of boxes, got 'codes'"):
        plots.diagram({"image": (0, 0)}, [("image", "codes")])
