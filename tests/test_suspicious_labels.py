"""Labels that are probably not what they say: each is learned, but a warning names it (kinds 1, 2 and 14)."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from facekit.annotations import check_landmarks
from facekit.images import Pictures
from facekit.labels import LANDMARKS_68, landmark_set
from facekit.metrics import landmark_normaliser
from facekit.tasks import LandmarkTask, SegmentationTask

SIDE = 100
# Outer and inner corner of the left eye, inner and outer corner of the right one, nose, mouth corners.
FACE = np.array([[25, 40], [40, 41], [60, 41], [75, 40], [50, 60], [37, 75], [63, 75]], np.float32)
OTHER = ["nose", "mouth_left", "mouth_right"]


def images(count: int) -> Pictures:
    names = [f"{i}.png" for i in range(count)]
    return Pictures([np.zeros((SIDE, SIDE, 3), np.uint8)] * count, names, list(range(count)), False)


def faces(count: int) -> np.ndarray:
    return FACE + np.random.default_rng(0).normal(0, 0.5, (count, 7, 2)).astype(np.float32)


def test_corners_numbered_from_left_to_right_in_both_eyes() -> None:
    names = ["left_eye_1", "left_eye_2", "right_eye_1", "right_eye_2", *OTHER]
    assert landmark_set(names).flip[0] == 2
    with pytest.warns(UserWarning, match=r"names pair 'left_eye_1' with 'right_eye_1', but .* at 'right_eye_2'"):
        task, _ = LandmarkTask.from_labels(faces(5), names, images(5))
    assert task.mirrors and task.labels.flip == (3, 2, 1, 0, 4, 6, 5)


@pytest.mark.parametrize("count", [1, 5])
def test_names_that_agree_with_the_points_are_trusted(count: int) -> None:
    names = ["left_eye_outer", "left_eye_inner", "right_eye_inner", "right_eye_outer", *OTHER]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task, _ = LandmarkTask.from_labels(faces(count), names, images(count))
    assert task.mirrors and task.labels.flip == (3, 2, 1, 0, 4, 6, 5)


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_points_that_stand_for_not_labelled(value: float) -> None:
    points = faces(2)
    points[1, :2] = value
    with pytest.warns(UserWarning, match=r"^landmarks 1 \(b.png\): several points at .* expected NaN"):
        check_landmarks(points, [(SIDE, SIDE)] * 2, ["a.png", "b.png"])


def test_a_face_without_a_size_has_no_error() -> None:
    assert np.isnan(landmark_normaliser(np.zeros((68, 2)), LANDMARKS_68, "inter_ocular"))


def test_greys_for_the_eye() -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:30], mask[30:60] = 64, 128
    with pytest.warns(UserWarning, match=r"^ids 0, 64, 128 came, which make 129 classes"):
        SegmentationTask.from_labels([mask], None, images(1))


def test_names_without_a_background() -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:30] = 1
    with pytest.warns(UserWarning, match=r"id 0 means 'skin'.*put 'background' first"):
        SegmentationTask.from_labels([mask], ["skin", "hair"], images(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SegmentationTask.from_labels([mask], ["Background", "skin"], images(1))
