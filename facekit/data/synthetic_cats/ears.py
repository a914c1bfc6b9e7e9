"""Pointed ears: each is a flattened hyperboloid shell with its tip up, cut open in front."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..synthetic_faces.anatomy import sample_map, to_disc
from ..synthetic_faces.fields import Batch, per_sample
from ..synthetic_faces.raycast import FAR, Vec
from .skull import CROWN, Skull, unit

CUT = 0.25  # share of the half depth; the ear is open in front of it
_FLAT = 0.62  # depth of an ear divided by its width
_FUR = 1.6  # mm; fur hides a rim that is nearer to the skin


@dataclass(frozen=True)
class Ear:
    """One ear of each animal.

    Attributes:
        side: -1 is the viewer's left, 1 the right.
        tip: (N, 3) in the head frame, mm.
        axes: (N, 3, 3), rows: across to the viewer's right, towards the tip, out of the opening.
        slope: (N,) half width per mm below the tip.
        depth: (N,) half depth per mm below the tip.
        blunt: (N,) roundness of the tip, mm.
    """

    side: float
    tip: Tensor
    axes: Tensor
    slope: Tensor
    depth: Tensor
    blunt: Tensor


@dataclass(frozen=True)
class EarHit:
    """Where rays hit an ear, each (N, ...).

    Attributes:
        depth: Depth of the hit, FAR where the ray misses.
        normal: (N, 3, ...) unit normal towards the viewer, in the head frame.
        below: mm below the tip.
        across: -1 at the rim towards the other ear, 1 at the outer rim.
        inner: bool, whether the hollow side is hit.
    """

    depth: Tensor
    normal: Tensor
    below: Tensor
    across: Tensor
    inner: Tensor


def place_ear(b: Batch, side: float) -> Ear:
    """Place an ear on the head.

    Args:
        b: Parameters of N animals: ``ear_...``.
        side: -1 for the viewer's left ear, 1 for the right one.

    Returns:
        The ear.
    """
    at, face = b["ear_at"], b["ear_face"]
    slope = b["ear_half"] / b["ear_tall"]
    # The outer rim is upright or leans over the head, so its foot always reaches the fur.
    tilt = torch.atan(slope) + b["ear_tilt"]
    zero = torch.zeros_like(at)
    # The outer rim of an ear that faces sideways lies farther back. The foot moves forward, or the head would hide the
    # foot of that rim.
    ahead = 3.0 + b["ear_half"] * face.sin()
    foot = torch.stack((side * at.sin() * b["wide"] * 0.86, at.cos() * b["tall"] * 0.86 * CROWN, ahead), 1)
    up = unit(torch.stack((side * tilt.sin(), tilt.cos(), b["ear_lean"]), 1))
    out = torch.stack((side * face.sin(), zero, face.cos()), 1)
    out = unit(out - up * (out * up).sum(1, keepdim=True))
    axes = torch.stack((torch.linalg.cross(up, out), up, out), 1)
    return Ear(side, foot + up * b["ear_tall"][:, None], axes, slope, slope * _FLAT, b["ear_round"])


def rim(ear: Ear, below: Tensor, across: float) -> Tensor:
    """Compute points on the edge of the opening.

    Args:
        ear: The ear.
        below: (N, K) mm below the tip.
        across: -1 or 1, the side of the edge, in the ear's own x.

    Returns:
        (N, K, 3) in the head frame, mm.
    """
    grown = torch.sqrt(below * below + 2 * ear.blunt[:, None] * below)
    x = across * (1 - CUT * CUT) ** 0.5 * grown * ear.slope[:, None]
    local = torch.stack((x, -below, CUT * grown * ear.depth[:, None]), -1)
    return ear.tip[:, None] + local @ ear.axes


def foot_point(b: Batch, skull: Skull, ear: Ear, across: float) -> Tensor:
    """Find where the rim enters the fur of the head.

    Args:
        b: Parameters of N animals: ``ear_tall``.
        skull: Surface maps.
        ear: The ear.
        across: -1 or 1, the side of the edge, in the ear's own x.

    Returns:
        (N, 3) in the head frame, mm.
    """
    fraction = torch.linspace(0.3, 1.9, 65, device=ear.tip.device)
    points = rim(ear, fraction[None] * b["ear_tall"][:, None], across)
    length = points.norm(dim=-1)
    gap = (
        length - sample_map(skull.radius, *to_disc(points[..., 0], points[..., 1], points[..., 2], length))[:, 0] - _FUR
    )
    first = (gap < 0).long().argmax(1).clamp_min(1)
    row = torch.arange(len(first), device=first.device)
    out, into = gap[row, first - 1].clamp_min(0), gap[row, first].clamp_max(-1e-3)
    return torch.lerp(points[row, first - 1], points[row, first], (out / (out - into))[:, None])


def intersect_ear(ear: Ear, reach: Tensor, origin: Vec, direction: Vec) -> EarHit:
    """Intersect rays with an ear.

    Args:
        ear: The ear.
        reach: (N,) mm from the tip to the lower end of the ear.
        origin: Origin of the rays (x, y, z), in the head frame.
        direction: Direction of the rays (x, y, z), each (N, ...).

    Returns:
        The hits.
    """
    gap = [o - per_sample(ear.tip[:, k]) for k, o in enumerate(origin)]
    o, w = ([sum(per_sample(ear.axes[:, r, k]) * v[k] for k in range(3)) for r in range(3)] for v in (gap, direction))
    across, depth, blunt = (per_sample(t) for t in (1 / ear.slope**2, 1 / ear.depth**2, ear.blunt))
    top = o[1] - blunt
    a = across * w[0] ** 2 + depth * w[2] ** 2 - w[1] ** 2
    half = across * w[0] * o[0] + depth * w[2] * o[2] - w[1] * top
    c = across * o[0] ** 2 + depth * o[2] ** 2 - top**2 + blunt**2
    root = torch.sqrt((half * half - a * c).clamp_min(0))
    real = half * half > a * c
    a = torch.where(a.abs() < 1e-6, torch.full_like(a, 1e-6), a)
    best = torch.full_like(half, FAR)
    inner = torch.zeros_like(real)
    for sign in (1.0, -1.0):
        t = (-half + sign * root) / a
        below = -(o[1] + w[1] * t)
        grown = torch.sqrt((below * below + 2 * blunt * below).clamp_min(0))
        hit = real & (below > 0) & (below < per_sample(reach)) & (t > 0) & (t < best)
        hit &= o[2] + w[2] * t < CUT * grown * per_sample(ear.depth)
        best, inner = torch.where(hit, t, best), torch.where(hit, torch.full_like(real, sign > 0), inner)
    safe = torch.where(best < FAR, best, torch.zeros_like(best))
    x, y, z = (p + q * safe for p, q in zip(o, w, strict=True))
    local = torch.stack((across * x, blunt - y, depth * z), 1)
    local = torch.where(inner[:, None], -local, local)
    normal = torch.einsum("nkj,nk...->nj...", ear.axes, unit(local))
    grown = torch.sqrt((y * y - 2 * blunt * y).clamp_min(0.01)) * per_sample(ear.slope)
    return EarHit(best, normal, -y, (ear.side * x / grown).clamp(-1, 1), inner)
