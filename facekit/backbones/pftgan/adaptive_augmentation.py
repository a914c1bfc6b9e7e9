"""Adaptive discriminator augmentation (Karras et al., "Training GANs with Limited Data", NeurIPS 2020).

Real and generated images alike are changed before the discriminator sees them, each change with a chance that grows
while the discriminator is too sure of the real ones. Geometry is resampled bilinearly at the image's own side, not by
the paper's wavelet filters.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def adapted_chance(chance: float, sign: float, seen: int, target: float, speed: int) -> float:
    """The next chance of a change: up while the mean sign of the logits of real images is above target, else down;
    from 0 to 1 in `speed` images, of which `seen` came since the last time."""
    step = seen / speed
    return min(1.0, max(0.0, chance + (step if sign > target else -step)))


def augmented(x: Tensor, chance: float, draws: torch.Generator) -> Tensor:
    """x: (N,3,S,S) about [-1, 1]. Each change of section 2.4's geometry and colours comes with the given chance."""
    if chance <= 0:
        return x
    theta = _geometry(len(x), chance, draws, x.shape[-1]).to(x)
    grid = F.affine_grid(theta[:, :2], list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    colour = _colours(len(x), chance, draws).to(x)
    return torch.einsum("nij,njhw->nihw", colour[:, :3, :3], x) + colour[:, :3, 3, None, None]


def _taken(n: int, chance: float, draws: torch.Generator) -> Tensor:
    return torch.rand(n, generator=draws) < chance


def _normal(n: int, scale: float, chance: float, draws: torch.Generator) -> Tensor:
    """Normal numbers of that deviation; 0 for those that are not changed."""
    return torch.randn(n, generator=draws) * scale * _taken(n, chance, draws)


def _eye(n: int, side: int) -> Tensor:
    return torch.eye(side).repeat(n, 1, 1)


def _geometry(n: int, chance: float, draws: torch.Generator, side: int) -> Tensor:
    """Matrices (n,3,3) from the places of the changed image to those of the given one, both in [-1, 1]."""

    def scaled(x: Tensor, y: Tensor) -> Tensor:
        found = _eye(n, 3)
        found[:, 0, 0], found[:, 1, 1] = x, y
        return found

    def turned(angle: Tensor) -> Tensor:
        found = _eye(n, 3)
        found[:, 0, 0] = found[:, 1, 1] = angle.cos()
        found[:, 1, 0], found[:, 0, 1] = angle.sin(), -angle.sin()
        return found

    def moved(shift: Tensor) -> Tensor:
        found = _eye(n, 3)
        found[:, :2, 2] = shift
        return found

    ones = torch.ones(n)
    # Before and after an uneven scaling, so that together one has the given chance.
    turning = 1 - math.sqrt(1 - chance)
    mirror = 1 - 2 * (torch.rand(n, generator=draws) < 0.5).float() * _taken(n, chance, draws)
    quarter = torch.randint(4, (n,), generator=draws) * _taken(n, chance, draws) * (math.pi / 2)
    whole = (torch.rand(n, 2, generator=draws) * 2 - 1) * 0.125 * _taken(n, chance, draws)[:, None]
    even = torch.exp2(_normal(n, 0.2, chance, draws))
    first = (torch.rand(n, generator=draws) * 2 - 1) * math.pi * _taken(n, turning, draws)
    uneven = torch.exp2(_normal(n, 0.2, chance, draws))
    second = (torch.rand(n, generator=draws) * 2 - 1) * math.pi * _taken(n, turning, draws)
    part = torch.randn(n, 2, generator=draws) * 0.125 * _taken(n, chance, draws)[:, None]
    pixels = (whole * side).round() / side * 2
    steps = (
        scaled(mirror, ones), turned(quarter), moved(pixels), scaled(even, even), turned(first),
        scaled(uneven, 1 / uneven), turned(second), moved(2 * part),
    )  # fmt: skip
    found = _eye(n, 3)
    for step in steps:
        found = found @ step
    return found


def _colours(n: int, chance: float, draws: torch.Generator) -> Tensor:
    """Matrices (n,4,4) for RGB and 1: brightness, contrast, mirrored luma, hue, saturation."""
    bright = _eye(n, 4)
    bright[:, :3, 3] = _normal(n, 0.2, chance, draws)[:, None]
    contrast = torch.exp2(_normal(n, 0.5, chance, draws))
    contrasted = torch.diag_embed(torch.stack([contrast, contrast, contrast, torch.ones(n)], 1))
    axis = torch.tensor([1.0, 1.0, 1.0, 0.0]) / math.sqrt(3)
    along = torch.outer(axis, axis)  # what all three channels share: luma
    flip = ((torch.rand(n, generator=draws) < 0.5) & _taken(n, chance, draws)).float()
    flipped = torch.eye(4) - 2 * along * flip[:, None, None]
    hue = (torch.rand(n, generator=draws) * 2 - 1) * math.pi * _taken(n, chance, draws)
    cross = torch.zeros(4, 4)
    cross[:3, :3] = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    cos, sin = hue.cos()[:, None, None], hue.sin()[:, None, None]
    rest = torch.diag(torch.tensor([1.0, 1.0, 1.0, 0.0])) - along
    last = torch.diag(torch.tensor([0.0, 0.0, 0.0, 1.0]))
    turned = along + rest * cos + cross * sin + last
    saturation = torch.exp2(_normal(n, 1.0, chance, draws))[:, None, None]
    saturated = along + rest * saturation + last
    return saturated @ turned @ flipped @ contrasted @ bright
