"""Synthparse's own F1 per image: low scores are raised without an adapter and left out with one."""

from __future__ import annotations

import numpy as np
import pytest

from facekit.metrics import confusion, image_f1_by_class, mean_image_f1


def tables() -> list[np.ndarray]:
    """Two images, 4 classes: class 1 right and missed; class 2 low twice; class 3 in the second image only."""
    first = confusion(np.array([0, 1, 1, 0] + [0] * 20), np.array([0, 1, 1, 2] + [0] * 20), 4)
    second = confusion(np.array([0, 0, 2] + [0] * 39 + [3]), np.array([1, 1, 2] + [2] * 39 + [3]), 4)
    return [first, second]


def test_by_hand() -> None:
    low = 2 * 1 / (40 + 1)
    assert low < 0.1, "class 2 of the second image is low, and not 0"
    raised = image_f1_by_class(tables(), "raise")
    assert raised[1:] == pytest.approx([(1 + 0.1) / 2, (0.1 + 0.1) / 2, (0.1 + 1) / 2])
    dropped = image_f1_by_class(tables(), "drop")
    assert dropped[[1, 3]] == pytest.approx([1, 1]) and np.isnan(dropped[2])
    assert mean_image_f1(tables(), "raise") == pytest.approx((0.55 + 0.1 + 0.55) / 3)
    assert mean_image_f1(tables(), "drop") == pytest.approx(2 / 3), "NaN counts as 0 in the paper's mean"


def test_the_papers_mean_of_a_row_with_nan() -> None:
    """LaPa, DeepLabV3+, label adapted, in Table 7: the mean .561 follows from the classes with NaN as 0."""
    row = [0.918, 0.250, 0.353, np.nan, 0.562, 0.875, 0.624, 0.666, 0.702, 0.666]
    assert np.nan_to_num(row).mean() == pytest.approx(0.561, abs=1e-3)


def test_exactly_a_tenth_counts() -> None:
    tenth = np.array([[0, 0], [18, 1]])  # F1 of class 1: 2 / (2 + 18)
    assert image_f1_by_class([tenth], "drop")[1] == pytest.approx(0.1)


def test_nonsense() -> None:
    with pytest.raises(ValueError, match="low='keep': expected one of 'raise', 'drop'"):
        image_f1_by_class(tables(), "keep")
    with pytest.raises(ValueError, match="at least one image"):
        image_f1_by_class([], "drop")
    with pytest.raises(ValueError, match="besides the background"):
        mean_image_f1([np.ones((1, 1), np.int64)], "raise")
