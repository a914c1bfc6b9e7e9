"""Heads on wide towers, large inputs and single images: what FaRL's real size needs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.farl_tiny import TINY, tiny_pair
from safetensors.torch import save_file

import facekit
from facekit.backbones.farl.config import FaRLAdaptation, named_recipe
from facekit.backbones.farl.image_text_model import to_clip
from facekit.backbones.farl.network import FaRLNetwork
from facekit.backbones.image_tower import ImageTower, TowerSize
from facekit.core.device import autocast
from facekit.labels import segmentation_set
from facekit.model import find_backbone
from facekit.model.trained_model import TrainedModel
from facekit.tasks import SegmentationTask
from facekit.training import time_estimate
from facekit.training.finetune import FineTuning
from facekit.training.time_estimate import announce_time, estimate_seconds
from facekit.training.views import TrainingData

CPU = torch.device("cpu")
PARTS = SegmentationTask(segmentation_set(["background", "face"]))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(TowerSize(32, 16, 16, 2, 1, 16), tmp_path_factory.mktemp("weights"))


def written(size: TowerSize, folder: Path) -> Path:
    pair, path = tiny_pair(), folder / "tower.safetensors"
    pair.image = ImageTower(size).eval()
    save_file(to_clip(pair), path, {"heads_image": str(size.heads), "heads_text": "2"})
    return path


def few(count: int, side: int = 48) -> tuple[list[np.ndarray], list[np.ndarray]]:
    random = np.random.default_rng(0)
    masks = [(np.add.outer(np.arange(side), np.arange(side)) > side).astype(np.uint8)] * count
    return [random.integers(0, 255, (side, side, 3), np.uint8) for _ in range(count)], masks


def program(weights: Path, size: int, faces: int = 3, **settings: Any) -> FineTuning:
    config = FaRLAdaptation(
        **{"steps": 4, "batch_size": 3, "views": 1, "least_views": 30, "head_channels": 8, **settings}
    )
    network = find_backbone("farl").build(weights, 0, PARTS, FaRLAdaptation(1, input_size=size, head_channels=8))
    random = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 255, (faces, 3, size, size), dtype=torch.uint8, generator=random)
    data = TrainingData(crops, torch.zeros(faces, size, size, dtype=torch.uint8))
    return FineTuning(network, PARTS, data, config, CPU)


@torch.no_grad()
def test_heads_of_wide_towers_are_narrow_in_quick_only() -> None:
    def widths(recipe: str, tower: str) -> tuple[int, ...]:
        config = named_recipe(recipe, "segmentation", True, 10)
        settings = {**vars(config), "tower": tower, "input_size": 32}
        network = find_backbone("farl").build("none", 0, PARTS, FaRLAdaptation(**settings)).eval()
        assert network(torch.rand(1, 3, 32, 32)).shape == (1, 2, 32, 32)
        again = find_backbone("farl").network_from_dict(network.to_dict())
        again.load_state_dict(network.state_dict())
        return (network.head_channels, *network.head.pyramid.widths)

    assert widths("quick", "vit_small_patch16_224") == (64, 64, 64, 384, 384)
    assert widths("paper", "vit_small_patch16_224") == (384, 384, 384, 384, 384)
    assert widths("quick", "vit_tiny_patch16_224") == (64, 192, 192, 192, 192)


def test_files_without_the_new_field_load() -> None:
    network = FaRLNetwork(ImageTower(TINY), 2, head_channels=8)
    settings = {k: v for k, v in network.to_dict().items() if k != "pyramid_channels"}
    again = find_backbone("farl").network_from_dict(settings)
    again.load_state_dict(network.state_dict())


@pytest.mark.parametrize("patch", [8, 16])
@pytest.mark.parametrize("task", ["segmentation", "attributes"])
def test_one_face_in_batches_of_one(tmp_path: Path, patch: int, task: str) -> None:
    path = written(TowerSize(32, patch, 32, 4, 2, 16), tmp_path)
    (image,), (mask,) = few(1)
    labels: Any = [mask] if task == "segmentation" else [[1.0, 0.0]]
    model = facekit.adapt(
        [image], labels, task, "farl", weights=path, steps=3, batch_size=1, device="cpu", progress=False
    )
    result = model.predict(image)
    assert np.isfinite(model.about["loss"]) and len(result.draw()) == len(image)


def test_large_inputs_are_worked_through_in_parts(weights: Path, tower_runs: list[int]) -> None:
    views = 30
    large = program(weights, 448)
    large.features(torch.arange(3))
    assert sum(tower_runs) == views and max(tower_runs) == 50 * 224**2 // 448**2 == 12
    tower_runs.clear()
    unstored = program(weights, 448, cache=False)
    parts = unstored.features(torch.arange(20))
    assert tower_runs == [12, 8] and {len(p) for p in parts} == {20}
    kept = large.features(torch.arange(3))
    assert all(torch.allclose(a[:3], b, atol=2e-3) for a, b in zip(parts, kept, strict=True))
    tower_runs.clear()
    model = TrainedModel("farl", large.network, PARTS)
    model.predict_crops([np.zeros((448, 448, 3), np.uint8)] * 5)
    assert tower_runs == [4, 4, 2], "five faces and their mirrored copies"


def test_estimate_is_right_and_changes_nothing(
    weights: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, other = program(weights, 32), program(weights, 32)
    before, random = {k: v.clone() for k, v in ours.network.state_dict().items()}, torch.get_rng_state()
    assert 0 < estimate_seconds(ours) < 60
    assert all(torch.equal(v, before[k]) for k, v in ours.network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random) and ours.cache is None
    assert ours.step(0) == other.step(0)

    # A clock that advances by a second for each look: both passes take a second for two images.
    clock = iter(range(100))
    monkeypatch.setattr(time_estimate, "_now", lambda device: float(next(clock)))
    # 30 views at 0.5 s, and 4 steps of 3 images at 3 * 0.5 s.
    assert estimate_seconds(program(weights, 32)) == pytest.approx(15 + 18)
    assert estimate_seconds(program(weights, 32, cache=False)) == pytest.approx(6 + 18)
    with caplog.at_level(logging.INFO, "facekit"):
        announce_time(program(weights, 32), "adapting", False)
        assert "adapting" not in caplog.text, "half a minute is not worth saying"
        announce_time(program(weights, 32, steps=100), "adapting", False)
        assert "adapting: at least 8 minutes;" in caplog.text
    announce_time(program(weights, 32, steps=10_000), "adapting", True)
    assert "adapting: at least 13 hours;" in capsys.readouterr().err


def test_older_gpus_compute_frozen_features_in_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[tuple[Any, ...]] = []

    def recorded(kind: str, dtype: torch.dtype, enabled: bool) -> None:
        chosen.append((kind, dtype, enabled))

    monkeypatch.setattr(torch, "autocast", recorded)
    for native in (False, True):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, native=native: native)
        autocast(torch.device("cuda"), True)
        autocast(torch.device("cuda"), True, gradients=False)
    assert chosen == [
        ("cuda", torch.bfloat16, False),
        ("cuda", torch.float16, True),
        ("cuda", torch.bfloat16, True),
        ("cuda", torch.bfloat16, True),
    ]
