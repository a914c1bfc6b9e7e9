"""Tasks decode what they encode, have the right gradients, and score as by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facekit.augmentation.affine import Affine, random_matrices, warp, warp_masks, warp_points
from facekit.core.random_streams import generator_for
from facekit.labels import HELEN_11, LANDMARKS_68, landmark_set, segmentation_set
from facekit.metrics.scores import auc, confusion, f1_by_class, failure_rate, iou_by_class, landmark_normaliser, nme
from facekit.tasks import LandmarkTask, SegmentationTask, task_from_dict
from facekit.tasks.heatmaps import KINDS, gaussians


@pytest.mark.parametrize("heatmaps", [name for name, kind in KINDS.items() if kind.side is None])
def test_decoding_is_sub_pixel(heatmaps: str) -> None:
    task = LandmarkTask(landmark_set(None, 40), heatmaps)
    places = 8 + 48 * torch.rand(3, 40, 2, generator=torch.Generator().manual_seed(0))  # pixels of the maps
    maps, points = gaussians(places, 64, 64, task.sigma * 64), (places + 0.5) * task.stride - 0.5
    sigmoid = heatmaps in ("farl-code", "farl-released")
    if sigmoid:
        maps = torch.logit(maps, 1e-7)
    elif heatmaps != "l2":
        maps = maps.clamp_min(1e-9).log()
    decoded = np.stack(task.decode(maps))
    assert np.abs(decoded[..., :2] - points.numpy()).max() < 0.1 * task.stride
    assert (decoded[..., 2] > (0.2 if sigmoid else 0.4 if heatmaps == "l2" else 0.8)).all()
    labels = points.clone()
    labels[0, 0] = float("nan")
    maps = maps.clone().requires_grad_()
    task.loss(maps, labels).backward()
    assert maps.grad is not None and maps.grad[0, 0].abs().sum() == 0
    if heatmaps == "l2":
        assert task.loss(maps, labels) < 1e-12
        assert task_from_dict("landmarks", task.to_dict()).heatmaps == "l2"  # type: ignore[attr-defined]


def test_landmark_loss_ignores_unlabelled_points_and_prefers_the_truth() -> None:
    task = LandmarkTask(landmark_set(None, 2))
    labels = torch.tensor([[[40.0, 60.0], [float("nan")] * 2]])
    right = gaussians((torch.tensor([[[40.0, 60.0], [10.0, 10.0]]]) + 0.5) / 2 - 0.5, 64, 64, 1.5).clamp_min(1e-9).log()
    wrong = right.roll(8, -1)
    assert task.loss(right, labels) < task.loss(wrong, labels) - 1
    maps = right.clone().requires_grad_()
    task.loss(maps, labels).backward()
    assert maps.grad is not None and maps.grad[:, 0].abs().sum() > 0
    assert maps.grad[:, 1].abs().sum() == 0


def test_segmentation_loss_ignores_255() -> None:
    task = SegmentationTask(segmentation_set(None, 3))
    labels = torch.full((1, 8, 8), 255, dtype=torch.uint8)
    labels[0, 0, 0] = 2
    maps = torch.zeros(1, 3, 8, 8, requires_grad=True)
    task.loss(maps, labels).backward()
    assert maps.grad is not None
    assert maps.grad[0, :, 0, 0].abs().sum() > 0
    assert maps.grad[0, :, 1:].abs().sum() == 0


def test_points_masks_and_images_move_together() -> None:
    side, points = 128, torch.tensor([[[40.0, 60.0], [90.0, 30.0]]]).repeat(16, 1, 1)
    images = gaussians(points, side, side, 3.0)
    masks = torch.full((16, side, side), 0, dtype=torch.uint8)
    masks[:, 55:66, 35:46] = 1
    matrices, mirrored = random_matrices(16, Affine(25, (0.9, 1.2), 0.05, 0.5), generator_for(3, 0))
    assert 0 < mirrored.sum() < 16
    moved = warp_points(points, matrices, side, 64)
    seen = warp(images, matrices, 64)
    weights = seen / seen.sum((2, 3), keepdim=True)
    grid = torch.arange(64.0)
    found = torch.stack([(weights.sum(2) * grid).sum(-1), (weights.sum(3) * grid).sum(-1)], -1)
    assert (found - moved).abs().max() < 0.05
    out = warp_masks(masks, matrices, 64)
    for i in range(16):
        y, x = torch.nonzero(out[i] == 1, as_tuple=True)
        assert (torch.tensor([x.float().mean(), y.float().mean()]) - moved[i, 0]).abs().max() < 0.6


def test_augmented_labels_swap_sides_where_mirrored() -> None:
    task = LandmarkTask(LANDMARKS_68)
    labels = torch.rand(2, 68, 2) * 100
    identity = torch.tensor([[1.0, 0, 0], [0, 1, 0]]).repeat(2, 1, 1)
    flip = torch.tensor([[-1.0, 0, 0], [0, 1, 0]]).repeat(2, 1, 1)
    once = task.augmented(labels, flip, torch.tensor([True, True]), 128, 128)
    twice = task.augmented(once, flip, torch.tensor([True, True]), 128, 128)
    torch.testing.assert_close(twice, labels, atol=1e-3, rtol=0)
    torch.testing.assert_close(task.augmented(labels, identity, torch.tensor([False] * 2), 128, 128), labels)
    assert torch.allclose(once[:, 36, 0], 127 - labels[:, 45, 0], atol=1e-3)
    parts = SegmentationTask(HELEN_11)
    mask = torch.full((1, 8, 8), HELEN_11.classes.index("left_eye"), dtype=torch.uint8)
    out = parts.augmented(mask, flip[:1], torch.tensor([True]), 8, 8)
    assert (out == HELEN_11.classes.index("right_eye")).all()


def test_metrics_by_hand() -> None:
    truth = np.zeros((68, 2))
    truth[45] = (100, 0)
    truth[8] = (50, 80)
    predicted = truth + np.array([3.0, 4.0])
    assert nme(predicted, truth, LANDMARKS_68) == pytest.approx(0.05)
    assert landmark_normaliser(truth, LANDMARKS_68, "box") == pytest.approx(np.sqrt(8000))
    assert landmark_normaliser(truth, LANDMARKS_68, "diagonal") == pytest.approx(np.hypot(100, 80))
    with pytest.raises(ValueError, match="inter_ocular"):
        landmark_normaliser(truth, LANDMARKS_68, "nose")
    errors = np.array([0.02, 0.05, 0.2])
    assert failure_rate(errors, 0.1) == pytest.approx(1 / 3)
    assert auc(errors, 0.1) == pytest.approx((0.8 + 0.5 + 0) / 3)
    table = confusion(np.array([[0, 1, 1, 7]]), np.array([[0, 1, 0, 255]]), 3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    with pytest.raises(ValueError, match="prediction: expected ids from 0 to ., got 0 to 7"):
        confusion(np.array([0, 7]), np.array([0, 1]), 3)
    f1, iou = f1_by_class(table), iou_by_class(table)
    assert f1[:2] == pytest.approx([2 / 3, 2 / 3]) and iou[:2] == pytest.approx([0.5, 0.5])
    assert np.isnan(f1[2]) and np.isnan(iou[2])


@pytest.mark.parametrize("task", [LandmarkTask(LANDMARKS_68), SegmentationTask(HELEN_11)])
def test_tasks_survive_json(task: LandmarkTask | SegmentationTask) -> None:
    import json

    again = task_from_dict(task.name, json.loads(json.dumps(task.to_dict())))
    assert again.labels == task.labels  # type: ignore[attr-defined]
