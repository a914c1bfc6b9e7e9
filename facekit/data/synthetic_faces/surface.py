"""One face's surface as maps over directions: the average head, moved by its modes, with lips, creases, beard, hair
and hat laid on.

Order from the viewer's side: a direction is warped back by identity and expression, the mouth's opening is closed
again, and what is left is a place on the average head in millimetres, the "canonical" place, in which every facial part
has one fixed outline.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .anatomy import AverageHead, disc_grid, from_disc, sample_map
from .details import detail_weights
from .fields import Batch, per_sample
from .hair_surface import hair_surface
from .lower_face import beard_region, close_mouth
from .shape_modes import MODE_SIZE, combine

FEATURES = 9  # normal xyz, occlusion, hair cover, hat cover, warp u, warp v, hair depth


@dataclass(frozen=True)
class Heads:
    """Maps of N faces: radius (N, 1, M, M) of the outermost surface, features (N, 9, M, M), skin radius and warp for
    placing points."""

    radius: Tensor
    features: Tensor
    skin: Tensor
    warp: Tensor
    average: AverageHead
    uv: tuple[Tensor, Tensor]


def build_heads(b: Batch, average: AverageHead, details: Tensor, modes: Tensor, bank: Tensor, size: int) -> Heads:
    """Maps for a batch of parameters; `size` is M, the side of the maps. Everything lives on the parameters' device."""
    device = average.radius.device
    motion = combine(b["modes"], modes)
    motion = (
        F.interpolate(motion, size=(size, size), mode="bilinear", align_corners=True) if size != MODE_SIZE else motion
    )
    u, v = (t.to(device) for t in disc_grid(size))
    n = motion.shape[0]
    us, vs = u - motion[:, 0], v - motion[:, 1]
    xyz = sample_map(average.xyz[None], us, vs)
    x, y, z = xyz.unbind(1)
    yc, deep = close_mouth(b, x, y)
    front = torch.sigmoid((z - 40) / 5)
    # Undo the mouth in disc coordinates: near the lips one millimetre up is almost constant in v.
    vs_closed = vs + (yc - y) * front * 0.00515
    average_radius = average.radius[None] + torch.einsum("nd,dhw->nhw", detail_weights(b), details)
    skin = sample_map(average_radius[:, None], us, vs_closed)[:, 0] + motion[:, 2]
    skin = skin - 9.0 * (deep * 0.45).clamp(0, 1) * front
    beard, moustache = beard_region(b, x, yc, z)
    length = per_sample(b["beard_mm"])
    grown = per_sample(b["beard"]) * (beard / 20).clamp(0, 1) * length * (1 + 0.8 * torch.sigmoid((-95 - y) / 6))
    grown = grown + per_sample(b["moustache"]) * (moustache / 4).clamp(0, 1) * length.clamp_max(4.0) * front
    skin = skin + grown
    d = from_disc(u, v)
    hair, hat, depth = hair_surface(b, bank, xyz, d, skin)
    outer = torch.maximum(hair, hat)
    radius = torch.maximum(skin, outer)
    points = torch.stack([k * radius for k in d], 1)
    du = points[:, :, :, 2:] - points[:, :, :, :-2]
    dv = points[:, :, 2:] - points[:, :, :-2]
    du, dv = F.pad(du, (1, 1, 0, 0), mode="replicate"), F.pad(dv, (0, 0, 1, 1), mode="replicate")
    normal = torch.stack(
        (
            du[:, 1] * dv[:, 2] - du[:, 2] * dv[:, 1],
            du[:, 2] * dv[:, 0] - du[:, 0] * dv[:, 2],
            du[:, 0] * dv[:, 1] - du[:, 1] * dv[:, 0],
        ),
        1,
    )
    normal = normal * torch.rsqrt((normal * normal).sum(1, keepdim=True).clamp_min(1e-12))
    features = torch.cat(
        (
            normal,
            occlusion(radius)[:, None],
            torch.stack((hair - skin, hat - torch.maximum(hair, skin), motion[:, 0], motion[:, 1], depth), 1),
        ),
        1,
    )
    assert features.shape[:2] == (n, FEATURES)
    return Heads(radius[:, None], features, skin[:, None], motion[:, :2].contiguous(), average, (u, v))


def occlusion(radius: Tensor) -> Tensor:
    """How open each place is to the sky, 0..1, from how far it lies below its neighbourhood. radius (N, M, M)."""
    size = radius.shape[-1]
    small = F.avg_pool2d(radius[:, None], 2)
    near = F.avg_pool2d(small, 7, 1, 3, count_include_pad=False)
    wide = F.avg_pool2d(near, 15, 1, 7, count_include_pad=False)
    hollow = (near - small).clamp(-1, 8) * 0.13 + (wide - small).clamp(-3, 14) * 0.028
    return F.interpolate(torch.exp(-hollow.clamp_min(-0.08)), size=(size, size), mode="bilinear", align_corners=False)[
        :, 0
    ]
