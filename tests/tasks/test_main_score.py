"""Each task has one score that counts, and `evaluate` returns it."""

from __future__ import annotations

import numpy as np

from facekit.labels import attribute_set, landmark_set, segmentation_set
from facekit.results.types import Attributes, Drawable, ImageResult, Landmarks, Segmentation
from facekit.tasks import AttributesTask, LandmarkTask, SegmentationTask, StylizationTask, Task
from facekit.tasks.main_score import main_score

IMAGE = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)


def _keys(task: Task, result: Drawable, label: np.ndarray) -> dict[str, float]:
    return task.score([result, result], [label, label])


def test_main_scores_exist() -> None:
    points, set68 = np.random.default_rng(0).uniform(0, 60, (68, 2)).astype(np.float32), landmark_set("68")
    parts, mask = segmentation_set(["background", "skin"]), np.zeros((64, 64), np.uint8)
    smile = attribute_set(["smile"])
    cases: list[tuple[Task, Drawable, np.ndarray, str, bool]] = [
        (LandmarkTask(set68), Landmarks(points, np.ones(68), set68, IMAGE), points, "nme_inter_ocular", False),
        (SegmentationTask(parts), Segmentation(mask, parts, IMAGE), mask, "f1_mean", True),
        (AttributesTask(smile), Attributes(np.ones(1), smile, IMAGE), np.ones(1), "balanced_accuracy", True),
        (StylizationTask(), ImageResult(IMAGE, IMAGE), IMAGE, "lpips", False),
    ]
    for task, result, label, name, higher in cases:
        found = main_score(task)
        assert (found.name, found.higher_is_better) == (name, higher)
        assert found.unit == ("" if name == "lpips" else "%")
        assert name in _keys(task, result, label)
