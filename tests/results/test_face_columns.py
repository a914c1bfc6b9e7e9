"""Faces become cells of a table and come back with the same drawing."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from facekit.labels import LANDMARKS_68, AttributeSet, LandmarkSet, SegmentationSet
from facekit.results import Attributes, Drawable, Faces, ImageResult, Landmarks, Segmentation
from facekit.results.face_columns import FaceColumn

pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra train)")

DRAWS = np.random.default_rng(0)
IMAGE = DRAWS.integers(0, 255, (40, 50, 3), np.uint8)
BOX = (1.25, 2.1, 30.7, 33.3)
PARTS = SegmentationSet(
    "mine", ("background", "skin", "hair"), ((0, 0, 0), (250, 200, 180), (90, 60, 30)), (0, 1, 2), ()
)
WORDS = AttributeSet("words", ("smiling", "young"))


def mask(filled: bool = True) -> np.ndarray:
    ids = np.zeros(IMAGE.shape[:2], np.uint8)
    if filled:
        ids[4:20, 7:30] = DRAWS.integers(0, 3, (16, 23))
        ids[19, 29] = 255
    return ids


def landmarks(box: Any = BOX) -> Landmarks:
    points = DRAWS.uniform(0, 40, (68, 2)).astype(np.float32)
    points[3] = np.nan
    return Landmarks(points, DRAWS.random(68, np.float32), LANDMARKS_68, IMAGE, box)


def image_result() -> ImageResult:
    return ImageResult(DRAWS.integers(0, 255, (9, 11, 3), np.uint8), IMAGE, BOX, (5, 3))


def covering_result() -> ImageResult:
    return dataclasses.replace(image_result(), coverage=DRAWS.integers(0, 255, (9, 11), np.uint8))


CASES: list[tuple[Any, Drawable]] = [
    (LANDMARKS_68, Faces([landmarks(), landmarks()])),
    (LANDMARKS_68, Faces([], image=IMAGE)),
    (LANDMARKS_68, landmarks(None)),
    (PARTS, Faces([Segmentation(mask(), PARTS, IMAGE, BOX)])),
    (PARTS, Segmentation(mask(), PARTS, IMAGE)),
    (PARTS, Segmentation(mask(filled=False), PARTS, IMAGE)),
    (WORDS, Faces([Attributes(np.array([0.25, 0.7], np.float32), WORDS, IMAGE, BOX)])),
    (None, Faces([image_result(), covering_result()])),
]


@pytest.mark.parametrize(("labels", "outcome"), CASES)
def test_round_trip(labels: LandmarkSet | SegmentationSet | AttributeSet | None, outcome: Drawable) -> None:
    column = FaceColumn("model", labels, isinstance(outcome, Faces))
    assert FaceColumn.from_dict("model", json.loads(json.dumps(column.to_dict()))) == column
    table = pyarrow.Table.from_pylist(
        [{"model": column.cell(outcome)}], pyarrow.schema([("model", column.arrow_type())])
    )
    back = column.outcome(table.to_pylist()[0]["model"], IMAGE)
    assert type(back) is type(outcome)
    assert back.to_dict() == outcome.to_dict()
    np.testing.assert_array_equal(back.draw(), outcome.draw())


def test_a_mask_is_stored_as_its_rectangle() -> None:
    (cell,) = FaceColumn("m", PARTS, False).cell(Segmentation(mask(), PARTS, IMAGE))
    assert (cell["x"], cell["y"]) == (7, 4) and cell["mask"].startswith(b"\x89PNG")


def test_other_values_are_refused() -> None:
    with pytest.raises(TypeError, match="expected a result of facekit, got str"):
        FaceColumn("m", None, False).cell("no result")  # type: ignore[arg-type]
