"""TODO."""

from __future__ import annotations

import torch
from torch import Tensor

Rgb = Tensor  # (N, 3, H, W), linear light
Batch = dict[str, Tensor]


def per_sample(value: Tensor, ndim: int = 3) -> Tensor:
    """A per-face number (N,) shaped to act on (N, ...) of `ndim` dimensions."""
    return value.view(-1, *([1] * (ndim - 1)))


def per_channel(value: Tensor) -> Tensor:
    """Per-face colours (N, 3) shaped (N, 3, 1, 1)."""
    return value[:, :, None, None]


def blend(base: Rgb, other: Tensor, amount: Tensor) -> Rgb:
    """base -> other by amount (N, H, W) in [0, 1]."""
    return torch.lerp(base, other.expand_as(base), amount[:, None])


def soft_edge(field: Tensor, width: Tensor | float) -> Tensor:
    """0..1 across an edge at zero, `width` mm wide."""
    return (field / width + 0.5).clamp(0, 1)


def gaussian(ax: Tensor, y: Tensor, cx: float, cy: float, sx: float, sy: float) -> Tensor:
    return torch.exp(-0.5 * (((ax - cx) / sx) ** 2 + ((y - cy) / sy) ** 2))
