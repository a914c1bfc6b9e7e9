"""Outlines of eyes, nose, mouth and muzzle over the canonical front (x, y), in millimetres.

Painting, masks and landmarks all use these outlines.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..synthetic_faces.fields import Batch, per_sample
from .label_sets import HEAD, LEFT_EYE, MOUTH, MUZZLE, NOSE, RIGHT_EYE

NOSE_Y, MOUTH_Y, MUZZLE_Y = -8.0, -19.5, -16.5  # upper edge of the nose, middle of the mouth's line and of the muzzle
LIP = 1.15  # half the thickness of the painted lips


@dataclass(frozen=True)
class Features:
    """Fields at positions of the head, each (N, ...).

    Attributes:
        eye: Distance inside the opening of the eye, mm.
        along: Position along the eye: -1 at its inner corner, 1 at its outer corner.
        over: Height above the line between the corners, mm.
        nose: Distance inside the nose, mm.
        line: Distance inside the line of the mouth, mm.
        gape: Distance inside the open mouth, mm.
        muzzle: Distance inside the muzzle, mm.
        ids: Class ids of ANIMAL_PARTS.
    """

    eye: Tensor
    along: Tensor
    over: Tensor
    nose: Tensor
    line: Tensor
    gape: Tensor
    muzzle: Tensor
    ids: Tensor


def mouth_line(b: Batch, a: Tensor) -> Tensor:
    """Compute the height of the upper lip's edge: two arcs, like a 3 lying on its side.

    Args:
        b: Parameters of N animals: ``mouth_...``.
        a: Absolute canonical x (N, ...), mm.

    Returns:
        Height (N, ...), mm.
    """
    s = (a / per_sample(b["mouth_half"])).clamp_max(1.0)
    return MOUTH_Y - per_sample(b["mouth_dip"]) * torch.sin(3.3 * s) + per_sample(b["mouth_curl"]) * s**3


def gape_depth(b: Batch, a: Tensor) -> Tensor:
    """Compute how far the lower lip lies below the upper one.

    Args:
        b: Parameters of N animals: ``mouth_half``, ``mouth_open``.
        a: Absolute canonical x (N, ...), mm.

    Returns:
        (N, ...) mm.
    """
    s = a / (0.8 * per_sample(b["mouth_half"]))
    return per_sample(b["mouth_open"]) * (1 - s * s).clamp_min(0)


def eye_place(b: Batch, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the position relative to the nearer eye.

    Args:
        b: Parameters of N animals: ``eye_...``.
        x: Canonical positions (N, ...), mm.
        y: Same shape.

    Returns:
        (along, over, eye), see ``Features``.
    """
    out, up = x.abs() - per_sample(b["eye_x"]), y - per_sample(b["eye_y"])
    c, s = torch.cos(per_sample(b["eye_tilt"])), torch.sin(per_sample(b["eye_tilt"]))
    half = per_sample(b["eye_half"])
    along, over = (out * c + up * s) / half, up * c - out * s
    inside = (1 - along * along).clamp_min(0)
    # The inner corner is pointed (the tear duct), the outer corner is blunt.
    shape = inside ** (0.72 - 0.16 * along)
    field = torch.minimum(per_sample(b["eye_up"]) * shape - over, per_sample(b["eye_low"]) * shape + over)
    return along, over, torch.where(along.abs() < 1, field, -(along.abs() - 1) * half - over.abs())


def nose_field(b: Batch, x: Tensor, y: Tensor) -> Tensor:
    """Compute the distance inside the nose: rounded above, narrowing to the groove below.

    Args:
        b: Parameters of N animals: ``nose_half``, ``nose_tall``.
        x: Canonical positions (N, ...), mm.
        y: Same shape.

    Returns:
        (N, ...) mm, positive inside.
    """
    down = (NOSE_Y - y) / per_sample(b["nose_tall"])
    s = x.abs() / per_sample(b["nose_half"])
    width = torch.where(down < 0.35, 1.0 - 0.25 * (0.35 - down), 1.0 - 0.95 * ((down - 0.35) / 0.65).clamp(0, 1) ** 1.3)
    sides = (width - s) * per_sample(b["nose_half"]) * 0.8
    top = (down + 0.06 - 0.22 * (s - 0.5) * (s > 0.5)) * per_sample(b["nose_tall"])
    return torch.minimum(torch.minimum(sides, top), (1.0 - down) * per_sample(b["nose_tall"]))


def find_features(b: Batch, x: Tensor, y: Tensor, z: Tensor) -> Features:
    """Compute all fields at canonical positions.

    Args:
        b: Parameters of N animals.
        x: (N, ...) mm.
        y: Same shape.
        z: Same shape.

    Returns:
        The fields, each (N, ...).
    """
    a = x.abs()
    behind = torch.where(z > 6, 0.0, -99.0)
    along, over, eye = eye_place(b, x, y)
    nose = nose_field(b, x, y)
    upper = mouth_line(b, a)
    ends = per_sample(b["mouth_half"]) - a
    line = torch.minimum(LIP - (y - upper).abs(), ends)
    gape = torch.minimum(upper - y, y - (upper - gape_depth(b, a)))
    low = upper - gape_depth(b, a)
    line = torch.maximum(line, torch.minimum(LIP - (y - low).abs(), ends))
    wide = per_sample(b["muzzle_wide"])
    muzzle = (1 - ((a / wide) ** 2.4 + ((y - MUZZLE_Y + 1.0).abs() / 13.5) ** 2.4)) * 6.0
    chin = (1 - ((a / (0.62 * wide)) ** 2 + ((y + 29.0) / (7.5 + 0.5 * per_sample(b["mouth_open"]))) ** 2)) * 5.0
    muzzle = torch.maximum(muzzle, chin) + behind
    nose, line, gape, eye = nose + behind, line + behind, gape + behind, eye + behind
    ids = torch.full_like(x, HEAD)
    ids = torch.where(muzzle > 0, MUZZLE, ids)
    ids = torch.where((line > 0) | (gape > 0), MOUTH, ids)
    ids = torch.where(nose > 0, NOSE, ids)
    ids = torch.where(eye > 0, torch.where(x < 0, LEFT_EYE, RIGHT_EYE).to(ids), ids)
    return Features(eye, along, over, nose, line, gape, muzzle, ids)
