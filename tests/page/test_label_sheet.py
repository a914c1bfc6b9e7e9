"""Labels stay with their image on the page, also when a visitor is fast (kind 13)."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from helpers.slow import slow_unless
from PIL import Image

from facekit.annotations import read_labels
from facekit.page import parts_tab as parts
from facekit.page.label_canvas import SIDE, layer_of, off_canvas, on_canvas
from facekit.page.label_editor import PARTS, POINTS, button_handler, choose, click, write_zip
from facekit.page.label_sheet import Sheet, editor_value, parts_in

NAMES, POINT_NAMES = "skin, nose", "left, right"
SIZES = [(640, 480), (300, 640), (640, 640), (24, 40), (1, 700), (1001, 999), (5, 3)]


def files(folder: Path) -> list[str]:
    """Images of different sizes and greys."""
    paths = []
    for i, (width, height) in enumerate(SIZES):
        Image.new("RGB", (width, height), (20 + 30 * i,) * 3).save(path := folder / f"{i}.png")
        paths.append(str(path))
    return paths


def painted(sheet: Sheet, index: int, part: int = 1, finer: int = 1) -> dict[str, Any]:
    """What the editor sends when image `index` is on it, with paint on the middle of its left half."""
    height, width = sheet.images[index].shape[:2]
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : height - height // 4, : max(1, width // 2)] = part
    background, layer = on_canvas(sheet.images[index]), on_canvas(layer_of(mask, parts_in(NAMES)), 0)
    larger = [np.repeat(np.repeat(array, finer, 0), finer, 1) for array in (background, layer)]
    return {"background": larger[0], "layers": [larger[1]], "composite": None}


def paint_of(sheet: Sheet, index: int, part: int = 1) -> np.ndarray:
    height, width = sheet.images[index].shape[:2]
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : height - height // 4, : max(1, width // 2)] = part
    return mask


@pytest.mark.parametrize(("height", "width"), [(SIDE, SIDE), (480, SIDE), (SIDE, 301), (1, SIDE), (1, 1), (7, 4)])
def test_the_canvas_gives_back_what_was_laid_on_it(height: int, width: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    canvas = on_canvas(image)
    assert canvas.shape == (SIDE, SIDE, 3)
    np.testing.assert_array_equal(off_canvas(canvas, (height, width)), image)


@pytest.mark.parametrize("finer", slow_unless((1).__eq__, [1, 2, 3]))
@pytest.mark.parametrize("action", ["next", "previous"])
def test_paint_comes_back_from_the_zip_at_its_pixels(tmp_path: Path, action: str, finer: int) -> None:
    sheet, *_ = choose(files(tmp_path), PARTS, POINT_NAMES, NAMES)
    shown = []
    for _ in SIZES:
        shown.append(sheet.at)
        paint = painted(sheet, sheet.at, 1, finer)
        sheet, _, editor, *_ = button_handler(action)(sheet, paint, PARTS, POINT_NAMES, NAMES)
        assert all(Image.open(layer["path"]).size == (SIDE, SIDE) for layer in editor.value["layers"])
        assert Image.open(editor.value["background"]["path"]).size == (SIDE, SIDE)
    assert sorted(shown) == list(range(len(SIZES))) and sheet.at == 0
    for _ in range(2 * len(SIZES)):  # the editor gives back what it was given
        sheet, *_ = button_handler("previous")(sheet, editor_value(sheet), PARTS, POINT_NAMES, NAMES)
    with zipfile.ZipFile(write_zip(sheet, None, PARTS, POINT_NAMES)) as archive:
        archive.extractall(tmp_path / "labels")
    read = read_labels(tmp_path / "labels", "segmentation")
    assert len(read.labels) == len(SIZES)
    for index, mask in enumerate(read.labels):
        np.testing.assert_array_equal(mask, paint_of(sheet, index))


def test_paint_belongs_to_the_image_under_it(tmp_path: Path) -> None:
    sheet, *_ = choose(files(tmp_path), PARTS, POINT_NAMES, NAMES)
    before = painted(sheet, 0, 2)
    sheet, *_ = button_handler("next")(sheet, before, PARTS, POINT_NAMES, NAMES)
    # Pressed before the page showed image 1.
    sheet, *_ = button_handler("next")(sheet, before, PARTS, POINT_NAMES, NAMES)
    assert sheet.at == 2 and sheet.labelled(None) == [0]
    np.testing.assert_array_equal(sheet.masks[0], paint_of(sheet, 0, 2))
    sheet, *_ = button_handler("next")(sheet, painted(sheet, 2), PARTS, POINT_NAMES, NAMES)
    sheet, *_ = button_handler("clear")(sheet, painted(sheet, 2), PARTS, POINT_NAMES, NAMES)
    assert sheet.labelled(None) == [0], "cleared is what the visitor saw"
    foreign = painted(sheet, 0)
    foreign["background"] = 255 * (np.indices((SIDE, SIDE)).sum(0) % 2)[..., None].repeat(3, 2).astype(np.uint8)
    before_paint = [mask.copy() for mask in sheet.masks]
    sheet, *_ = button_handler("show")(sheet, foreign, PARTS, POINT_NAMES, NAMES)
    for mask, kept in zip(sheet.masks, before_paint, strict=True):
        np.testing.assert_array_equal(mask, kept)


def test_the_same_image_twice_keeps_two_labels(tmp_path: Path) -> None:
    file = files(tmp_path)[0]
    sheet, *_ = choose([file, file], PARTS, POINT_NAMES, NAMES)
    sheet, *_ = button_handler("next")(sheet, painted(sheet, 0, 1), PARTS, POINT_NAMES, NAMES)
    sheet, *_ = button_handler("next")(sheet, painted(sheet, 1, 2), PARTS, POINT_NAMES, NAMES)
    assert sheet.masks[0].max() == 1 and sheet.masks[1].max() == 2


def test_a_click_belongs_to_the_image_that_was_clicked(tmp_path: Path) -> None:
    sheet, *_, shown = choose(files(tmp_path), POINTS, POINT_NAMES, NAMES)
    place = gr.SelectData(None, {"index": [31, 17], "value": None})
    sheet, *_, later = button_handler("next")(sheet, None, POINTS, POINT_NAMES, NAMES, shown)
    assert (shown, later) == (0, 1)
    click(sheet, POINTS, POINT_NAMES, NAMES, shown, place)  # the page still showed image 0
    assert sheet.points[0] == [(31.0, 17.0)] and not sheet.points[1] and sheet.at == 1
    click(sheet, POINTS, POINT_NAMES, NAMES, later, place)
    assert sheet.points[1] == [(31.0, 17.0)]
    button_handler("undo")(sheet, None, POINTS, POINT_NAMES, NAMES, shown)
    assert not sheet.points[0] and sheet.points[1]
    for wrong in (None, -1, 99):
        click(sheet, POINTS, POINT_NAMES, NAMES, wrong, place)
    assert len(sheet.points[1]) == 2, "the third finds all points set"


def test_the_tab_of_parts_uses_the_same_canvas(tmp_path: Path) -> None:
    sheet, editor, *_ = parts.choose(files(tmp_path), NAMES)
    assert Image.open(editor.value["background"]["path"]).size == (SIDE, SIDE)
    sheet, *_ = parts.button_handler("next")(sheet, painted(sheet, 0), NAMES)
    sheet, *_ = parts.button_handler("previous")(sheet, painted(sheet, 1), NAMES)
    for index in (0, 1):
        np.testing.assert_array_equal(sheet.masks[index], paint_of(sheet, index))
