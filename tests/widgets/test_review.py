"""Predictions are accepted, corrected or rejected, and become labels."""

from __future__ import annotations

import numpy as np
import pytest

from facekit.labels import landmark_set, segmentation_set
from facekit.results import Faces, ImageResult, Landmarks, Segmentation
from facekit.widgets import PartEditor, Review

IMAGES = [np.full((40, 50, 3), 60 * i, np.uint8) for i in range(4)]
FIVE = landmark_set("5")


def predicted() -> list[Landmarks]:
    return [Landmarks(np.full((5, 2), 5.0 + i), np.ones(5), FIVE, image) for i, image in enumerate(IMAGES)]


def test_accepted_and_corrected_become_labels() -> None:
    review = Review(predicted())
    assert review.states == ["not reviewed"] * 4 and repr(review) == "Review(4 not reviewed)"
    with pytest.raises(ValueError, match="expected accepted predictions, got none of 4"):
        review.labels()
    review.accept()
    assert review.editor.index == 1
    review.reject()
    assert review.editor.index == 2
    review.editor.move("nose_tip", 30, 31)
    assert review.states == ["accepted", "rejected", "corrected", "not reviewed"]
    review.accept()
    assert review.states[2] == "corrected" and review.editor.index == 3
    images, points = review.labels()
    assert [image[0, 0, 0] for image in images] == [0, 120]
    assert points.shape == (2, 5, 2) and points[0].tolist() == [[5, 5]] * 5
    assert points[1, 2].tolist() == [30, 31] and points[1, 0].tolist() == [7, 7]


def test_buttons_act_on_the_shown_prediction() -> None:
    review = Review(predicted())
    accept, reject = review.children[1].children[:2]
    review.editor.go(3)
    accept.click()
    reject.click()
    assert review.states == ["rejected", "not reviewed", "not reviewed", "accepted"]


def test_parts_and_several_faces() -> None:
    parts = segmentation_set(["background", "hair"])
    faces = [Segmentation(np.eye(40, 50, k, np.uint8), parts, IMAGES[0]) for k in range(2)]
    review = Review([Faces(faces), Faces([], IMAGES[1])])
    assert isinstance(review.editor, PartEditor) and len(review.states) == 2
    review.accept(1)
    _, (mask,) = review.labels()
    np.testing.assert_array_equal(mask, np.eye(40, 50, 1, np.uint8))


def test_other_results_are_refused() -> None:
    with pytest.raises(ValueError, match="expected landmarks, or parts, of one label set, got ImageResult"):
        Review([ImageResult(IMAGES[0], IMAGES[0])])
    with pytest.raises(ValueError, match="got none"):
        Review([])
    with pytest.raises(ValueError, match="from 0 to 3, got 4"):
        Review(predicted()).accept(4)
