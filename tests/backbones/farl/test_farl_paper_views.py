"""FaRL's paper recipes: heatmaps of 128 px, degraded views, and what fine-tuning the tower adds for attributes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.farl_tiny import tiny_pair
from safetensors.torch import save_file

import facekit
from facekit.augmentation.affine import Affine, random_matrices
from facekit.augmentation.degradations import Degradation
from facekit.backbones.farl.config import PRETRAIN_BASE, PRETRAIN_MINI, FaRLAdaptation, named_recipe
from facekit.backbones.farl.image_text_model import to_clip
from facekit.core.random_streams import generator_for
from facekit.geometry.affine_crop import AffineCrop
from facekit.labels import landmark_set
from facekit.results.types import Landmarks
from facekit.tasks import AttributesTask, LandmarkTask, task_from_dict
from facekit.tasks.heatmaps import gaussians
from facekit.training.views import AugmentedViews, TrainingData


def test_mirroring_is_what_the_paper_names() -> None:
    for recipe in ("paper", "paper-ft"):
        mirrored = {task: named_recipe(recipe, task, False, 10).mirror for task in ("landmarks", "segmentation")}
        assert mirrored == {"landmarks": False, "segmentation": False}
        assert named_recipe(recipe, "attributes", False, 10).mirror, "random horizontal-flip (appendix)"
    assert (PRETRAIN_BASE.mirror, PRETRAIN_MINI.mirror) == (0.0, 0.5)


def test_tuning_the_tower_for_attributes_is_not_the_frozen_recipe() -> None:
    frozen, tuned = (named_recipe(name, "attributes", False, 1000) for name in ("paper", "paper-ft"))
    assert frozen.degradation == Degradation() and frozen.point_noise == 0
    assert tuned.grey == 0.1 and tuned.noise == pytest.approx(5**0.5) and tuned.noisy > 0 and tuned.shift > 0
    assert tuned.steps == frozen.steps and tuned.tower_lr == 1e-4


def test_landmarks_have_blur_noise_and_occlusion() -> None:
    recipe = named_recipe("paper", "landmarks", False, 10)
    assert recipe.blurred and recipe.noisy and recipe.occluded and not recipe.grey
    assert named_recipe("paper", "segmentation", False, 10).degradation == Degradation()


def test_views_are_degraded_and_the_plain_ones_are_not() -> None:
    crops = torch.randint(256, (3, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    task = AttributesTask.create(facekit.labels.attribute_set(["a", "b"], 2), FaRLAdaptation(steps=1))
    still: dict[str, Any] = {"rotate": 0.0, "scale": (1.0, 1.0), "shift": 0.0, "jitter": 0.0, "mirror": False}

    def images(**settings: Any) -> torch.Tensor:
        config = FaRLAdaptation(steps=1, views=2, least_views=1, **still, **settings)
        views = AugmentedViews(task, TrainingData(crops, torch.zeros(3, 2)), config, 40, torch.device("cpu"))
        return views.images(torch.arange(6))

    plain, grey, moved = images(), images(grey=1.0), images(noise=10.0)
    torch.testing.assert_close(plain[:3], plain[3:])
    assert torch.equal(grey[:3], plain[:3]) and torch.equal(grey[3:, 0], grey[3:, 1])
    assert torch.equal(moved[:3], plain[:3]) and not torch.allclose(moved[3:], plain[3:], atol=0.1)


@pytest.mark.parametrize("input_size", [224, 448, 100])
def test_heatmaps_have_128_px_and_a_sigma_of_one(input_size: int) -> None:
    task = LandmarkTask(landmark_set(None, 6), "farl-128")
    points = input_size * (0.2 + 0.6 * torch.rand(1, 6, 2, generator=torch.Generator().manual_seed(0)))
    identity, mirrored = random_matrices(1, Affine(), generator_for(0, 0))
    labels = task.augmented(points, identity, mirrored, input_size, input_size)
    maps = gaussians((points + 0.5) * (128 / input_size) - 0.5, 128, 128, sigma=1.0).clamp_min(1e-9).log()
    assert task.sigma * 128 == 1 and task.loss(maps, labels) < task.loss(maps.roll(2, -1), labels) - 1
    crop = AffineCrop(np.eye(3), input_size)
    result = task.result(task.decode(maps)[0], crop, np.zeros((input_size, input_size, 3), np.uint8), None)
    assert isinstance(result, Landmarks)
    np.testing.assert_allclose(result.points, points[0].numpy(), atol=0.15 * input_size / 128)
    assert isinstance(task_from_dict("landmarks", task.to_dict()), LandmarkTask)


def test_a_model_with_heatmaps_of_128_px_is_saved(tmp_path: Path) -> None:
    weights = tmp_path / "tiny.safetensors"
    save_file(to_clip(tiny_pair()), weights, {"heads_image": "2", "heads_text": "2"})
    face = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    points = np.random.default_rng(1).uniform(10, 54, (1, 5, 2))
    model = facekit.adapt(
        [face],
        points,
        "landmarks",
        "farl",
        weights=weights,
        align="none",
        recipe="paper",
        steps=60,
        lr=2e-3,
        batch_size=2,
        views=1,
        least_views=1,
        head_channels=16,
        progress=False,
        device="cpu",
    )
    found = facekit.predict(model, face)
    assert model.maps(torch.zeros(1, 3, 32, 32)).shape[2:] == (128, 128)
    assert np.linalg.norm(found.points - points[0], axis=-1).mean() < 4, "it has learned the only face"
    model.save(tmp_path / "m.facekit")
    assert np.array_equal(facekit.predict(facekit.load(tmp_path / "m.facekit", "cpu"), face).points, found.points)
