"""`suggest` puts the images first that a model is least certain about, for every task."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import facekit
from facekit.images.reader import ImageError
from facekit.labels import attribute_set, landmark_set, segmentation_set
from facekit.tasks import AttributesTask, LandmarkTask, SegmentationTask, StylizationTask

FAST: dict[str, Any] = {"weights": "none", "steps": 1, "views": 1, "least_views": 1, "device": "cpu", "progress": False}


def never() -> torch.Tensor:
    raise AssertionError("mirrored maps are not needed")


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_entropy_of_parts(activation: str) -> None:
    task = SegmentationTask(segmentation_set(["background", "hair"]), activation)
    sure = torch.tensor([50.0, -50.0]).view(1, 2, 1, 1).expand(1, 2, 4, 4)
    half = sure.clone()
    half[:, :, :2] = 0
    scores = task.uncertainty(torch.cat([sure, half, torch.zeros(1, 2, 4, 4)]), never)
    torch.testing.assert_close(scores, torch.tensor([0, 0.5, 1]) * math.log(2), atol=1e-5, rtol=1e-5)


def test_entropy_of_attributes() -> None:
    task = AttributesTask(attribute_set(["Smiling", "Young"]))
    scores = task.uncertainty(torch.tensor([[40.0, -40.0], [0.0, 40.0], [0.0, 0.0]]), never)
    torch.testing.assert_close(scores, torch.tensor([0, 0.5, 1]) * math.log(2), atol=1e-5, rtol=1e-5)


def test_scores_of_points() -> None:
    task = LandmarkTask(landmark_set(["nose", "chin"]))
    peak = torch.full((1, 2, 32, 32), -40.0)
    peak[:, :, 16, 16] = 40
    flat = torch.zeros(1, 2, 32, 32)
    mixed = torch.cat([peak[:, :1], flat[:, 1:]], 1)
    sure, some, none = task.uncertainty(torch.cat([peak, mixed, flat]), never).tolist()
    assert sure == pytest.approx(0, abs=1e-4)
    assert some == pytest.approx(none / 2, abs=1e-3) and 0.9 < none <= 1


def test_images_are_compared_with_mirrored_ones() -> None:
    task, maps = StylizationTask(), torch.rand(2, 4, 8, 8)
    turned = maps.clone()
    turned[1, :3] += 0.25
    turned[:, 3] += 9  # the outline of a portrait does not count
    torch.testing.assert_close(task.uncertainty(maps, lambda: turned), torch.tensor([0, 0.25]))


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    return [np.random.default_rng(i).integers(0, 256, (64, 64, 3), np.uint8) for i in range(4)]


CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("landmarks", "fsma", {"labels": np.random.default_rng(1).uniform(5, 60, (4, 3, 2))}),
    ("segmentation", "synthparse", {"labels": np.arange(4 * 64 * 64).reshape(4, 64, 64) // 7 % 2}),
]


@pytest.mark.parametrize(("task", "backbone", "settings"), CASES, ids=lambda x: x if isinstance(x, str) else "")
def test_order_follows_scores(images: list[np.ndarray], task: str, backbone: str, settings: dict[str, Any]) -> None:
    model = facekit.adapt(images, task=task, backbone=backbone, **settings, **FAST)
    found = facekit.suggest(model, images)
    assert found.scores.shape == (4,) and np.isfinite(found.scores).all()
    assert found.order.tolist() == np.argsort(-found.scores).tolist()
    assert found.names == ("image 0", "image 1", "image 2", "image 3")
    assert f"label next: image {found.order[0]} " in repr(found)
    alone = facekit.suggest(model, images[2])
    np.testing.assert_allclose(alone.scores, found.scores[2:3], rtol=1e-4)


def test_images_without_a_face_are_last(images: list[np.ndarray]) -> None:
    face, noise = facekit.data.samples().images[0], images[0]
    with pytest.warns(UserWarning, match=r"no face found in 2 of 3 images"):
        found = facekit.suggest("attributes", [noise, np.full_like(noise, 90), face])
    assert found.order[0] == 2 and np.isfinite(found.scores[2])
    assert np.isnan(found.scores[:2]).all() and found.order.tolist() == [2, 0, 1]


def test_wrong_arguments(images: list[np.ndarray]) -> None:
    with pytest.raises(ImageError, match="empty list"):
        facekit.suggest("attributes", [])
    with pytest.raises(ValueError, match="align"):
        facekit.suggest("attributes", images, align="sideways")


def test_images_without_a_face_are_named() -> None:
    wall = np.full((96, 96, 3), 90, np.uint8)
    message = r"no face found in 2 of 2 images \(image 0, image 1\), expected one in each"
    with pytest.warns(UserWarning, match=message) as seen:
        found = facekit.suggest("segmentation", [wall, wall])
    assert np.isnan(found.scores).all() and seen[0].filename == __file__
