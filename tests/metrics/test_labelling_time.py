"""The labelling time is that of FSMA's Table 6, also for the user's own counts."""

from __future__ import annotations

import pytest

from facekit.metrics.labelling_time import workload


@pytest.mark.parametrize(
    ("task", "labelled", "by_hand", "few"), [("landmarks", 100, 104.8, 6), ("segmentation", 50, 520, 12)]
)
def test_table_6(task: str, labelled: int, by_hand: float, few: float) -> None:
    # The parts add up to 104.8 h; the paper prints 108 h for landmarks and 522 h (of 520 h) for segmentation.
    hours = workload(task, 2000, labelled)
    assert hours.by_hand == pytest.approx(by_hand) and hours.few_shot == pytest.approx(few)


def test_own_pace_scales_all() -> None:
    half = workload("landmarks", 2000, 100, minutes=1.5)
    assert half.by_hand == pytest.approx(52.4) and half.few_shot == pytest.approx(3)
    assert "49.4 h saved" in str(half)
    assert workload("landmarks", 5, 10).saved < 0


@pytest.mark.parametrize(
    "wrong", [("attributes", 10, 1), ("landmarks", 0, 1), ("landmarks", 10, 0), ("landmarks", 10, 1, 0)]
)
def test_wrong_numbers_are_named(wrong: tuple) -> None:
    with pytest.raises(ValueError, match="landmarks|positive"):
        workload(*wrong)
