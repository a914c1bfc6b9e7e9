"""Light on surfaces: spherical-harmonic surroundings, one key light that casts shadows, skin's soft terminator,
gloss, foreign shadows."""

from __future__ import annotations

import torch
from torch import Tensor

from .fields import Batch, per_sample
from .noise import BLOTCH, COARSE, sample_noise


def ambient_light(normal: Tensor, sh: Tensor) -> Tensor:
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
    ambient: Tensor,
    lit: Tensor,
    shine: Tensor,
    skin_share: Tensor,
    shadow: Tensor,
) -> Tensor:
    """Radiance (N, 3, H, W). view: unit vectors to the camera (N, 3, H, W); lit: share of the key that arrives;
    shadow: share that foreign objects leave."""
    key = b["key_dir"][:, :, None, None]
    facing = (normal * key).sum(1)
    wrap = normal.new_tensor([0.28, 0.13, 0.09]).view(1, 3, 1, 1) * skin_share[:, None]
    soft_lit = torch.lerp(
        lit[:, None] ** normal.new_tensor([0.75, 1.0, 1.1]).view(1, 3, 1, 1),
        lit[:, None].expand_as(albedo),
        1 - skin_share[:, None],
    )
    direct = ((facing[:, None] + wrap) / (1 + wrap)).clamp_min(0) * soft_lit
    bounce = ambient[:, None] ** (
        1.0 - 0.35 * skin_share[:, None] * normal.new_tensor([1.0, 0.25, 0.0]).view(1, 3, 1, 1)
    )
    light = ambient_light(normal, b["sh"]) * bounce + b["key_rgb"][:, :, None, None] * direct
    half = key + view
    half = half * torch.rsqrt((half * half).sum(1, keepdim=True).clamp_min(1e-6))
    gloss = (normal * half).sum(1).clamp(0, 1)
    edge = (1 - (normal * view).sum(1).clamp(0, 1)) ** 4
    power = gloss**14
    spec = shine * (0.13 * power + 0.22 * power * power * power) * lit * (facing > -0.1)
    sky = edge * (0.05 + 0.05 * shine) * ambient
    rim = per_sample(b["rim"]) * edge * (normal[:, 1] * 0.5 + 0.5)
    out = albedo * light + b["key_rgb"][:, :, None, None] * spec[:, None] + (sky * 0.8 + rim * 0.35)[:, None]
    return out * shadow


def cast_shadow_factor(b: Batch, bank: Tensor, p: Tensor) -> Tensor:
    """What share of the light unseen objects leave, (N, 3, H, W) in (0, 1]: noise or bars, thrown along the key light
    on camera-frame points p."""
    key = b["key_dir"]
    across = torch.stack((key[:, 2], torch.zeros_like(key[:, 0]), -key[:, 0]), 1)
    across = across * torch.rsqrt((across * across).sum(1, keepdim=True).clamp_min(1e-4))
    up = torch.linalg.cross(key, across)
    s, t = (p * across[:, :, None, None]).sum(1), (p * up[:, :, None, None]).sum(1)
    angle, scale = per_sample(b["foreign_turn"]), per_sample(b["foreign_scale"])
    u = (s * angle.cos() - t * angle.sin()) * scale
    v = (s * angle.sin() + t * angle.cos()) * scale
    coarse, blotch = sample_noise(
        bank, u + per_sample(b["foreign_at"][:, 0]), v + per_sample(b["foreign_at"][:, 1]), (COARSE, BLOTCH)
    )
    # One kind is foliage and clouds, the other the straight edge of a wall, a window bar or a hand.
    bars = torch.sin(u * 55 + per_sample(b["foreign_at"][:, 0]) * 6.28) * 1.3 + 0.35 * coarse
    field = torch.where(per_sample(b["foreign_kind"]) > 0.5, coarse * 1.1 + 0.35 * blotch, bars) + per_sample(
        b["foreign_bias"]
    )
    inside = torch.sigmoid(field / per_sample(b["foreign_soft"]) * 1.5)
    depth = per_sample(b["foreign"]) * inside
    return 1 - depth[:, None] * p.new_tensor([1.0, 0.97, 0.90]).view(1, 3, 1, 1)
