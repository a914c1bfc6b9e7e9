"""TODO."""

from __future__ import annotations

import torch
from torch import Tensor

from .anatomy import CENTRE
from .fields import Batch, per_sample
from .noise import CLOUD, STRANDS, sample_noise


def hair_surface(
    b: Batch, bank: Tensor, xyz: Tensor, d: tuple[Tensor, Tensor, Tensor], skin: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Radii of hair and hat (0 where there is none) and hair's depth behind its edge in mm. xyz canonical (N, 3, M,
    M); d directions (M, M)."""
    x, y, z = xyz.unbind(1)
    n = x.shape[0]
    azimuth = torch.atan2(x, z + 4.0)
    place = (azimuth / torch.pi + 1) * 0.5
    table = b["hair_table"]
    at = (place * (table.shape[1] - 1)).clamp(0, table.shape[1] - 1.001)
    low = at.floor()
    left = torch.gather(table, 1, low.long().reshape(n, -1)).reshape(x.shape)
    right = torch.gather(table, 1, low.long().reshape(n, -1) + 1).reshape(x.shape)
    line = left + (right - left) * (at - low)
    shift = b["hair_shift"]
    curl = per_sample(b["hair_curl"])
    strands, lumps = sample_noise(
        bank,
        place * 1.2 + per_sample(shift[:, 0]) + 0.02 * curl * torch.sin(y / 9.0),
        y / 420.0 + per_sample(shift[:, 1]),
        (STRANDS, CLOUD),
    )
    knots = sample_noise(bank, x / 150.0 + per_sample(shift[:, 0]), y / 150.0 + z / 170.0, (CLOUD,))[0]
    depth = y - line + per_sample(b["hair_edge"]) * (strands * 0.5 + 0.8 * knots)
    depth = torch.minimum(depth, y + 78.0 + 80.0 * (azimuth.abs() > 2.0).float())  # none grows under the jaw
    up = torch.sigmoid((y - 55) / 14)
    grow = (depth / per_sample(b["hair_fade"])).clamp(0, 1)
    thick = (per_sample(b["hair_side"]) * (1 - up) + per_sample(b["hair_top"]) * up) * torch.sqrt(grow)
    rough = 0.05 + 0.2 * curl
    thick = thick * (1 + rough * (strands * 0.6 + lumps * 0.5) + curl * 0.16 * knots)
    bun = (
        torch.exp(-(((x / 30) ** 2 + ((y - 112) / 32) ** 2 + ((z + 25) / 32) ** 2) ** 2))
        * per_sample(b["hair_bun"])
        * 38
    )
    hair = skin + torch.where(depth > 0, thick + bun, (depth * 0.3).clamp_min(-6.0))
    # Hair that falls: a curtain around the neck, open towards the face.
    dx, dy, dz = d
    long = per_sample((b["hair_length"] < -1).float())
    wave = 1 + 0.05 * curl * torch.sin(y / 11.0 + 6 * place) + 0.02 * strands
    across = torch.sqrt((dx * dx + dz * dz * 0.85).clamp_min(1e-4))
    fall = per_sample(b["hair_radius"]) * wave / across
    bottom = (per_sample(b["hair_length"]) + 14 * strands - CENTRE[1]) / dy.clamp_max(-1e-3)
    fall = torch.minimum(fall, torch.where(dy < -1e-3, bottom, torch.full_like(dy, 1e3)))
    angle = torch.atan2(dx, dz).abs() * 57.2958
    gate = torch.sigmoid((angle - per_sample(b["hair_open"]) - 2.0 * knots - 5 * (y < -60).float()) / 3.2)
    under = torch.sigmoid((20 - y) / 12)
    # Seen from CENTRE falling hair would also fill the place of the throat: keep to directions that pass beside or
    # behind the neck.
    reach = 110.0 / (-dy).clamp_min(0.05)
    gate = gate * torch.sigmoid(torch.maximum(reach * dx.abs() - 44.0, -20.0 - reach * dz) / 4.0)
    curtain = (fall * gate * under * long).clamp_max(260.0)
    hair = torch.maximum(hair, curtain)
    depth = torch.where(curtain > skin + 1.5, depth.clamp_min(20.0), depth)
    # Hats: a cap of felt or wool above a tilted line.
    rise = y - per_sample(b["hat_line"]) + 0.16 * (z - 60).abs()
    rise = rise + 7.0 * (per_sample(b["hat_brim"]) > 0) * (z > 30)
    felt = (
        per_sample(b["hat_tall"]) * torch.sigmoid((y - 70) / 12) + 7.0 + 4.0 * (per_sample(b["hair_side"]) > 12).float()
    )
    hat = torch.where(
        (rise > 0) & (per_sample(b["hat"]) > 0.5), skin + felt * (rise / 4.0).clamp(0, 1) ** 0.5, torch.zeros_like(skin)
    )
    hair = torch.where((hat > 0) & (rise > -2), torch.minimum(hair, hat - 1.0), hair)
    return hair, hat, depth
