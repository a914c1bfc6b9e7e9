"""Small operations on batches of parameters, colours and signed distance fields."""

from __future__ import annotations

import torch
from torch import Tensor

Batch = dict[str, Tensor]
"""Parameters of N faces, name -> (N, ...) float32, from ``stack_parameters``. Functions call it ``b``."""
Rgb = Tensor
"""Colours (N, 3, H, W), linear RGB."""


def per_sample(value: Tensor, ndim: int = 3) -> Tensor:
    """Reshape a number per face for broadcasting.

    Args:
        value: (N,).
        ndim: Number of dimensions of the tensor that it is combined with.

    Returns:
        (N, 1, ..., 1) with ``ndim`` dimensions.
    """
    return value.view(-1, *([1] * (ndim - 1)))


def per_channel(value: Tensor) -> Tensor:
    """Reshape a colour per face (N, 3) to (N, 3, 1, 1) for broadcasting."""
    return value[:, :, None, None]


def blend(base: Rgb, other: Tensor, amount: Tensor) -> Rgb:
    """Interpolate between two colours.

    Args:
        base: (N, 3, H, W), the result where ``amount`` is 0.
        other: Any shape that broadcasts to ``base``, the result where ``amount`` is 1.
        amount: (N, H, W) in [0, 1].

    Returns:
        (N, 3, H, W).
    """
    return torch.lerp(base, other.expand_as(base), amount[:, None])


def soft_edge(field: Tensor, width: Tensor | float) -> Tensor:
    """Return 0 outside and 1 inside a field, with a linear ramp of ``width`` mm around its zero."""
    return (field / width + 0.5).clamp(0, 1)


def gaussian(x: Tensor, y: Tensor, cx: float, cy: float, sx: float, sy: float) -> Tensor:
    """Evaluate a Gaussian of height 1 with centre (cx, cy) and standard deviations (sx, sy), in mm."""
    return torch.exp(-0.5 * (((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2))
