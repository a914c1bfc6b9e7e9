"""Vision transformers with registers and patches of 14 px serve as towers and as pixel features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch

import facekit
from facekit.backbones.farl.timm_tower import stand_in
from facekit.backbones.pftgan.frozen_features import ViTFeatures

NAMES = ("vit_small_patch14_dinov2", "vit_small_patch14_reg4_dinov2")
SIDE = 56  # four patches of 14 px


def face() -> tuple[np.ndarray, np.ndarray]:
    image = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    return image, (np.arange(SIDE)[:, None] * np.ones(SIDE) > 28).astype(np.uint8)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_class_token_and_registers_are_no_patches(name: str) -> None:
    tower, x = stand_in(name, "none", SIDE, 0), torch.rand(2, 3, SIDE, SIDE)
    assert (tower.patch, tower.depth, tower.width) == (14, 12, 384)
    first = 1 + (4 if "reg4" in name else 0)
    seen: list[torch.Tensor] = []
    hook = tower.vit.blocks[5].register_forward_hook(lambda block, args, out: seen.append(out))
    (token, maps), *_ = tower.levels(x, (6, 12))
    hook.remove()
    assert seen[0].shape == (2, first + 16, 384)
    torch.testing.assert_close(token, seen[0][:, 0])
    torch.testing.assert_close(maps.flatten(2).transpose(1, 2), seen[0][:, first:])
    features = ViTFeatures(name, (6, 12), SIDE)
    features.vit.load_state_dict({k: v for k, v in tower.vit.state_dict().items() if not k.startswith("norm.")})
    torch.testing.assert_close(features(x)[0], maps)


@pytest.mark.parametrize("name", NAMES)
def test_facebooks_files(name: str, tmp_path: Path) -> None:
    """They have a mask token and other names; positions are resized from their grid, here of 8 x 8 patches."""
    state = timm.create_model(name, num_classes=0, img_size=112).state_dict()
    official = {**state, "mask_token": torch.zeros(1, 384)}
    if "reg_token" in official:
        official["register_tokens"] = official.pop("reg_token")
        official["pos_embed"] = torch.cat([torch.zeros(1, 1, 384), official["pos_embed"]], 1)
    torch.save(official, tmp_path / "dinov2.pth")
    read = stand_in(name, tmp_path / "dinov2.pth", SIDE, 0).vit.state_dict()
    assert torch.equal(read["blocks.3.mlp.fc1.weight"], state["blocks.3.mlp.fc1.weight"])
    assert read["pos_embed"].shape[1] == (16 if "reg4" in name else 17)
    del official["blocks.3.mlp.fc1.weight"]
    torch.save(official, tmp_path / "half.pth")
    with pytest.raises(ValueError, match=r"half.pth.*blocks.3.mlp.fc1.weight"):
        stand_in(name, tmp_path / "half.pth", SIDE, 0)


def test_sides_are_multiples_of_the_patch() -> None:
    with pytest.raises(ValueError, match="input_size=60: expected a multiple of the patch size, 14 px"):
        stand_in(NAMES[0], "none", 60, 0)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["farl", "pftgan"])
def test_adapts_saves_and_comes_back(backbone: str, tmp_path: Path) -> None:
    image, mask = face()
    settings = {"tower": NAMES[1], "input_size": SIDE, "weights": "none", "least_views": 2, "views": 2, "steps": 2}
    if backbone == "pftgan":
        settings |= {"features": "vit", "members": 1}
    model = facekit.adapt([image], [mask], "segmentation", backbone, device="cpu", progress=False, **settings)
    result = model.predict(image)
    model.save(tmp_path / "m.facekit")
    assert np.array_equal(facekit.load(tmp_path / "m.facekit", "cpu").predict(image).mask, result.mask)
