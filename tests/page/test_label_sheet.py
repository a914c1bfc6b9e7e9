"""Labels keep their images when names change, when images are added, and in the zip file."""

from __future__ import annotations

import zipfile
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from facekit.annotations import read_labels
from facekit.page.label_editor import count_text, write_zip
from facekit.page.label_sheet import (
    MOST_PARTS,
    PART_NAMES,
    PARTS,
    POINT_NAMES,
    POINTS,
    SIDE,
    Sheet,
    example_faces,
    generated_faces,
    names_in,
    part_names_in,
    parts_in,
)

NAMES = ["left_eye", "right_eye", "nose"]


def image(number: int, height: int = 60, width: int = 80) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def sheet() -> Sheet:
    made = Sheet()
    for i in range(3):
        made.add(image(i), f"{i}.png")
    made.use(PARTS, ["skin", "nose"])
    made.labels.brush([(20, 20), (40, 20)], 9, "nose")
    made.use(POINTS, NAMES)
    for x in (10, 20, 30):
        made.labels.place(x, 15)
    made.labels.go(1)
    made.labels.place(5, 6)
    return made


def test_large_images_are_scaled_down_and_small_ones_kept() -> None:
    made = Sheet()
    assert made.add(image(0)) == 1 and np.array_equal(made.images[0], image(0))
    assert made.add(image(1, 320, 1280)) == 0.5 and made.images[1].shape == (160, SIDE, 3)
    assert made.names == ["image 1", "image 2"]


def test_labels_follow_their_names(sheet: Sheet) -> None:
    before, version = sheet.labels.points, sheet.version
    sheet.use(POINTS, NAMES)
    assert sheet.version == version, "nothing has changed"
    sheet.use(POINTS, ["nose", "left_eye", "chin", "right_eye"])
    np.testing.assert_array_equal(sheet.labels.points[:, [1, 3, 0]], before)
    assert np.isnan(sheet.labels.points[:, 2]).all() and sheet.labels.index == 1 and sheet.version != version
    sheet.use(POINTS, ["tip", "left_eye", "chin", "right_eye"])
    np.testing.assert_array_equal(sheet.labels.points[:, 0], before[:, 2])
    sheet.use(PARTS, ["nose", "hair"])
    assert set(np.unique(sheet.labels.masks[0])) == {0, 1} and sheet.labelled == [0]


def test_added_images_leave_labels_as_they_are(sheet: Sheet) -> None:
    sheet.aside, sheet.trained = {0}, {1}
    more = Sheet()
    for i in (2, 1, 0, 7):
        more.add(image(i), f"{i}.png")
    more.carry_over(sheet)
    more.use(POINTS, NAMES)
    np.testing.assert_array_equal(more.labels.points[[2, 1, 0]], sheet.labels.points)
    assert more.labelled == [1, 2] and more.aside == {2} and more.trained == {1}
    more.use(PARTS, ["skin", "nose"])
    assert more.labelled == [2]
    Sheet().carry_over(sheet)


@pytest.mark.parametrize("kind", [POINTS, PARTS])
def test_labels_come_back_from_the_zip(kind: str, sheet: Sheet, tmp_path: Path) -> None:
    sheet.use(kind, NAMES if kind == POINTS else ["skin", "nose"])
    with zipfile.ZipFile(write_zip(sheet)) as archive:
        archive.extractall(tmp_path)
    read = read_labels(tmp_path, "landmarks" if kind == POINTS else "segmentation")
    if kind == PARTS:
        assert len(read.labels) == 1 and np.array_equal(read.labels[0] > 0, sheet.labels.masks[0] > 0)
        return
    assert [Path(p).name for p in read.images] == ["image_000.png", "image_001.png"]
    np.testing.assert_allclose(read.labels, sheet.labels.points[:2], atol=1e-3)


def test_what_is_labelled_is_counted(sheet: Sheet) -> None:
    assert count_text(sheet) == "**2 of 3 images are labelled** · 4 points are set · 1 image lacks some of the 3 points"
    sheet.use(PARTS, ["skin", "nose"])
    assert count_text(sheet).startswith("**1 of 3 images are labelled** · paint covers 2 % of all pixels")
    assert "Choose your images" in count_text(Sheet())
    sheet.use(POINTS, NAMES)
    for index in (0, 1):
        sheet.labels.go(index)
        sheet.labels.clear()
    for empty in (Sheet(), sheet):
        with pytest.raises(gr.Error, match="expected a labelled image, got none"):
            write_zip(empty)


def test_examples() -> None:
    people, another = example_faces()
    assert people.labelled == list(range(8)) and another.shape == (256, 256, 3)
    people.use(PARTS, part_names_in(PART_NAMES))
    assert set(np.unique(people.labels.masks[0])) == set(range(7)) and people.labelled == list(range(8))
    faces, _ = generated_faces(3, 48, 2.0)
    for kind, names in ((POINTS, names_in(POINT_NAMES)), (PARTS, part_names_in(PART_NAMES))):
        faces.use(kind, names)
        assert faces.labelled == [0]


def test_names() -> None:
    assert names_in(" left eye ,nose,, ") == ["left_eye", "nose"]
    assert parts_in("background, hair").classes == ("background", "hair")
    with pytest.raises(ValueError, match="expected different names, got nose twice"):
        names_in("nose, chin, nose")
    with pytest.raises(ValueError, match="expected at most 60 names, got 61"):
        parts_in(",".join(map(str, range(MOST_PARTS + 1))))
    with pytest.raises(ValueError, match="expected names, got none"):
        names_in(" , ")
