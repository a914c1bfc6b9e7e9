"""The attribute head that reads regions: where something is counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import facekit
from facekit.backbones.farl.network import FaRLNetwork
from facekit.backbones.image_tower import ImageTower, TowerSize


def network(regions: int | None) -> FaRLNetwork:
    torch.manual_seed(0)
    tower = ImageTower(TowerSize(input_size=32, patch=8, width=16, layers=4, heads=2, embed_dim=8))
    return FaRLNetwork(tower, 5, dense=False, layers=(1, 2, 3, 4), regions=regions).eval()


def test_vectors_are_class_tokens_and_means_of_regions() -> None:
    net = network(2)
    tokens, levels = torch.randn(3, 16), torch.randn(3, 16, 4, 4)
    (vectors,) = net.read([(tokens, levels)] * 4)
    assert vectors.shape == (3, 4 * (1 + 4), 16)
    assert torch.equal(vectors[:, 0], tokens) and torch.equal(vectors[:, 5], tokens)
    assert torch.allclose(vectors[:, 2], levels[:, :, :2, 2:].mean((2, 3)), atol=1e-6)  # upper right
    assert net(torch.rand(3, 3, 32, 32)).shape == (3, 5)


def test_only_regions_tell_left_from_right() -> None:
    """The paper's vectors are the same for a level and its mirror image."""
    level = torch.randn(1, 16, 4, 4)
    tokens = torch.zeros(1, 16)
    for regions, same in ((None, True), (3, False)):
        net = network(regions)
        (one,), (other,) = net.read([(tokens, level)] * 4), net.read([(tokens, level.flip(-1))] * 4)
        assert torch.allclose(one, other, atol=1e-6) is same


def test_a_model_with_regions_is_saved(tmp_path: Path) -> None:
    images = list(np.random.default_rng(0).integers(0, 255, (6, 96, 96, 3), np.uint8))
    labels = (np.arange(12).reshape(6, 2) % 3 == 0).astype(float)
    model = facekit.adapt(
        images, labels, "attributes", "farl", names=["a", "b"], regions=2, steps=2, progress=False, device="cpu"
    )
    model.save(tmp_path / "a.facekit")
    x = torch.rand(2, 3, 96, 96)
    assert torch.equal(model.maps(x), facekit.load(tmp_path / "a.facekit", device="cpu").maps(x))


def test_no_region_is_refused() -> None:
    with pytest.raises(ValueError, match="regions=0: expected"):
        facekit.adapt([np.zeros((96, 96, 3), np.uint8)], [[1.0]], "attributes", "farl", names=["a"], regions=0)
