"""For tests of the frozen features that PFTGAN is compared with: a tiny DDPM as diffusers writes it, and images."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from facekit.backbones.pftgan.frozen_features import FrozenFeatures


def ddpm_folder(parent: Path) -> Path:
    """A DDPM of two levels with two blocks each, as diffusers writes it."""
    diffusers = pytest.importorskip("diffusers", reason="needs the extra 'diffusion'")
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=16,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=8,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )
    unet.save_pretrained(parent / "ddpm")
    diffusers.DDPMScheduler(num_train_timesteps=400, beta_end=0.05).save_pretrained(parent / "ddpm")
    return parent / "ddpm"


def images(features: FrozenFeatures, count: int = 2) -> Tensor:
    return torch.rand(count, 3, *[features.input_size] * 2, generator=torch.Generator().manual_seed(1))
