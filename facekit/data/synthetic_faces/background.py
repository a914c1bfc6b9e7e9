"""Backgrounds: plain with a gradient, soft blobs, mottled walls, bands of shelves or buildings, foliage."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .camera import blur
from .fields import Batch, per_channel, per_sample
from .noise import CLOUD, COARSE, FINE, sample_noise


def render_background(b: Batch, bank: Tensor, size: int) -> Tensor:
    """Render the background of each image.

    Args:
        b: Parameters of N images: ``back_...``.
        bank: Noise from ``noise_bank``.
        size: Side of the result in pixels.

    Returns:
        Linear light (N, 3, size, size).
    """
    device = bank.device
    axis = torch.linspace(0, 1, size, device=device)
    n = b["old"].shape[0]
    y, x = (t[None].expand(n, -1, -1) for t in torch.meshgrid(axis, axis, indexing="ij"))
    spread = F.interpolate(
        b["back_rgb"].permute(0, 3, 1, 2), size=(size, size), mode="bicubic", align_corners=True
    ).clamp(0.005, 1.2)
    plain = per_channel(b["back_mean"])
    at, scale, kind = b["back_at"], per_sample(b["back_scale"]), per_sample(b["back_kind"])
    u, v = x * scale + per_sample(at[:, 0]), y * scale + per_sample(at[:, 1])
    fine, cloud, coarse = sample_noise(bank, u, v, (FINE, CLOUD, COARSE))
    bands = torch.sign(
        torch.sin((x + 0.15 * torch.sin(y * 3)) * (6 + 30 * scale))
        * torch.sin(y * (3 + 22 * scale) + per_sample(at[:, 0]) * 9)
    )
    texture = torch.where(
        kind == 2,
        0.35 * cloud + 0.12 * fine,
        torch.where(
            kind == 3, 0.22 * bands + 0.15 * cloud, torch.where(kind == 4, 0.6 * coarse + 0.35 * fine, 0.06 * cloud)
        ),
    )
    base = torch.lerp(plain.expand_as(spread), spread, per_sample(b["back_mix"])[:, None])
    out = base * torch.exp(texture.clamp(-2, 2))[:, None]
    return blur(out, per_sample(b["back_blur"])[:, 0, 0] * size * 0.03)
