"""The colour of a face before light: skin tone and its variation, lips, brows, eyes, teeth, beard, make-up, age."""

from __future__ import annotations

import torch
from torch import Tensor

from .anatomy import MOUTH_HALF, MOUTH_Y
from .face_parts import BROW_IN, Parts, eye_line
from .fields import Batch, Rgb, blend, gaussian, per_channel, per_sample, soft_edge
from .noise import CLOUD, FINE, STRANDS, WHITE, sample_noise


def paint_face(
    b: Batch, bank: Tensor, x: Tensor, y: Tensor, z: Tensor, parts: Parts, fine: Tensor
) -> tuple[Rgb, Tensor, Tensor]:
    """(albedo (N,3,H,W), shininess (N,H,W), hairiness (N,H,W)) of canonical places. `fine`: mm that one pixel covers,
    the narrowest edge drawn, (N, 1, 1)."""
    ax, wide = parts.ax, (1.2 * fine).clamp_min(0.7)
    at = b["skin_at"]
    cloud, white, grain = _skin_noise(bank, x, y, z, at)
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
    moles = torch.zeros_like(y)
    for k in range(3):
        mole = b["moles"][:, k]
        size = per_sample(mole[:, 2])
        gap = (x - per_sample(mole[:, 0])) ** 2 + (y - per_sample(mole[:, 1])) ** 2
        moles = torch.maximum(
            moles, torch.where(size > 0, torch.exp(-gap / (size * size + 1e-3)), torch.zeros_like(gap))
        )
    albedo = albedo * (1 - 0.6 * moles[:, None] * (z > 40)[:, None])
    dark = (
        0.20 * gaussian(ax, y, 27, -10, 11, 5) * (0.5 + per_sample(b["eye_bags"]))
        + 0.17 * gaussian(ax, y, 30, 7, 13, 5)
        + 0.16 * gaussian(ax, y, 17, 0, 5, 7)
    )
    dark = dark + _wrinkles(b, ax, y, grain) * (z > 35)
    albedo = albedo * (1 - dark[:, None] * skin.new_tensor([0.75, 1.0, 1.0]).view(1, 3, 1, 1))
    shadow = (
        torch.exp(-(((parts.lid_up - 2.5) / 3.5) ** 2))
        * soft_edge(parts.lid_up, 2)
        * gaussian(ax, y, 33, 8, 11, 12)
        * per_sample(b["eye_shadow"])
    )
    albedo = blend(albedo, per_channel(b["eye_shadow_rgb"]), shadow.clamp(0, 1) * 0.75)
    # stubble, beard and moustache
    cheek_line = soft_edge(parts.beard, 10) * (z > 4)
    strands = 0.5 * grain + 0.9 * white
    shade = (
        torch.maximum(cheek_line, soft_edge(parts.moustache, 5) * (z > 40))
        * per_sample(b["stubble"])
        * (0.42 + 0.10 * strands)
    )
    albedo = blend(albedo, per_channel(b["beard_rgb"]) * 0.6 + skin * 0.12, shade.clamp(0, 0.75))
    grown = soft_edge(parts.beard - 1.0 + 1.6 * strands, 4) * per_sample(b["beard"]) * (z > 4)
    grown = torch.maximum(
        grown, soft_edge(parts.moustache - 0.5 + 0.8 * strands, 2.0) * per_sample(b["moustache"]) * (z > 40)
    )
    hairs = torch.exp(0.28 * strands + 0.18 * cloud)
    dense = 0.55 + 0.45 * (per_sample(b["beard_mm"]) / 6).clamp(0, 1)
    albedo = blend(albedo, per_channel(b["beard_rgb"]) * hairs[:, None], grown * dense)
    # brows: short hairs that lean outwards
    lean = sample_noise(bank, (x - y * 0.7 * torch.sign(x)) / 90.0 + per_sample(at[:, 0]), y / 160.0, (STRANDS,))[0]
    brow = (
        soft_edge(parts.brow + 0.5 + 0.3 * lean, 2.8)
        * per_sample(b["brow_dense"])
        * (0.90 + 0.09 * lean).clamp(0.3, 1)
        * (z > 40)
    )
    brow = brow * (0.55 + 0.45 * ((ax - BROW_IN) / 8).clamp(0, 1))
    albedo = blend(albedo, per_channel(b["brow_rgb"]), brow.clamp(0, 1))
    # lips
    lip_base = skin * skin.new_tensor([0.86, 0.52, 0.54]).view(1, 3, 1, 1) + skin.new_tensor([0.035, 0.0, 0.004]).view(
        1, 3, 1, 1
    )
    lip_rgb = blend(
        lip_base.expand_as(albedo),
        per_channel(b["lipstick_rgb"]),
        per_sample(b["lipstick"]) * 0.85 + torch.zeros_like(y),
    )
    creases = 1 + 0.05 * sample_noise(bank, x / 60.0, y / 600.0 + per_sample(at[:, 1]), (STRANDS,))[0]
    upper_dark = torch.where(parts.upper, 0.86, 1.0)
    on_lip = soft_edge(parts.lip, wide + 0.7) * (z > 40)
    albedo = blend(
        albedo, lip_rgb * (creases * upper_dark)[:, None], on_lip * (0.72 + 0.28 * per_sample(b["lipstick"]))
    )
    seam = (
        torch.exp(-(((y - MOUTH_Y) / 0.8) ** 2))
        * soft_edge(MOUTH_HALF + 1 - ax, 3)
        * (z > 40)
        * (per_sample(b["mouth_down"]) < 0.4)
    )
    albedo = albedo * (1 - 0.6 * seam[:, None])
    nostril = gaussian(ax, y, 7.2, -48.0, 3.4, 1.7) * (z > 60)
    albedo = albedo * (1 - 0.82 * nostril.clamp(0, 1)[:, None])
    # lids: lashes and crease
    span = soft_edge(13.5 - (ax - 31.8).abs(), 2.0) * (z > 40)
    lashes = (
        torch.exp(-(((parts.lid_up - 0.2) / (fine * 0.55).clamp_min(0.75)) ** 2)) * per_sample(b["lashes"])
        + 0.4 * torch.exp(-(((y - eye_line(ax) + 3.4) / 0.7) ** 2)) * (parts.eye < 0.6) * 0.5
    )
    fold = torch.exp(-(((parts.lid_up - 3.4) / 0.7) ** 2)) * per_sample(b["lid_crease"]) * 0.42
    albedo = albedo * (1 - (span * (0.85 * lashes + fold)).clamp(0, 0.92)[:, None])
    shine = (
        0.30
        + 0.35 * gaussian(ax, y, 0, -35, 8, 20)
        + 0.2 * gaussian(ax, y, 0, 45, 35, 18)
        + 0.15 * gaussian(ax, y, 38, -22, 10, 8)
    )
    shine = shine * per_sample(b["oily"]) * (1 - 0.75 * grown) + on_lip * (0.25 + 0.5 * per_sample(b["lipstick"]))
    return albedo, shine, torch.maximum(grown, brow * 0.7)


