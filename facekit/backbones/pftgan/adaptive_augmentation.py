"""Adaptive discriminator augmentation of StyleGAN2-ADA (https://arxiv.org/abs/2006.06676).

Real and generated images are augmented before the discriminator. The probability of each augmentation grows while the
discriminator is too certain of real images. Images are resampled bilinearly, not by the paper's wavelet filters.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def adapted_chance(chance: float, sign: float, images: int, target: float, speed: int) -> float:
    """Adjust the probability of augmentation.

    Args:
        chance: The present probability.
        sign: Mean sign of the logits of real images since the last adjustment.
        images: Images since the last adjustment.
        target: The probability rises while ``sign`` is larger, else it falls.
        speed: Images over which the probability may rise from 0 to 1.
    """
    step = images / speed
    return min(1.0, max(0.0, chance + (step if sign > target else -step)))


def augmented(x: Tensor, chance: float, draws: torch.Generator) -> Tensor:
    """Augment geometry and colours as in section 2.4.

    Args:
        x: Images (N, 3, S, S) in about [-1, 1].
        chance: Probability of each augmentation.
        draws: Source of random numbers.
    """
    if chance <= 0:
        return x
    theta = _geometry(len(x), chance, draws, x.shape[-1]).to(x)
    grid = F.affine_grid(theta[:, :2], list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    colour = _colours(len(x), chance, draws).to(x)
    return torch.einsum("nij,njhw->nihw", colour[:, :3, :3], x) + colour[:, :3, 3, None, None]


def _taken(n: int, chance: float, draws: torch.Generator) -> Tensor:
    """Draw which images are augmented."""
    return torch.rand(n, generator=draws) < chance


def _normal(n: int, scale: float, chance: float, draws: torch.Generator) -> Tensor:
    """Draw normal numbers of a standard deviation, 0 for images that are not augmented."""
    return torch.randn(n, generator=draws) * scale * _taken(n, chance, draws)


def _eye(n: int, side: int) -> Tensor:
    """Return n identity matrices."""
    return torch.eye(side).repeat(n, 1, 1)


def _geometry(n: int, chance: float, draws: torch.Generator, side: int) -> Tensor:
    """Return matrices (n, 3, 3) from coordinates of the augmented image to those of the original, in [-1, 1]."""

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
    # There is a rotation before and one after the anisotropic scaling. Together they have the given probability.
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
        scaled(mirror, ones),
        turned(quarter),
        moved(pixels),
        scaled(even, even),
        turned(first),
        scaled(uneven, 1 / uneven),
        turned(second),
        moved(2 * part),
    )
    found = _eye(n, 3)
    for step in steps:
        found = found @ step
    return found


def _colours(n: int, chance: float, draws: torch.Generator) -> Tensor:
    """Return matrices (n, 4, 4) for homogeneous RGB: brightness, contrast, luma flip, hue, saturation."""
    bright = _eye(n, 4)
    bright[:, :3, 3] = _normal(n, 0.2, chance, draws)[:, None]
    contrast = torch.exp2(_normal(n, 0.5, chance, draws))
    contrasted = torch.diag_embed(torch.stack([contrast, contrast, contrast, torch.ones(n)], 1))
    axis = torch.tensor([1.0, 1.0, 1.0, 0.0]) / math.sqrt(3)
    along = torch.outer(axis, axis)  # luma
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
