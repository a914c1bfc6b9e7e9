"""The surface of each face, as maps over directions.

The average head is moved by its shape modes. Lips, creases, beard, hair and hat are added to it.

Positions are computed from the viewer's side. The warp of identity and expression is undone for a direction, then the
mouth is closed. The result is a position on the average head in millimetres, the "canonical" position. In canonical
positions each facial part has a fixed outline.
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


@dataclass(frozen=True)
class Heads:
    """Maps of N faces on a disc grid of M x M directions.

    Attributes:
        radius: (N, 1, M, M) radius of the outermost surface, mm.
        features: (N, 9, M, M): normal (3), ambient light, cover by hair and by hat (mm), warp (u, v), and distance
            behind the hairline (mm).
        skin: (N, 1, M, M) radius of the skin, mm.
        warp: (N, 2, M, M) motion of (u, v) by identity and expression.
        average: The average head.
        uv: Disc coordinates of the grid, each (M, M).
    """

    radius: Tensor
    features: Tensor
    skin: Tensor
    warp: Tensor
    average: AverageHead
    uv: tuple[Tensor, Tensor]


def build_heads(b: Batch, average: AverageHead, details: Tensor, modes: Tensor, bank: Tensor, size: int) -> Heads:
    """Build the surface maps of a batch.

    Args:
        b: Parameters of N faces.
        average: The average head; its device is used.
        details: From ``detail_maps``.
        modes: From ``mode_maps``.
        bank: From ``noise_bank``.
        size: M, the side of the maps.

    Returns:
        The maps.
    """
    device = average.radius.device
    motion = combine(b["modes"], modes)
    if size != MODE_SIZE:
        motion = F.interpolate(motion, size=(size, size), mode="bilinear", align_corners=True)
    u, v = (t.to(device) for t in disc_grid(size))
    us, vs = u - motion[:, 0], v - motion[:, 1]
    xyz = sample_map(average.xyz[None], us, vs)
    x, y, z = xyz.unbind(1)
    y_closed, gap = close_mouth(b, x, y)
    front = torch.sigmoid((z - 40) / 5)
    # The mouth is closed in disc coordinates: near the lips, one millimetre up is almost constant in v.
    vs_closed = vs + (y_closed - y) * front * 0.00515
    average_radius = average.radius[None] + torch.einsum("nd,dhw->nhw", detail_weights(b), details)
    skin = sample_map(average_radius[:, None], us, vs_closed)[:, 0] + motion[:, 2]
    skin = skin - 9.0 * (gap * 0.45).clamp(0, 1) * front
    skin = skin + _beard_thickness(b, x, y, z, y_closed, front)
    d = from_disc(u, v)
    hair, hat, depth = hair_surface(b, bank, xyz, d, skin)
    radius = torch.maximum(skin, torch.maximum(hair, hat))
    cover = torch.stack((hair - skin, hat - torch.maximum(hair, skin), motion[:, 0], motion[:, 1], depth), 1)
    normal = _normals(torch.stack([k * radius for k in d], 1))
    features = torch.cat((normal, ambient_access(radius)[:, None], cover), 1)
    return Heads(radius[:, None], features, skin[:, None], motion[:, :2].contiguous(), average, (u, v))


def _beard_thickness(b: Batch, x: Tensor, y: Tensor, z: Tensor, y_closed: Tensor, front: Tensor) -> Tensor:
    """Return the thickness (N, M, M) of beard and moustache in mm."""
    beard, moustache = beard_region(b, x, y_closed, z)
    length = per_sample(b["beard_mm"])
    grown = per_sample(b["beard"]) * (beard / 20).clamp(0, 1) * length * (1 + 0.8 * torch.sigmoid((-95 - y) / 6))
    return grown + per_sample(b["moustache"]) * (moustache / 4).clamp(0, 1) * length.clamp_max(4.0) * front


def _normals(points: Tensor) -> Tensor:
    """Return the unit normals of a surface (N, 3, M, M), by central differences."""
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
    return normal * torch.rsqrt((normal * normal).sum(1, keepdim=True).clamp_min(1e-12))


def ambient_access(radius: Tensor) -> Tensor:
    """Estimate the share of ambient light that reaches each position, from how far it lies below its neighbourhood.

    Args:
        radius: (N, M, M) radius of the surface, mm.

    Returns:
        (N, M, M), about 1 on open surfaces and less in hollows.
    """
    size = radius.shape[-1]
    small = F.avg_pool2d(radius[:, None], 2)
    near = F.avg_pool2d(small, 7, 1, 3, count_include_pad=False)
    wide = F.avg_pool2d(near, 15, 1, 7, count_include_pad=False)
    hollow = (near - small).clamp(-1, 8) * 0.13 + (wide - small).clamp(-3, 14) * 0.028
    access = torch.exp(-hollow.clamp_min(-0.08))
    return F.interpolate(access, size=(size, size), mode="bilinear", align_corners=False)[:, 0]