def _skin_noise(bank: Tensor, x: Tensor, y: Tensor, z: Tensor, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    around = x + torch.sign(x) * (60 - z).clamp_min(0)
    white, grain, cloud = sample_noise(
        bank, around / 230.0 + per_sample(at[:, 0]), y / 230.0 + per_sample(at[:, 1]), (WHITE, FINE, CLOUD)
    )
    return cloud, white, grain


def _wrinkles(b: Batch, ax: Tensor, y: Tensor, grain: Tensor) -> Tensor:
    """How dark lines of age and expression are: forehead, between the brows, crow's feet, under the eyes, nose to
    mouth."""
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


def paint_mouth(b: Batch, x: Tensor, y: Tensor, gap_up: Tensor) -> Tensor:
    """Inside of the mouth (N, 3, H, W): teeth under the upper lip, tongue and darkness below. `gap_up`: mm below the
    upper lip's edge."""
    dark = x.new_tensor([0.045, 0.012, 0.012]).view(1, 3, 1, 1)
    tongue = x.new_tensor([0.30, 0.09, 0.09]).view(1, 3, 1, 1)
    teeth = x.new_tensor([0.70, 0.65, 0.56]).view(1, 3, 1, 1)
    ax = x.abs()
    up = per_sample(b["mouth_up"]) + 2.0
    tooth = soft_edge(7.2 + 0.4 * up - gap_up, 1.0) * soft_edge(21 - ax, 4.0)
    lines = 1 - 0.22 * torch.exp(-(((ax / 7.2 - (ax / 7.2).round().clamp_min(0)) * 7.2 / 0.7) ** 2)) * (ax < 19)
    round_off = (1 - (ax / 24) ** 2).clamp(0.15, 1)
    out = blend(
        dark.expand(x.shape[0], 3, *x.shape[1:]), tongue, soft_edge(gap_up - 9, 5) * soft_edge(15 - ax, 6) * 0.8
    )
    return blend(out, teeth * (lines * round_off)[:, None], tooth)


def paint_eye(iris_rgb: Tensor, sideways: Tensor, upward: Tensor, lid: Tensor) -> Rgb:
    """Eyeball colour (N, 3, H, W). iris_rgb (N, 3); sideways, upward (N, H, W): places on the ball around the gaze, in
    radii; lid: mm below the upper lid's edge, which throws a shadow."""
    far = torch.sqrt(sideways * sideways + upward * upward + 1e-8)
    veins = ((far - 0.55) / 0.4).clamp(0, 1)[:, None]
    white = far.new_tensor([0.42, 0.39, 0.37]).view(1, 3, 1, 1)
    white = white * (1 - far.new_tensor([0.05, 0.22, 0.22]).view(1, 3, 1, 1) * veins)
    rays = 0.18 * torch.sin(torch.atan2(upward, sideways) * 17)
    iris = per_channel(iris_rgb) * (0.75 + 0.5 * ((far - 0.2) / 0.3).clamp(0, 1) + rays)[:, None]
    iris = iris * (1 - 0.65 * soft_edge(far - 0.45, 0.10))[:, None]
    out = blend(white.expand_as(iris), iris, soft_edge(0.505 - far, 0.07))
    out = out * (1 - 0.96 * soft_edge(0.205 - far, 0.06))[:, None]
    shade = 0.42 + 0.58 * (lid / 4.5).clamp(0, 1) ** 0.7
    return out * shade[:, None]
