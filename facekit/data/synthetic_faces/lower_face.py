"""Opening of the mouth, and the regions of beard and moustache, in canonical millimetres."""

from __future__ import annotations

import torch
from torch import Tensor

from .anatomy import MOUTH_HALF, MOUTH_Y
from .fields import Batch, per_sample

UPPER_FADE, LOWER_FADE = 12.0, 30.0  # mm above and below the lips over which the motion of the mouth fades out


def lips_apart(b: Batch, x: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the distance of each lip from the closed line of the mouth.

    Args:
        b: Parameters of N faces: ``mouth_up``, ``mouth_down``.
        x: Canonical positions (N, ...), mm.

    Returns:
        Distances (up, down) in mm, each (N, ...).
    """
    m = (x / (MOUTH_HALF - 2.5)).abs().clamp_max(1)
    shape = torch.sqrt((1 - m * m).clamp_min(0)) * (1 - 0.25 * m)
    return per_sample(b["mouth_up"], x.ndim) * shape, per_sample(b["mouth_down"], x.ndim) * shape


def close_mouth(b: Batch, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Undo the opening of the mouth.

    Args:
        b: Parameters of N faces.
        x: Canonical positions (N, ...), mm.
        y: Heights on the opened mouth (N, ...), mm.

    Returns:
        Heights on the closed mouth (N, ...), and the depth inside the gap between the lips (mm, > 0 inside).
    """
    up, down = lips_apart(b, x)
    my = y - MOUTH_Y
    above, below = my - up, -my - down
    top = above * (1 + up / UPPER_FADE)
    low = below * (1 + down / LOWER_FADE)
    y_top = torch.where(above < UPPER_FADE, top, my)
    y_low = torch.where(below < LOWER_FADE, -low, my)
    closed = torch.where(above >= 0, y_top, torch.where(below >= 0, y_low, torch.zeros_like(my)))
    return closed + MOUTH_Y, torch.minimum(-above, -below)


def open_mouth(b: Batch, x: Tensor, y: Tensor, upper: Tensor) -> Tensor:
    """Move canonical heights to where they lie on the opened mouth.

    Args:
        b: Parameters of N faces.
        x: Canonical positions (N, ...), mm.
        y: Heights on the closed mouth (N, ...), mm.
        upper: (N, ...) bool, whether the position belongs to the upper lip's side of the closed line.

    Returns:
        Heights on the opened mouth (N, ...), mm.
    """
    up, down = lips_apart(b, x)
    my = y - MOUTH_Y
    top = torch.where(my < UPPER_FADE + up, up + my.clamp_min(0) / (1 + up / UPPER_FADE), my)
    low = torch.where(-my < LOWER_FADE + down, -down - (-my).clamp_min(0) / (1 + down / LOWER_FADE), my)
    return torch.where(upper, top, low) + MOUTH_Y


def beard_region(b: Batch, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the signed distance to the regions of beard and moustache, whether or not the person has them.

    Args:
        b: Parameters of N faces: ``beard_goatee``, ``beard_line``.
        x: Canonical positions (N, ...), mm.
        y: Same shape.
        z: Same shape.

    Returns:
        Fields (beard, moustache) in mm, positive inside, each (N, ...).
    """
    a = x.abs()
    goatee = per_sample(b["beard_goatee"], x.ndim)
    cheek = (
        -46
        - 17 * torch.exp(-(((a - 30) / 18) ** 2))
        + 0.9 * (a - 45).clamp_min(0)
        + per_sample(b["beard_line"], x.ndim)
    )
    full = torch.minimum(torch.minimum(cheek - y, y + 132 - 0.25 * a), (z - 12) * 0.8)
    chin = torch.minimum(30 - a - 0.1 * (y + 80).clamp_max(0).abs(), -70 - y + 0.55 * (a - 21).clamp_min(0))
    field = torch.where(goatee > 0.5, torch.minimum(chin, full + 40), full)
    mouth = torch.sqrt((a / 29.0) ** 2 + ((y + 69.0) / 12.0) ** 2) - 1  # no hair on the lips
    beard = torch.minimum(field, mouth * 10)
    bare = -60.5 - 0.10 * a
    moustache = torch.minimum(torch.minimum(y - bare + 1.2, -50.5 - 0.0105 * a * a - y), 31 - a)
    return beard, moustache
