"""Paired differences: the t interval by hand, by scipy, and its coverage for few draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_rel

from facekit.metrics.paired_differences import paired_difference


def test_interval_by_hand() -> None:
    # Differences 1, 0.5, 1.5: mean 1, standard deviation 0.5, standard error 0.5 / sqrt(3) = 0.288675.
    # The table of t for 2 degrees of freedom and 95 % says 4.303: half width 1.24217.
    found = paired_difference([5.0, 6.0, 7.0], [4.0, 5.5, 5.5])
    assert found.mean == pytest.approx(1.0) and found.draws == 3
    assert found.low == pytest.approx(1 - 1.24217, abs=1e-3) and found.high == pytest.approx(1 + 1.24217, abs=1e-3)
    assert not found.excludes_zero


@pytest.mark.parametrize("draws", [2, 3, 5, 10])
def test_interval_agrees_with_scipy(draws: int) -> None:
    a, b = np.random.default_rng(draws).normal(size=(2, draws))
    for confidence in (0.9, 0.95):
        reference = ttest_rel(a, b).confidence_interval(confidence)
        found = paired_difference(a, b, confidence)
        assert (found.low, found.high) == pytest.approx((reference.low, reference.high))


def test_interval_of_three_draws_covers_the_mean_95_times_in_100() -> None:
    differences = np.random.default_rng(0).normal(0.7, 2.0, (2000, 3))
    found = [paired_difference(row, np.zeros(3)) for row in differences]
    covered = np.mean([f.low <= 0.7 <= f.high for f in found])
    assert 0.935 < covered < 0.965


def test_common_difficulty_of_a_draw_cancels() -> None:
    hard = np.array([0.0, 30.0, -20.0])
    found = paired_difference(hard + 1.0, hard + np.array([0.1, 0.0, -0.1]))
    assert found.excludes_zero and found.low > 0.7
    other_way = found.reversed
    assert (other_way.mean, other_way.low, other_way.high) == (-found.mean, -found.high, -found.low)
    assert other_way.excludes_zero


def test_unknown_scores_and_too_few_draws() -> None:
    found = paired_difference([1.0, math.nan, 3.0, math.inf], [0.0, 0.0, 1.0, math.inf])
    assert found.draws == 2 and found.mean == 1.5
    single = paired_difference([2.0], [1.0])
    assert single.mean == 1.0 and math.isnan(single.low) and not single.excludes_zero
    assert paired_difference([math.nan], [1.0]).draws == 0


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="got 2 and 1; pass paired draws"):
        paired_difference([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match=r"confidence=95: expected a number between 0 and 1"):
        paired_difference([1.0, 2.0], [1.0, 2.0], 95)
