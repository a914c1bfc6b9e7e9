"""The first layer: rays that hit the head, painted as skin, hair or hat."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from . import raycast
from .anatomy import MOUTH_Y, sample_map
from .face_parts import HAIR, HAT, face_parts
from .fields import Batch, per_channel, per_sample
from .layers import Layers
from .lower_face import close_mouth, lips_apart
from .noise import CLOUD, STRANDS, sample_noise
from .packed_rays import PackedRays
from .skin import paint_face, paint_mouth
from .surface import Heads


def head_layer(
    b: Batch,
    heads: Heads,
    bank: Tensor,
    start: Tensor,
    origin: raycast.Vec,
    direction: raycast.Vec,
    rotation: Tensor,
    pixel_mm: Tensor,
) -> tuple[Layers, tuple[Tensor, Tensor]]:
    """Intersect all rays with the head and paint the hits.

    Args:
        b: Parameters of N faces.
        heads: Surface maps of N faces.
        bank: Noise from ``noise_bank``.
        start: (N, S, S) first depth of each ray, from ``raycast.first_depth``.
        origin: Origin of the rays (x, y, z), in the head frame.
        direction: Direction of the rays (x, y, z), each (N, S, S).
        rotation: (N, 3, 3) from the head frame to the camera frame.
        pixel_mm: (N, 1, 1) mm that one ray covers, the width of the narrowest painted edge.

    Returns:
        The layers, and two fields (N, S, S) in mm for the eyeballs. The first is the distance inside the opening of
        the eye, the second the height above the edge of the upper lid.
    """
    rays = PackedRays(start < raycast.FAR * 0.5)
    direction = tuple(rays.take(w) for w in direction)
    depth, u, v = raycast.march(heads, origin, direction, rays.take(start))
    features = sample_map(heads.features, u, v)
    normal = torch.einsum("nij,njhw->nihw", rotation, F.normalize(features[:, :3], dim=1))
    p = tuple(o + w * depth.clamp_max(1e4) for o, w in zip(origin, direction, strict=True))
    albedo, hair_access, strands = _hair(b, bank, p, features[:, 8])
    hair, hat = features[:, 4] + 0.25 * per_sample(b["hair_edge"]) * strands > 0.2, features[:, 5] > 0
    hit = depth < raycast.FAR
    if bool(hat.any()):
        knit = sample_noise(bank, torch.atan2(p[0], p[2]) * 0.9, p[1] / 110.0, (STRANDS,))[0]
        albedo = torch.where(hat[:, None], per_channel(b["hat_rgb"]) * (1 + 0.10 * knit)[:, None], albedo)
    ambient = features[:, 3] * torch.where(hair, hair_access, torch.ones_like(hair_access))
    ids = torch.where(hat, HAT, HAIR).to(torch.uint8)
    shine = torch.where(hat, 0.05, per_sample(b["hair_gloss"]) * 0.35)
    bare = PackedRays(hit & ~hair & ~hat)
    skin_rgb, skin_shine, skin_share, skin_ids, eye, lid_up = _face(
        b, heads, bank, bare.take(u), bare.take(v), bare.take(features[:, 6]), bare.take(features[:, 7]), pixel_mm
    )
    layers = Layers(
        rays.put(depth, raycast.FAR),
        rays.put(normal),
        rays.put(bare.put(skin_rgb, albedo)),
        rays.put(ambient),
        rays.put(bare.put(skin_shine, shine)),
        rays.put(bare.put(skin_share, torch.zeros_like(depth))),
        rays.put(bare.put(skin_ids, ids) * hit),
    )
    return layers, (rays.put(bare.put(eye, -9.0), -9.0), rays.put(bare.put(lid_up, 0.0)))


def _face(
    b: Batch, heads: Heads, bank: Tensor, u: Tensor, v: Tensor, du: Tensor, dv: Tensor, pixel_mm: Tensor
) -> tuple[Tensor, ...]:
    """Paint rays that hit bare skin.

    Args:
        b: Parameters of N faces.
        heads: Surface maps of N faces.
        bank: Noise from ``noise_bank``.
        u: Disc coordinate of the hits.
        v: Disc coordinate of the hits.
        du: Warp of u at the hits.
        dv: Warp of v at the hits.
        pixel_mm: (N, 1, 1) mm that one ray covers.

    Returns:
        Albedo, shine, share of skin, class ids, distance inside the eye and height above the upper lid (mm).
    """
    x, y, z = sample_map(heads.average.xyz[None], u - du, v - dv).unbind(1)
    y_closed, gap = close_mouth(b, x, y)
    parts = face_parts(b, x, y_closed, z, gap)
    albedo, shine, hairy = paint_face(b, bank, x, y_closed, z, parts, pixel_mm)
    inside = (gap > 0) & (z > 40)
    if bool(inside.any()):
        mouth = PackedRays(inside)
        mx, my = mouth.take(x), mouth.take(y)
        albedo = mouth.put(paint_mouth(b, mx, lips_apart(b, mx)[0] - (my - MOUTH_Y)), albedo)
    eye = torch.where(z > 40, parts.eye, torch.full_like(parts.eye, -9.0))
    return albedo, shine, 1 - hairy, parts.ids, eye, parts.lid_up


def _hair(b: Batch, bank: Tensor, p: raycast.Vec, depth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Paint the hair; strands run down from the crown.

    Args:
        b: Parameters of N faces.
        bank: Noise from ``noise_bank``.
        p: Points (x, y, z) around CENTRE, mm.
        depth: Distance behind the hairline, mm.

    Returns:
        Linear RGB (N, 3, ...), share of ambient light, and the noise of the strands.
    """
    x, y, z = p
    around = torch.atan2(x, z + 12.0) / 6.2832
    curl = per_sample(b["hair_curl"])
    wave = 0.012 * curl * torch.sin(y / 6.0) + 0.05 * torch.sin(y / 45.0 + 4 * around) * (1 - curl)
    s, cloud = sample_noise(
        bank, around * 4.0 + wave + per_sample(b["hair_shift"][:, 0]), y / 380.0 + z / 600.0, (STRANDS, CLOUD)
    )[:2]
    lumps = sample_noise(bank, x / 110.0 + per_sample(b["hair_shift"][:, 1]), y / 110.0 + z / 130.0, (CLOUD,))[0]
    streak = per_sample(b["hair_streak"]) * (0.30 * s * (1 - 0.4 * curl) + 0.12 * cloud + curl * 0.40 * lumps)
    root = 0.72 + 0.28 * (depth / 14).clamp(0, 1)
    band = torch.exp(-(((y - 62 + 6 * s) / 16) ** 2)) * 0.25 * per_sample(b["hair_gloss"]) * (1 - curl)
    rgb = per_channel(b["hair_rgb"]) * (torch.exp(streak) * (1 + band))[:, None]
    return rgb, root * torch.exp(0.12 * s + 0.2 * curl * lumps).clamp(0.4, 1.25), s
