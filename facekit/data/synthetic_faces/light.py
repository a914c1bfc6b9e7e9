"""Light on surfaces: spherical-harmonic surroundings, one key light that casts shadows, skin's soft terminator,
gloss, foreign shadows."""

from __future__ import annotations

import torch
from torch import Tensor

from .noise import BLOTCH, COARSE, read_noise
from .surface import Batch, column


def surroundings(normal: Tensor, sh: Tensor) -> Tensor:
    """Irradiance (N, 3, H, W) of second-order spherical harmonics. normal (N, 3, H, W), y up, z to the camera; sh (N,
    9, 3)."""
    x, y, z = normal.unbind(1)
    basis = torch.stack((torch.ones_like(x), y, z, x, x * y, y * z, 0.5 * (3 * z * z - 1), x * z, x * x - y * y), 1)
    return torch.einsum("nkc,nkhw->nchw", sh, basis).clamp_min(0.02)


def shade(
    b: Batch,
    albedo: Tensor,
    normal: Tensor,
    view: Tensor,
    open_: Tensor,
    lit: Tensor,
    shine: Tensor,
    fleshy: Tensor,
    shadow: Tensor,
) -> Tensor:
    """Radiance (N, 3, H, W). view: unit vectors to the camera (N, 3, H, W); lit: share of the key that arrives;
    shadow: share that foreign objects leave."""
    key = b["key_dir"][:, :, None, None]
    facing = (normal * key).sum(1)
    wrap = normal.new_tensor([0.28, 0.13, 0.09]).view(1, 3, 1, 1) * fleshy[:, None]
    soft_lit = torch.lerp(
        lit[:, None] ** normal.new_tensor([0.75, 1.0, 1.1]).view(1, 3, 1, 1),
        lit[:, None].expand_as(albedo),
        1 - fleshy[:, None],
    )
    direct = ((facing[:, None] + wrap) / (1 + wrap)).clamp_min(0) * soft_lit
    bounce = open_[:, None] ** (1.0 - 0.35 * fleshy[:, None] * normal.new_tensor([1.0, 0.25, 0.0]).view(1, 3, 1, 1))
    light = surroundings(normal, b["sh"]) * bounce + b["key_rgb"][:, :, None, None] * direct
    half = key + view
    half = half * torch.rsqrt((half * half).sum(1, keepdim=True).clamp_min(1e-6))
    gloss = (normal * half).sum(1).clamp(0, 1)
    edge = (1 - (normal * view).sum(1).clamp(0, 1)) ** 4
    power = gloss**14
    spec = shine * (0.13 * power + 0.22 * power * power * power) * lit * (facing > -0.1)
    sky = edge * (0.05 + 0.05 * shine) * open_
    rim = column(b["rim"]) * edge * (normal[:, 1] * 0.5 + 0.5)
    out = albedo * light + b["key_rgb"][:, :, None, None] * spec[:, None] + (sky * 0.8 + rim * 0.35)[:, None]
    return out * shadow


def foreign_shadow(b: Batch, bank: Tensor, p: Tensor) -> Tensor:
    """What share of the light unseen objects leave, (N, 3, H, W) in (0, 1]: noise or bars, thrown along the key light
    on camera-frame points p."""
    key = b["key_dir"]
    across = torch.stack((key[:, 2], torch.zeros_like(key[:, 0]), -key[:, 0]), 1)
    across = across * torch.rsqrt((across * across).sum(1, keepdim=True).clamp_min(1e-4))
    up = torch.linalg.cross(key, across)
    s, t = (p * across[:, :, None, None]).sum(1), (p * up[:, :, None, None]).sum(1)
    turn, scale = column(b["foreign_turn"]), column(b["foreign_scale"])
    u = (s * turn.cos() - t * turn.sin()) * scale
    v = (s * turn.sin() + t * turn.cos()) * scale
    coarse, blotch = read_noise(
        bank, u + column(b["foreign_at"][:, 0]), v + column(b["foreign_at"][:, 1]), (COARSE, BLOTCH)
    )
    # One kind is foliage and clouds, the other the straight edge of a wall, a window bar or a hand.
    bars = torch.sin(u * 55 + column(b["foreign_at"][:, 0]) * 6.28) * 1.3 + 0.35 * coarse
    field = torch.where(column(b["foreign_kind"]) > 0.5, coarse * 1.1 + 0.35 * blotch, bars) + column(b["foreign_bias"])
    inside = torch.sigmoid(field / column(b["foreign_soft"]) * 1.5)
    depth = column(b["foreign"]) * inside
    return 1 - depth[:, None] * p.new_tensor([1.0, 0.97, 0.90]).view(1, 3, 1, 1)
