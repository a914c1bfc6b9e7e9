"""Splits of labelled faces: nobody is on both sides, and smaller parts are parts of larger ones."""

from __future__ import annotations

import pytest

from facekit.comparison.face_splits import LEAST_SCORED, MOST_SCORED, draw_orders, draw_splits, person_names


def test_no_image_on_both_sides() -> None:
    splits = draw_splits(20, 8, 5, seed=3)
    for split in splits:
        assert len(split.adapt) == 8 and len(split.scored) == 12
        assert not set(split.adapt) & set(split.scored)
        assert set(split.adapt) | set(split.scored) == set(range(20))
    assert len({split.adapt for split in splits}) == 5, "each draw is another one"
    assert splits == draw_splits(20, 8, 5, seed=3) and splits != draw_splits(20, 8, 5, seed=4)
    assert splits[:2] == draw_splits(20, 8, 2, seed=3), "more draws keep the first ones"


def test_no_person_on_both_sides() -> None:
    persons = [f"person {i // 3}" for i in range(30)]
    for split in draw_splits(30, 7, 8, seed=0, persons=persons):
        assert len(split.adapt) == 7
        assert not {persons[i] for i in split.adapt} & {persons[i] for i in split.scored}


def test_scored_part_is_limited() -> None:
    (split,) = draw_splits(1000, 10, 1, seed=0)
    assert len(split.scored) == MOST_SCORED


def test_too_few_images() -> None:
    assert len(draw_splits(10 + LEAST_SCORED, 10, 1, 0)[0].scored) == LEAST_SCORED
    with pytest.raises(
        ValueError, match=r"at least 15 labelled images \(10 to adapt on and 5 to score\), got 14; label"
    ):
        draw_splits(14, 10, 1, 0)
    with pytest.raises(ValueError, match=r"5 of other people to score\), got 30 of 2 people"):
        draw_splits(30, 10, 1, 0, persons=[i < 27 for i in range(30)])
    with pytest.raises(ValueError, match="at least 10 labelled images, got 9"):
        draw_orders(9, 5, 10, 1, 0)


def test_test_images_score_all_draws() -> None:
    splits = draw_orders(12, 4, 5, 3, seed=0)
    assert {split.scored for split in splits} == {(0, 1, 2, 3)} and len({split.adapt for split in splits}) == 3


def test_persons_are_checked() -> None:
    assert person_names([1, 2], 2) == ["1", "2"] and person_names(None, 2) is None
    for wrong, message in [(["a"], "2 in all, got 1"), ("ab", "pass a list"), (["a", None], "for image 1, got None")]:
        with pytest.raises(ValueError, match=message):
            person_names(wrong, 2)
