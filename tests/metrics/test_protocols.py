"""`facekit.evaluate` and the tasks' `score` have the protocols of the papers as keys."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import facekit
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.labels import FASSEG_6, HELEN_11, LANDMARKS_19, LANDMARKS_68, LANDMARKS_98, SYNTHPARSE_11, LandmarkSet
from facekit.model.model import ready_model
from facekit.results import Landmarks, Segmentation
from facekit.tasks import LandmarkTask, SegmentationTask

IMAGE = np.zeros((8, 8, 3), np.uint8)


def segmentation_scores(labels: Any, found: list[list[int]], truth: list[list[int]]) -> dict[str, float]:
    results: list[Any] = [
        Segmentation(np.array([row], np.uint8), labels, np.zeros((1, len(row), 3), np.uint8)) for row in found
    ]
    return SegmentationTask(labels).score(results, [np.array([row], np.uint8) for row in truth])


def landmark_scores(labels: LandmarkSet, shift: np.ndarray, truth: np.ndarray, boxes: Any = None) -> dict[str, float]:
    points = (truth + shift).astype(np.float32)
    result: Any = Landmarks(points, np.ones(len(points), np.float32), labels, IMAGE)
    return LandmarkTask(labels).score([result], [truth], boxes)


def test_hair_missed_wholly() -> None:
    scores = segmentation_scores(HELEN_11, [[*range(10), 0]], [[*range(11)]])
    assert scores["f1"] == 100 and scores["f1_hair"] == 0, "f1 is of facial parts, as FSMA defines it"
    assert scores["f1_mean"] == pytest.approx(90)
    assert list(scores)[:3] == ["f1", "miou", "accuracy"]
    assert scores["f1_overall"] == scores["f1_brows"] == scores["f1_eyes"] == scores["f1_mouth"] == 100
    assert scores["f1_skin"] == scores["f1_nose"] == 100 and "f1_images_raised" not in scores


def test_a_part_missed_wholly_is_0_in_every_mean() -> None:
    nose = FASSEG_6.index("nose")
    scores = segmentation_scores(FASSEG_6, [[1, 1, 3, 5]], [[1, nose, 3, 5]])
    assert scores["f1"] == pytest.approx(200 / 3) and scores["f1_nose"] == 0
    assert scores["f1_mean"] == pytest.approx(100 * (2 / 3 + 1 + 0 + 1) / 4)
    assert "f1_overall" not in scores


def test_classes_that_are_predicted_and_absent() -> None:
    scores = segmentation_scores(FASSEG_6, [[0, 1, 2, 2]], [[0, 1, 1, 0]])
    assert scores["miou"] == pytest.approx(50) and scores["miou_all_classes"] == pytest.approx(100 / 6)
    assert scores["f1_mean"] == pytest.approx(100 * (2 / 3 + 0) / 2), "class 2 is invented"
    assert math.isnan(scores["f1_nose"])


def test_synthparse_scores_images_one_by_one() -> None:
    scores = segmentation_scores(SYNTHPARSE_11, [[0, 1], [0, 0]], [[0, 1], [0, 1]])
    assert scores["f1_images_raised"] == pytest.approx(100 * ((1 + 0.1) / 2 + 9 * 0.1) / 10)
    assert scores["f1_images_dropped"] == pytest.approx(10), "the image without skin is left out"
    assert scores["f1_mean"] == pytest.approx(100 * 2 / 3)


def test_aflw_boxes_by_hand() -> None:
    truth = np.random.default_rng(0).uniform(20, 60, (19, 2)).astype(np.float32)
    shift = np.full((19, 2), [0.6, 0.8])
    scores = landmark_scores(LANDMARKS_19, shift, truth, np.array([[10, 20, 40, 60]], float))
    assert scores["nme_diag"] == pytest.approx(2, rel=1e-4)
    assert scores["nme_box"] == pytest.approx(100 / math.sqrt(1200), rel=1e-4)
    assert scores["auc7_box"] == pytest.approx(100 * (1 - 1 / math.sqrt(1200) / 0.07), rel=1e-4)
    without = landmark_scores(LANDMARKS_19, shift, truth)
    assert "nme_diagonal" not in scores and not {"nme_diag", "auc7_box"} & without.keys()
    width, height = np.ptp(truth, axis=0)
    assert without["nme_box"] == pytest.approx(100 / math.sqrt(width * height), rel=1e-4)
    same = [key for key in scores if "box" not in key and key != "nme_diag"]
    assert next(iter(scores)) == "nme_inter_ocular" and all(scores[key] == without[key] for key in same)


def test_inside_and_outline_by_hand() -> None:
    truth = np.random.default_rng(1).uniform(20, 60, (68, 2)).astype(np.float32)
    truth[36], truth[45] = (20, 30), (70, 30)
    shift = np.zeros((68, 2))
    shift[:17, 0], shift[17:, 1] = 5, 1
    scores = landmark_scores(LANDMARKS_68, shift, truth)
    assert scores["nme_inter_ocular_outline"] == pytest.approx(10, rel=1e-4)
    assert scores["nme_inter_ocular_inside"] == pytest.approx(2, rel=1e-4)
    assert scores["nme_inter_ocular"] == pytest.approx((17 * 10 + 51 * 2) / 68, rel=1e-4)
    assert scores["nme"] == scores["nme_inter_ocular"]  # type: ignore[index]
    truth[:17] = np.nan
    assert "nme_inter_ocular_outline" not in landmark_scores(LANDMARKS_68, shift, truth)
    other = np.random.default_rng(2).uniform(0, 90, (98, 2)).astype(np.float32)
    assert not [key for key in landmark_scores(LANDMARKS_98, np.ones((98, 2)), other) if "inside" in key]


def test_evaluate_with_boxes() -> None:
    faces = GeneratedFaces(seed=5, size=128, yaw=(-20, 20)).batch(range(2), want=("image", "mask", "landmarks68"))
    images, points = faces["image"], faces["landmarks68"].numpy()
    boxes = np.concatenate([points.min(1), points.max(1)], 1)
    plain = facekit.evaluate("landmarks", images, points, align="none")
    scores = facekit.evaluate("landmarks", images, points, align="none", boxes=boxes)
    assert scores["nme_box"] == pytest.approx(plain["nme_box"]), "these boxes are those of the points"
    assert scores["nme_diag"] == pytest.approx(plain["nme_diagonal"])
    half = ready_model("landmarks").evaluate(images, points, align="none", boxes=(boxes * 2).tolist())
    assert half["nme_diag"] == pytest.approx(scores["nme_diag"] / 2)
    with pytest.raises(ValueError, match=r"expected shape \(2, 4\) for 2 images, got \(1, 4\)"):
        facekit.evaluate("landmarks", images, points, boxes=boxes[:1])
    with pytest.raises(ValueError, match="expected a model for 'landmarks', got one for 'segmentation'"):
        facekit.evaluate("segmentation", images, faces["mask"], boxes=boxes)
