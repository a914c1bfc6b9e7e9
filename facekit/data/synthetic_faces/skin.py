"""Albedo of the face: skin and its variation, lips, eyebrows, beard, make-up, wrinkles, and the inside of the mouth.

All colours are linear RGB, before the light is applied.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .anatomy import MOUTH_HALF, MOUTH_Y
from .face_parts import BROW_IN, Parts, eye_line
from .fields import Batch, Rgb, blend, gaussian, per_channel, per_sample, soft_edge
from .noise import CLOUD, FINE, STRANDS, WHITE, sample_noise

Noise = tuple[Tensor, Tensor, Tensor]  # coarse clouds, white noise, fine grain


def paint_face(
    b: Batch, bank: Tensor, x: Tensor, y: Tensor, z: Tensor, parts: Parts, pixel_mm: Tensor
) -> tuple[Rgb, Tensor, Tensor]:
    """Paint canonical positions of the face.

    Args:
        b: Parameters of N faces.
        bank: Noise from ``noise_bank``.
        x: Canonical positions (N, H, W), mm.
        y: Same shape, on the closed mouth.
        z: Same shape.
        parts: Fields of the facial parts at the positions.
        pixel_mm: (N, 1, 1) mm that one pixel covers, the width of the narrowest painted edge.

    Returns:
        Albedo (N, 3, H, W), shine (N, H, W), and share of hair (N, H, W).
    """
    noise = _skin_noise(bank, x, y, z, b["skin_at"])
    albedo = _paint_skin(b, x, y, z, parts, noise)
    albedo, beard = _paint_beard(b, albedo, z, parts, noise)
    albedo, brow = _paint_brows(b, albedo, bank, x, y, z, parts)
    albedo, on_lip = _paint_lips(b, albedo, bank, x, y, z, parts, (1.2 * pixel_mm).clamp_min(0.7))
    albedo = _paint_nostrils_and_lids(b, albedo, y, z, parts, pixel_mm)
    ax = parts.ax
    shine = (
        0.30
        + 0.35 * gaussian(ax, y, 0, -35, 8, 20)
        + 0.2 * gaussian(ax, y, 0, 45, 35, 18)
        + 0.15 * gaussian(ax, y, 38, -22, 10, 8)
    )
    shine = shine * per_sample(b["oily"]) * (1 - 0.75 * beard) + on_lip * (0.25 + 0.5 * per_sample(b["lipstick"]))
    return albedo, shine, torch.maximum(beard, brow * 0.7)


def _skin_noise(bank: Tensor, x: Tensor, y: Tensor, z: Tensor, at: Tensor) -> Noise:
    """Sample the noise of the skin at canonical positions; ``at`` (N, 2) is the position of each face in the bank."""
    around = x + torch.sign(x) * (60 - z).clamp_min(0)
    white, grain, cloud = sample_noise(
        bank, around / 230.0 + per_sample(at[:, 0]), y / 230.0 + per_sample(at[:, 1]), (WHITE, FINE, CLOUD)
    )
    return cloud, white, grain


def _paint_skin(b: Batch, x: Tensor, y: Tensor, z: Tensor, parts: Parts, noise: Noise) -> Rgb:
    """Paint skin tone, redness, freckles, moles, shadows around the eyes, wrinkles and eye shadow."""
    cloud, white, grain = noise
    ax = parts.ax
    skin = per_channel(b["skin"])
    flush = (
        0.5 * gaussian(ax, y, 38, -34, 15, 13)
        + 0.55 * gaussian(ax, y, 0, -40, 12, 8)
        + 0.25 * gaussian(ax, y, 0, -104, 14, 9)
        + 0.2 * gaussian(ax, y, 17, -44, 5, 6)
        + 0.15 * cloud
    )
    flush = flush * per_sample(b["redness"]) + gaussian(ax, y, 46, -30, 15, 10) * per_sample(b["blush"]) * 1.3
    pigment = torch.exp(0.055 * per_sample(b["mottle"]) * (cloud + 0.45 * grain))
    tint = skin.new_tensor([0.10, -0.26, -0.20]).view(1, 3, 1, 1)
    albedo = skin * pigment[:, None] * (1 + tint * flush[:, None])
    freckles = (
        ((white + 0.6 * grain - 1.5) * 1.2).clamp(0, 1) * per_sample(b["freckles"]) * gaussian(ax, y, 24, -22, 26, 18)
    )
    albedo = albedo * (1 - freckles[:, None] * skin.new_tensor([0.25, 0.42, 0.55]).view(1, 3, 1, 1))
    albedo = albedo * (1 - 0.6 * _moles(b, x, y)[:, None] * (z > 40)[:, None])
    dark = (
        0.20 * gaussian(ax, y, 27, -10, 11, 5) * (0.5 + per_sample(b["eye_bags"]))
        + 0.17 * gaussian(ax, y, 30, 7, 13, 5)
        + 0.16 * gaussian(ax, y, 17, 0, 5, 7)
    )
    dark = dark + _wrinkles(b, ax, y, grain) * (z > 35)
    albedo = albedo * (1 - dark[:, None] * skin.new_tensor([0.75, 1.0, 1.0]).view(1, 3, 1, 1))
    eye_shadow = (
        torch.exp(-(((parts.lid_up - 2.5) / 3.5) ** 2))
        * soft_edge(parts.lid_up, 2)
        * gaussian(ax, y, 33, 8, 11, 12)
        * per_sample(b["eye_shadow"])
    )
    return blend(albedo, per_channel(b["eye_shadow_rgb"]), eye_shadow.clamp(0, 1) * 0.75)


def _moles(b: Batch, x: Tensor, y: Tensor) -> Tensor:
    """Return the darkness (N, H, W) of the moles, 0 to 1."""
    moles = torch.zeros_like(y)
    for k in range(3):
        mole = b["moles"][:, k]
        size = per_sample(mole[:, 2])
        distance2 = (x - per_sample(mole[:, 0])) ** 2 + (y - per_sample(mole[:, 1])) ** 2
        dark = torch.where(size > 0, torch.exp(-distance2 / (size * size + 1e-3)), torch.zeros_like(distance2))
        moles = torch.maximum(moles, dark)
    return moles


def _paint_beard(b: Batch, albedo: Rgb, z: Tensor, parts: Parts, noise: Noise) -> tuple[Rgb, Tensor]:
    """Paint stubble, beard and moustache over the skin; return the albedo and the share of beard (N, H, W)."""
    cloud, white, grain = noise
    skin = per_channel(b["skin"])
    cheek_line = soft_edge(parts.beard, 10) * (z > 4)
    strands = 0.5 * grain + 0.9 * white
    stubble = (
        torch.maximum(cheek_line, soft_edge(parts.moustache, 5) * (z > 40))
        * per_sample(b["stubble"])
        * (0.42 + 0.10 * strands)
    )
    albedo = blend(albedo, per_channel(b["beard_rgb"]) * 0.6 + skin * 0.12, stubble.clamp(0, 0.75))
    beard = soft_edge(parts.beard - 1.0 + 1.6 * strands, 4) * per_sample(b["beard"]) * (z > 4)
    moustache = soft_edge(parts.moustache - 0.5 + 0.8 * strands, 2.0) * per_sample(b["moustache"]) * (z > 40)
    beard = torch.maximum(beard, moustache)
    hairs = torch.exp(0.28 * strands + 0.18 * cloud)
    dense = 0.55 + 0.45 * (per_sample(b["beard_mm"]) / 6).clamp(0, 1)
    return blend(albedo, per_channel(b["beard_rgb"]) * hairs[:, None], beard * dense), beard


def _paint_brows(
    b: Batch, albedo: Rgb, bank: Tensor, x: Tensor, y: Tensor, z: Tensor, parts: Parts
) -> tuple[Rgb, Tensor]:
    """Paint the eyebrows: short hairs that lean outwards; return the albedo and the share of brow (N, H, W)."""
    at = b["skin_at"]
    lean = sample_noise(bank, (x - y * 0.7 * torch.sign(x)) / 90.0 + per_sample(at[:, 0]), y / 160.0, (STRANDS,))[0]
    brow = (
        soft_edge(parts.brow + 0.5 + 0.3 * lean, 2.8)
        * per_sample(b["brow_dense"])
        * (0.90 + 0.09 * lean).clamp(0.3, 1)
        * (z > 40)
    )
    brow = brow * (0.55 + 0.45 * ((parts.ax - BROW_IN) / 8).clamp(0, 1))
    return blend(albedo, per_channel(b["brow_rgb"]), brow.clamp(0, 1)), brow


def _paint_lips(
    b: Batch, albedo: Rgb, bank: Tensor, x: Tensor, y: Tensor, z: Tensor, parts: Parts, edge: Tensor
) -> tuple[Rgb, Tensor]:
    """Paint the lips with an edge of ``edge`` mm; return the albedo and the share of lip (N, H, W)."""
    skin = per_channel(b["skin"])
    base = skin * skin.new_tensor([0.86, 0.52, 0.54]).view(1, 3, 1, 1)
    base = base + skin.new_tensor([0.035, 0.0, 0.004]).view(1, 3, 1, 1)
    lipstick = per_sample(b["lipstick"])
    lip_rgb = blend(base.expand_as(albedo), per_channel(b["lipstick_rgb"]), lipstick * 0.85 + torch.zeros_like(y))
    at = per_sample(b["skin_at"][:, 1])
    creases = 1 + 0.05 * sample_noise(bank, x / 60.0, y / 600.0 + at, (STRANDS,))[0]
    upper_dark = torch.where(parts.upper, 0.86, 1.0)
    on_lip = soft_edge(parts.lip, edge + 0.7) * (z > 40)
    albedo = blend(albedo, lip_rgb * (creases * upper_dark)[:, None], on_lip * (0.72 + 0.28 * lipstick))
    seam = (
        torch.exp(-(((y - MOUTH_Y) / 0.8) ** 2))
        * soft_edge(MOUTH_HALF + 1 - parts.ax, 3)
        * (z > 40)
        * (per_sample(b["mouth_down"]) < 0.4)
    )
    return albedo * (1 - 0.6 * seam[:, None]), on_lip


def _paint_nostrils_and_lids(b: Batch, albedo: Rgb, y: Tensor, z: Tensor, parts: Parts, pixel_mm: Tensor) -> Rgb:
    """Paint nostrils, eyelashes and the creases of the eyelids."""
    ax = parts.ax
    nostril = gaussian(ax, y, 7.2, -48.0, 3.4, 1.7) * (z > 60)
    albedo = albedo * (1 - 0.82 * nostril.clamp(0, 1)[:, None])
    span = soft_edge(13.5 - (ax - 31.8).abs(), 2.0) * (z > 40)
    lashes = (
        torch.exp(-(((parts.lid_up - 0.2) / (pixel_mm * 0.55).clamp_min(0.75)) ** 2)) * per_sample(b["lashes"])
        + 0.4 * torch.exp(-(((y - eye_line(ax) + 3.4) / 0.7) ** 2)) * (parts.eye < 0.6) * 0.5
    )
    fold = torch.exp(-(((parts.lid_up - 3.4) / 0.7) ** 2)) * per_sample(b["lid_crease"]) * 0.42
    return albedo * (1 - (span * (0.85 * lashes + fold)).clamp(0, 0.92)[:, None])


def _wrinkles(b: Batch, ax: Tensor, y: Tensor, grain: Tensor) -> Tensor:
    """Return the darkness of wrinkles on the forehead and around brows, eyes, nose and mouth.

    Args:
        b: Parameters of N faces: age and expression deepen the wrinkles.
        ax: Absolute canonical x (N, H, W), mm.
        y: Same shape.
        grain: Noise, same shape.

    Returns:
        (N, H, W), 0 or more.
    """
    age = per_sample(b["wrinkles"])
    lifted = per_sample(b["expression_brow_up"]).clamp(0, 1)
    smile = per_sample(b["expression_smile"]).clamp(0, 1.2)
    forehead = (
        torch.exp(-(((torch.sin((y - 0.006 * (ax - 10) ** 2 + 0.7 * grain) * 0.36) - 1) / 0.24) ** 2))
        * gaussian(ax, y, 0, 46, 32, 13)
        * (age * 0.32 + lifted * 0.2)
    )
    glabella = (
        torch.exp(-(((ax - 5.0) / 1.0) ** 2))
        * gaussian(ax, y, 5, 13, 9, 6)
        * (age * 0.35 + 0.5 * per_sample(b["expression_frown"]).clamp(0, 1))
    )
    angle = torch.atan2(y - 1, (ax - 40).clamp_min(0.5))
    feet = (
        torch.exp(-(((torch.sin(angle * 9) - 1) / 0.25) ** 2))
        * gaussian(ax, y, 53, 0, 4.5, 8)
        * (age * 0.4 + 0.22 * smile)
    )
    under = (
        torch.exp(-(((y + 15.5 - 0.012 * (ax - 31) ** 2) / 1.3) ** 2))
        * gaussian(ax, y, 28, -15, 9, 8)
        * (0.3 * per_sample(b["eye_bags"]))
    )
    fold = ax - (19.0 + 13.5 * ((-45 - y) / 25).clamp(0, 1.6) ** 0.8)
    cheek = (
        torch.exp(-((fold / 1.5) ** 2))
        * soft_edge(-42 - y, 6)
        * soft_edge(y + 78, 10)
        * (0.05 + 0.28 * age + 0.16 * smile)
    )
    marionette = (
        torch.exp(-(((ax - 30 - 0.1 * (-70 - y)) / 1.3) ** 2))
        * soft_edge(-72 - y, 5)
        * soft_edge(y + 92, 8)
        * 0.25
        * (age - 0.3).clamp_min(0)
    )
    return forehead + glabella + feet + under + cheek + marionette


def paint_mouth(b: Batch, x: Tensor, below: Tensor) -> Tensor:
    """Paint the inside of the mouth: teeth under the upper lip, tongue and darkness below.

    Args:
        b: Parameters of N faces: ``mouth_up``.
        x: Canonical positions (N, H, W), mm.
        below: mm below the edge of the upper lip, same shape.

    Returns:
        Albedo (N, 3, H, W).
    """
    dark = x.new_tensor([0.045, 0.012, 0.012]).view(1, 3, 1, 1)
    tongue = x.new_tensor([0.30, 0.09, 0.09]).view(1, 3, 1, 1)
    teeth = x.new_tensor([0.70, 0.65, 0.56]).view(1, 3, 1, 1)
    ax = x.abs()
    up = per_sample(b["mouth_up"]) + 2.0
    tooth = soft_edge(7.2 + 0.4 * up - below, 1.0) * soft_edge(21 - ax, 4.0)
    lines = 1 - 0.22 * torch.exp(-(((ax / 7.2 - (ax / 7.2).round().clamp_min(0)) * 7.2 / 0.7) ** 2)) * (ax < 19)
    round_off = (1 - (ax / 24) ** 2).clamp(0.15, 1)
    out = blend(dark.expand(x.shape[0], 3, *x.shape[1:]), tongue, soft_edge(below - 9, 5) * soft_edge(15 - ax, 6) * 0.8)
    return blend(out, teeth * (lines * round_off)[:, None], tooth)
