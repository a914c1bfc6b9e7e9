"""Pointed ears: each is the shell of a hyperboloid with its tip up, flattened, and cut open in front."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..synthetic_faces.anatomy import sample_map, to_disc
from ..synthetic_faces.fields import Batch, per_sample
from ..synthetic_faces.raycast import FAR, Vec
from .skull import CROWN, Skull, unit

CUT = 0.25  # of the half depth: what lies before it is open
_FLAT = 0.62  # depth of an ear over its width
_FUR = 1.6  # mm: nearer to the skin than this a rim no longer shows


@dataclass(frozen=True)
class Ear:
    """One ear of each animal. side -1 is the viewer's left; tip (N, 3) in the head frame; axes (N, 3, 3), rows: across
    to the viewer's right, towards the tip, out of the opening; slope, depth (N,): half width and half depth a mm below
    the tip; blunt (N,): mm."""

    side: float
    tip: Tensor
    axes: Tensor
    slope: Tensor
    depth: Tensor
    blunt: Tensor


@dataclass(frozen=True)
class EarHit:
    """depth (N, ...) of the ray, FAR for none; normal towards the viewer, in the head frame; below: mm under the tip;
    across: -1 at the rim towards the other ear, 1 at the outer rim; inner: the hollow side."""

    depth: Tensor
    normal: Tensor
    below: Tensor
    across: Tensor
    inner: Tensor


def place_ear(b: Batch, side: float) -> Ear:
    """The ear on the viewer's left (side -1) or right (1)."""
    at, face = b["ear_at"], b["ear_face"]
    slope = b["ear_half"] / b["ear_tall"]
    # The outer rim stands upright or leans over the head, so that its foot always finds the fur.
    tilt = torch.atan(slope) + b["ear_tilt"]
    zero = torch.zeros_like(at)
    # An ear that faces sideways carries its outer rim back: its foot comes forward, or the head would hide that rim's.
    ahead = 3.0 + b["ear_half"] * face.sin()
    foot = torch.stack((side * at.sin() * b["wide"] * 0.86, at.cos() * b["tall"] * 0.86 * CROWN, ahead), 1)
    up = unit(torch.stack((side * tilt.sin(), tilt.cos(), b["ear_lean"]), 1))
    out = torch.stack((side * face.sin(), zero, face.cos()), 1)
    out = unit(out - up * (out * up).sum(1, keepdim=True))
    axes = torch.stack((torch.linalg.cross(up, out), up, out), 1)
    return Ear(side, foot + up * b["ear_tall"][:, None], axes, slope, slope * _FLAT, b["ear_round"])


def rim(ear: Ear, below: Tensor, across: float) -> Tensor:
    """Points (N, K, 3) of the opening's edge, `below` (N, K) mm under the tip; across -1 or 1 in the ear's own x."""
    grown = torch.sqrt(below * below + 2 * ear.blunt[:, None] * below)
    x = across * (1 - CUT * CUT) ** 0.5 * grown * ear.slope[:, None]
    local = torch.stack((x, -below, CUT * grown * ear.depth[:, None]), -1)
    return ear.tip[:, None] + local @ ear.axes


def foot_point(b: Batch, skull: Skull, ear: Ear, across: float) -> Tensor:
    """(N, 3): where the rim dives into the fur of the head."""
    share = torch.linspace(0.3, 1.9, 65, device=ear.tip.device)
    points = rim(ear, share[None] * b["ear_tall"][:, None], across)
    length = points.norm(dim=-1)
    gap = (
        length - sample_map(skull.radius, *to_disc(points[..., 0], points[..., 1], points[..., 2], length))[:, 0] - _FUR
    )
    first = (gap < 0).long().argmax(1).clamp_min(1)
    row = torch.arange(len(first), device=first.device)
    out, into = gap[row, first - 1].clamp_min(0), gap[row, first].clamp_max(-1e-3)
    return torch.lerp(points[row, first - 1], points[row, first], (out / (out - into))[:, None])


def intersect_ear(ear: Ear, reach: Tensor, origin: Vec, direction: Vec) -> EarHit:
    """Where rays (head frame) meet an ear that ends `reach` (N,) mm below its tip."""
    gap = [o - per_sample(ear.tip[:, k]) for k, o in enumerate(origin)]
    o, w = ([sum(per_sample(ear.axes[:, r, k]) * v[k] for k in range(3)) for r in range(3)] for v in (gap, direction))
    across, depth, blunt = (per_sample(t) for t in (1 / ear.slope**2, 1 / ear.depth**2, ear.blunt))
    top = o[1] - blunt
    a = across * w[0] ** 2 + depth * w[2] ** 2 - w[1] ** 2
    half = across * w[0] * o[0] + depth * w[2] * o[2] - w[1] * top
    c = across * o[0] ** 2 + depth * o[2] ** 2 - top**2 + blunt**2
    root = torch.sqrt((half * half - a * c).clamp_min(0))
    found = half * half > a * c
    a = torch.where(a.abs() < 1e-6, torch.full_like(a, 1e-6), a)
    best = torch.full_like(half, FAR)
    inner = torch.zeros_like(found)
    for sign in (1.0, -1.0):
        t = (-half + sign * root) / a
        below = -(o[1] + w[1] * t)
        grown = torch.sqrt((below * below + 2 * blunt * below).clamp_min(0))
        there = found & (below > 0) & (below < per_sample(reach)) & (t > 0) & (t < best)
        there &= o[2] + w[2] * t < CUT * grown * per_sample(ear.depth)
        best, inner = torch.where(there, t, best), torch.where(there, torch.full_like(found, sign > 0), inner)
    safe = torch.where(best < FAR, best, torch.zeros_like(best))
    x, y, z = (p + q * safe for p, q in zip(o, w, strict=True))
    local = torch.stack((across * x, blunt - y, depth * z), 1)
    local = torch.where(inner[:, None], -local, local)
    normal = torch.einsum("nkj,nk...->nj...", ear.axes, unit(local))
    grown = torch.sqrt((y * y - 2 * blunt * y).clamp_min(0.01)) * per_sample(ear.slope)
    return EarHit(best, normal, -y, (ear.side * x / grown).clamp(-1, 1), inner)
