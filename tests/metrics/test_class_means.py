"""Means over classes count missed and invented classes as 0."""

from __future__ import annotations

import numpy as np
import pytest

from facekit.labels import CAR_20, CELEBAMASK_19, LAPA_11
from facekit.metrics import all_classes_iou, confusion, foreground_f1


def test_by_hand() -> None:
    # Class 1: 2 in common of 2 and 3. Class 2 is missed. Class 3 is invented. Class 4 is nowhere.
    truth, found = np.array([0, 0, 1, 1, 2]), np.array([0, 3, 1, 1, 1])
    table = confusion(found, truth, 5)
    assert foreground_f1(table) == pytest.approx((4 / 5 + 0 + 0) / 3)
    assert all_classes_iou(table) == pytest.approx((1 / 2 + 2 / 3 + 0 + 0 + 0) / 5)
    assert np.isnan(foreground_f1(confusion(np.zeros(3, int), np.zeros(3, int), 4)))


def test_a_class_that_is_missed_wholly_is_in_the_mean() -> None:
    truth = np.repeat(np.arange(11), 10)
    found = np.where(truth == LAPA_11.index("hair"), 0, truth)
    assert foreground_f1(confusion(found, truth, 11)) == pytest.approx(9 / 10), "hair is one of LaPa's 10 classes"
    truth = np.repeat(np.arange(19), 10)
    found = np.where(truth == CELEBAMASK_19.index("necklace"), CELEBAMASK_19.index("neck"), truth)
    assert foreground_f1(confusion(found, truth, 19)) == pytest.approx((16 + 2 / 3) / 18)


def published_iou(found: np.ndarray, truth: np.ndarray, classes: int) -> float:
    """Return the mean IoU by unions and intersections of masks, as DatasetGAN's paper and code describe it."""
    values = []
    for target in range(classes):
        a, b = found == target, truth == target
        values.append((a & b).sum() / (1e-8 + (a | b).sum()))
    return float(np.mean(values))


def test_iou_equals_an_independent_way() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 12, (3, 32, 32))  # eight of the car's classes are not in the truth
    found = np.where(rng.random(truth.shape) < 0.7, truth, rng.integers(0, 16, truth.shape))
    table = confusion(found, truth, len(CAR_20))
    assert all_classes_iou(table) == pytest.approx(published_iou(found, truth, len(CAR_20)))


def test_scores_equal_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")  # no dependency: runs where it is installed
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 9, 4000)
    found = np.where(rng.random(4000) < 0.6, truth, rng.integers(0, 11, 4000))
    table, classes = confusion(found, truth, 11), np.arange(11)
    f1 = metrics.f1_score(truth, found, labels=classes[1:], average="macro", zero_division=0)
    assert foreground_f1(table) == pytest.approx(f1)
    iou = metrics.jaccard_score(truth, found, labels=classes, average="macro", zero_division=0)
    assert all_classes_iou(table) == pytest.approx(iou)
