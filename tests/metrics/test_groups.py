"""Scores by group of people equal numbers by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import facekit
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.metrics.groups import group_members, score_table, scores_by_group


def test_members_in_natural_order() -> None:
    assert list(group_members(["10-19", "3-9", "10-19"], 3).items()) == [("3-9", [1]), ("10-19", [0, 2])]
    assert group_members(np.array([1, 0, 1]), 3) == {"0": [1], "1": [0, 2]}
    with pytest.warns(UserWarning, match="3 of 4 images belong to no group"):
        assert group_members(["a", None, float("nan"), " "], 4) == {"a": [0]}


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (["a"], "2 images but 1 groups"),
        ("ab", "expected one group's name per image"),
        ([None, ""], "none of the 2 images belongs to a group"),
        (["a", "all"], "a group called 'all'"),
        (["discrepancy", "b"], "a group called 'discrepancy'"),
    ],
)
def test_wrong_groups(groups: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        group_members(groups, 2)


def test_scores_by_hand() -> None:
    def score(results: list[Any], truth: list[Any]) -> dict[str, float]:
        hit = 100 * float(np.mean(np.equal(results, truth)))
        return {"accuracy": hit, "rare": hit if len(results) > 1 else math.nan}

    members = {"a": [0, 2], "b": [1], "c": [3, 4]}
    scores = scores_by_group(score, [1, 1, 1, 0, 0], [1, 0, 0, 0, 0], members)
    assert [scores[group]["accuracy"] for group in ("a", "b", "c", "all", "discrepancy")] == [50, 0, 100, 60, 100]
    assert scores["discrepancy"]["rare"] == 50
    alone = scores_by_group(score, [1, 1], [1, 0], {"a": [0, 1]})
    assert math.isnan(alone["discrepancy"]["accuracy"])
    assert score_table(scores, members, 5).splitlines() == [
        "              a     b       c    all  discrepancy",
        "faces         2     1       2      5",
        "accuracy  50.00  0.00  100.00  60.00       100.00",
        "rare      50.00     -  100.00  60.00        50.00",
    ]


def test_every_task_has_groups() -> None:
    faces = GeneratedFaces(seed=5, size=128, yaw=(-20, 20)).batch(range(3), want=("image", "landmarks68"))
    images, points = faces["image"], faces["landmarks68"]
    by = facekit.evaluate_by("landmarks", images, points, ["left", "right", "left"], align="none")
    assert list(by) == ["left", "right", "all", "discrepancy"]
    assert by["left"] == pytest.approx(facekit.evaluate("landmarks", images[::2], points[::2], align="none"))
    assert by["all"] == pytest.approx(facekit.evaluate("landmarks", images, points, align="none"))
    name = "nme_inter_ocular"
    assert by["discrepancy"][name] == pytest.approx(abs(by["left"][name] - by["right"][name]))
    with pytest.raises(ValueError, match="3 images but 2 groups"):
        facekit.evaluate_by("landmarks", images, points, ["left", "right"])


def test_groups_with_boxes_of_the_data_set() -> None:
    faces = GeneratedFaces(seed=5, size=128, yaw=(-20, 20)).batch(range(3), want=("image", "landmarks68"))
    images, points = faces["image"], faces["landmarks68"]
    boxes = np.array([[0, 0, 30, 40], [0, 0, 60, 80], [10, 10, 40, 50]])
    by = facekit.evaluate_by("landmarks", images, points, ["a", "b", "a"], align="none", boxes=boxes)
    a = facekit.evaluate("landmarks", images[::2], points[::2], align="none", boxes=boxes[::2])
    assert by["a"] == pytest.approx(a) and {"nme_diag", "auc7_box"} <= by["discrepancy"].keys()
    with pytest.raises(ValueError, match=r"expected shape \(3, 4\)"):
        facekit.evaluate_by("landmarks", images, points, ["a", "b", "a"], boxes=boxes[:2])
