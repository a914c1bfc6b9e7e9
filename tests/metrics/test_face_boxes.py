"""AFLW-19's normalisers are computed from the boxes of the data set."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import simpson

from facekit.metrics import auc, box_normaliser
from facekit.metrics.face_boxes import check_boxes


def test_normalisers_by_hand() -> None:
    assert box_normaliser((10, 20, 40, 60), "box") == pytest.approx(math.sqrt(30 * 40))
    assert box_normaliser((10, 20, 40, 60), "diag") == pytest.approx(50)
    with pytest.raises(ValueError, match="by='diagonal': expected one of 'box', 'diag'"):
        box_normaliser((10, 20, 40, 60), "diagonal")


def test_auc_equals_the_integral_of_the_error_distribution() -> None:
    """FaRL's code integrates the cumulative distribution in steps of 0.0001 by Simpson's rule; ours is exact."""
    errors = np.random.default_rng(0).gamma(2, 0.01, 500)
    steps = np.arange(0, 0.07 + 1e-4, 1e-4)
    reached = [(errors <= step).mean() for step in steps]
    assert auc(errors, 0.07) == pytest.approx(simpson(reached, x=steps) / 0.07, abs=2e-3)


@pytest.mark.parametrize(
    ("boxes", "said"),
    [
        ([0, 0, 9, 9], r"expected shape \(2, 4\) for 2 images, got \(4,\)"),
        ([[0, 0, 9, 9]], r"expected shape \(2, 4\) for 2 images, got \(1, 4\)"),
        ([[0, 0, 9, 9], None], "expected 4 numbers x0, y0, x1, y1 per image"),
        ([[0, 0, 9, 9], [0, 0, "a", 9]], "expected 4 numbers x0, y0, x1, y1 per image"),
        ([[0, 0, 9, 9], [5, 0, 5, 9]], r"boxes, b.jpg: expected finite x0 < x1 and y0 < y1, got \(5, 0, 5, 9\)"),
        ([[0, 9, 9, 0], [0, 0, 9, 9]], r"boxes, a.jpg: expected finite"),
        ([[0, 0, 9, 9], [0, 0, math.nan, 9]], r"boxes, b.jpg: .* got \(0, 0, nan, 9\)"),
    ],
)
def test_wrong_boxes(boxes: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_boxes(boxes, ["a.jpg", "b.jpg"])
