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
    """Convert a signed distance to a soft mask.

    Args:
        field: Signed distance in mm, positive inside, any shape.
        width: Width of the ramp around zero, mm.

    Returns:
        0 outside to 1 inside, same shape.
    """
    return (field / width + 0.5).clamp(0, 1)


def gaussian(x: Tensor, y: Tensor, cx: float, cy: float, sx: float, sy: float) -> Tensor:
    """Evaluate a 2D Gaussian of height 1.

    Args:
        x: Positions, any shape.
        y: Positions, same shape.
        cx: x of the centre.
        cy: y of the centre.
        sx: Standard deviation along x.
        sy: Standard deviation along y.

    Returns:
        Values in (0, 1], same shape.
    """
    return torch.exp(-0.5 * (((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2))
