"""Surfaces of hair and hats over the skin."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .anatomy import CENTRE
from .fields import Batch, per_sample
from .noise import CLOUD, STRANDS, sample_noise

Vec3 = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class _HairNoise:
    """Noise of N heads over directions, each (N, M, M)."""

    strands: Tensor
    lumps: Tensor
    knots: Tensor


def hair_surface(b: Batch, bank: Tensor, xyz: Tensor, d: Vec3, skin: Tensor) -> Vec3:
    """Compute the surfaces of hair and hat.

    Args:
        b: Parameters of N faces.
        bank: Noise from ``noise_bank``.
        xyz: Canonical positions (N, 3, M, M), mm.
        d: Directions (x, y, z), each (M, M).
        skin: Radius (N, M, M) of the skin, mm.

    Returns:
        Radius of the hair, radius of the hat (0 where there is none), and distance behind the hairline, all (N, M, M)
        in mm.
    """
    x, y, z = xyz.unbind(1)
    azimuth = torch.atan2(x, z + 4.0)
    turns = (azimuth / torch.pi + 1) * 0.5  # 0 to 1 around the head
    curl = per_sample(b["hair_curl"])
    shift = b["hair_shift"]
    strands, lumps = sample_noise(
        bank,
        turns * 1.2 + per_sample(shift[:, 0]) + 0.02 * curl * torch.sin(y / 9.0),
        y / 420.0 + per_sample(shift[:, 1]),
        (STRANDS, CLOUD),
    )
    knots = sample_noise(bank, x / 150.0 + per_sample(shift[:, 0]), y / 150.0 + z / 170.0, (CLOUD,))[0]
    noise = _HairNoise(strands, lumps, knots)
    depth = y - _hairline(b, turns) + per_sample(b["hair_edge"]) * (strands * 0.5 + 0.8 * knots)
    depth = torch.minimum(depth, y + 78.0 + 80.0 * (azimuth.abs() > 2.0).float())  # no hair grows under the jaw
    hair = skin + torch.where(depth > 0, _thickness(b, xyz, depth, noise), (depth * 0.3).clamp_min(-6.0))
    falling = _falling_hair(b, y, d, turns, noise)
    hair = torch.maximum(hair, falling)
    depth = torch.where(falling > skin + 1.5, depth.clamp_min(20.0), depth)
    hat, rise = _hat(b, y, z, skin)
    hair = torch.where((hat > 0) & (rise > -2), torch.minimum(hair, hat - 1.0), hair)
    return hair, hat, depth


def _hairline(b: Batch, turns: Tensor) -> Tensor:
    """Interpolate the height of the hairline (mm) at ``turns`` (N, M, M) around the head."""
    table = b["hair_table"]
    n = turns.shape[0]
    at = (turns * (table.shape[1] - 1)).clamp(0, table.shape[1] - 1.001)
    low = at.floor()
    left = torch.gather(table, 1, low.long().reshape(n, -1)).reshape(turns.shape)
    right = torch.gather(table, 1, low.long().reshape(n, -1) + 1).reshape(turns.shape)
    return left + (right - left) * (at - low)


def _thickness(b: Batch, xyz: Tensor, depth: Tensor, noise: _HairNoise) -> Tensor:
    """Return the thickness (N, M, M) in mm of hair that lies on the head; ``depth`` is mm behind the hairline."""
    x, y, z = xyz.unbind(1)
    curl = per_sample(b["hair_curl"])
    up = torch.sigmoid((y - 55) / 14)
    grow = (depth / per_sample(b["hair_fade"])).clamp(0, 1)
    thick = (per_sample(b["hair_side"]) * (1 - up) + per_sample(b["hair_top"]) * up) * torch.sqrt(grow)
    rough = 0.05 + 0.2 * curl
    thick = thick * (1 + rough * (noise.strands * 0.6 + noise.lumps * 0.5) + curl * 0.16 * noise.knots)
    bun = torch.exp(-(((x / 30) ** 2 + ((y - 112) / 32) ** 2 + ((z + 25) / 32) ** 2) ** 2))
    return thick + bun * per_sample(b["hair_bun"]) * 38


def _falling_hair(b: Batch, y: Tensor, d: Vec3, turns: Tensor, noise: _HairNoise) -> Tensor:
    """Return the radius (N, M, M) of falling hair in mm: a curtain around the neck, open towards the face."""
    dx, dy, dz = d
    curl = per_sample(b["hair_curl"])
    long = per_sample((b["hair_length"] < -1).float())
    wave = 1 + 0.05 * curl * torch.sin(y / 11.0 + 6 * turns) + 0.02 * noise.strands
    across = torch.sqrt((dx * dx + dz * dz * 0.85).clamp_min(1e-4))
    fall = per_sample(b["hair_radius"]) * wave / across
    bottom = (per_sample(b["hair_length"]) + 14 * noise.strands - CENTRE[1]) / dy.clamp_max(-1e-3)
    fall = torch.minimum(fall, torch.where(dy < -1e-3, bottom, torch.full_like(dy, 1e3)))
    angle = torch.atan2(dx, dz).abs() * 57.2958
    gate = torch.sigmoid((angle - per_sample(b["hair_open"]) - 2.0 * noise.knots - 5 * (y < -60).float()) / 3.2)
    under = torch.sigmoid((20 - y) / 12)
    # From CENTRE, falling hair would also cover the throat. Keep directions that pass beside or behind the neck.
    reach = 110.0 / (-dy).clamp_min(0.05)
    gate = gate * torch.sigmoid(torch.maximum(reach * dx.abs() - 44.0, -20.0 - reach * dz) / 4.0)
    return (fall * gate * under * long).clamp_max(260.0)


def _hat(b: Batch, y: Tensor, z: Tensor, skin: Tensor) -> tuple[Tensor, Tensor]:
    """Return radius of the hat (0 where there is none) and height above its tilted edge, (N, M, M) in mm."""
    rise = y - per_sample(b["hat_line"]) + 0.16 * (z - 60).abs()
    rise = rise + 7.0 * (per_sample(b["hat_brim"]) > 0) * (z > 30)
    over_hair = 4.0 * (per_sample(b["hair_side"]) > 12).float()
    felt = per_sample(b["hat_tall"]) * torch.sigmoid((y - 70) / 12) + 7.0 + over_hair
    covered = (rise > 0) & (per_sample(b["hat"]) > 0.5)
    return torch.where(covered, skin + felt * (rise / 4.0).clamp(0, 1) ** 0.5, torch.zeros_like(skin)), rise
