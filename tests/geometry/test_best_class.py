"""The best class between pixels: the same as by interpolating all scores, everywhere."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facekit.geometry.affine import crop_matrix
from facekit.geometry.affine_crop import AffineCrop
from facekit.geometry.best_class import BestClass
from facekit.geometry.crop import Region
from facekit.geometry.resampling import sample


@pytest.mark.parametrize(("box", "roll"), [((5, 8, 400, 403), 12), ((60, 40, 110, 90), -90), ((-30, 20, 90, 140), 3)])
def test_ids_are_those_of_the_interpolated_scores(box: tuple[int, ...], roll: float) -> None:
    noise = np.random.default_rng(0).normal(size=(48, 48, 7)).astype(np.float32)
    scores = np.ascontiguousarray(cv2.GaussianBlur(noise[..., :4], (0, 0), 4))  # large areas and outlines
    crop = AffineCrop(crop_matrix(box, 48, roll=roll), 48)
    x, y = crop._positions(Region(0, 0, 210, 190))
    best = BestClass(scores)
    assert 0.1 < best.mixed.mean() < 0.9  # both ways are used
    assert np.array_equal(best.at(x, y), sample(scores, x, y, "linear").argmax(axis=2))


def test_one_class_everywhere_needs_no_interpolation() -> None:
    scores = np.zeros((6, 5, 3), np.float32)
    scores[..., 2] = 1
    best = BestClass(scores)
    assert not best.mixed.any()
    assert (best.at(np.full((2, 2), 1.5), np.full((2, 2), 9.0)) == 2).all()
