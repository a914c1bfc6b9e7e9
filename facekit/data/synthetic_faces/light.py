"""Lighting: ambient light, one key light, soft skin, gloss, and shadows of foreign objects.

The ambient light is second-order spherical harmonics (Ramamoorthi and Hanrahan, "An Efficient Representation for
Irradiance Environment Maps", 2001). The key light is directional and casts shadows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .fields import Batch, per_sample
from .noise import BLOTCH, COARSE, sample_noise


def ambient_light(normal: Tensor, sh: Tensor) -> Tensor:
    """Compute the irradiance of second-order spherical harmonics.

    Args:
        normal: Unit normals (N, 3, H, W) in the camera frame, y up, z towards the camera.
        sh: Coefficients (N, 9, 3), one column per colour channel.

    Returns:
        Irradiance (N, 3, H, W), at least 0.02.
    """
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
) -> Tensor:
    """Compute the light that the surface sends towards the camera.

    Args:
        b: Parameters of N faces: ``key_dir``, ``key_rgb``, ``sh``, ``rim``.
        albedo: (N, 3, H, W) linear RGB.
        normal: Unit normals (N, 3, H, W) in the camera frame.
        view: Unit vectors (N, 3, H, W) from the surface to the camera.
        ambient: (N, H, W) share of the ambient light that arrives (1 = no occlusion).
        lit: (N, H, W) share of the key light that arrives.
        shine: (N, H, W) strength of the gloss.
        skin_share: (N, H, W) how much the surface scatters light as skin does, 0 to 1. Red light scatters most, so
            the edge of a shadow on skin is soft and red.

    Returns:
        Linear light (N, 3, H, W).
    """
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
    return albedo * light + b["key_rgb"][:, :, None, None] * spec[:, None] + (sky * 0.8 + rim * 0.35)[:, None]


def cast_shadow_factor(b: Batch, bank: Tensor, p: Tensor) -> Tensor:
    """Compute the share of the light that objects outside the image let through.

    The shadow is noise or bars, projected along the key light.

    Args:
        b: Parameters of N faces: ``key_dir`` and the parameters ``foreign...``.
        bank: Noise from ``noise_bank``.
        p: Surface points (N, 3, H, W) in mm, in the camera frame.

    Returns:
        Factor (N, 3, H, W) in (0, 1].
    """
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
    # One kind resembles foliage and clouds, the other straight edges: a wall, the bar of a window, a hand.
    bars = torch.sin(u * 55 + per_sample(b["foreign_at"][:, 0]) * 6.28) * 1.3 + 0.35 * coarse
    field = torch.where(per_sample(b["foreign_kind"]) > 0.5, coarse * 1.1 + 0.35 * blotch, bars) + per_sample(
        b["foreign_bias"]
    )
    inside = torch.sigmoid(field / per_sample(b["foreign_soft"]) * 1.5)
    depth = per_sample(b["foreign"]) * inside
    return 1 - depth[:, None] * p.new_tensor([1.0, 0.97, 0.90]).view(1, 3, 1, 1)
