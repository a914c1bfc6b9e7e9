"""Albedo of the fur: colours, patterns and strands, and the bare skin of nose, lips and ears. Linear RGB."""

from __future__ import annotations

import torch
from torch import Tensor

from ..synthetic_faces.fields import Batch, blend, per_channel, per_sample, soft_edge
from ..synthetic_faces.noise import CLOUD, COARSE, FINE, STRANDS, sample_noise
from .features import LIP, MOUTH_Y, MUZZLE_Y, NOSE_Y, Features
from .skull import fur_flow
from .species import BICOLOUR, HALVES, PATCHES, POINTED, TABBY

Positions = tuple[Tensor, Tensor, Tensor]


def _window(t: Tensor, edge: Tensor | float, width: float) -> Tensor:
    """Return a ramp from 0 to 1 of the given width around ``t`` = ``edge``."""
    return soft_edge(t - edge, width)


def _stripes(b: Batch, p: Positions, wander: Tensor) -> Tensor:
    """Return the strength (0 to 1) of tabby stripes: an M on the forehead, lines over the cheeks, rings below."""
    x, y, z = p
    a = x.abs() + 1.5 * wander
    pitch = per_sample(b["stripe_mm"])
    brow = per_sample(b["eye_y"]) + per_sample(b["eye_half"]) * 0.75
    crown = torch.cos(6.2832 * a / (pitch * (0.75 + 0.012 * (y - 10).clamp_min(0))) + 0.9 * wander)
    crown = crown * _window(y, brow + 1 + 0.1 * a, 5.0) * _window(34 - a, 0.0, 8.0)
    # The outer strokes of the M bend down to the inner corners of the eyes.
    stroke = torch.exp(-(((a - 8.5 - 0.35 * (y - brow).clamp_min(-6)) / 2.0) ** 2))
    stroke = stroke * _window(y, brow - 6, 4.0) * _window(brow + 16, y, 6.0)
    outer = per_sample(b["eye_x"]) + 0.9 * per_sample(b["eye_half"])
    fan = y + 0.42 * (a - outer) + 2.0 * wander
    cheek = torch.cos(6.2832 * (fan - per_sample(b["eye_y"]) - 2.0) / (pitch * 1.25))
    cheek = cheek * _window(a, outer + 1.0, 5.0) * _window(brow + 6, y, 8.0) * _window(z, -60.0, 10.0)
    rings = torch.cos(6.2832 * (y + 0.02 * x * x) / (pitch * 1.9) + wander) * _window(-42 - y, 0.0, 6.0)
    wave = torch.maximum(torch.maximum(crown, 1.4 * stroke - 0.1), torch.maximum(cheek, 0.8 * rings))
    return _window(wave, 0.30, 0.55) * per_sample(b["stripe"])


def paint_coat(b: Batch, bank: Tensor, p: Positions, ear: Tensor, body: Tensor) -> Tensor:
    """Paint the fur.

    Args:
        b: Parameters of N animals.
        bank: Noise from ``noise_bank``.
        p: Canonical positions (x, y, z), each (N, ...), mm.
        ear: 1 where the position is on an ear, else 0.
        body: 1 where the position is on the body, else 0.

    Returns:
        Albedo (N, 3, ...).
    """
    x, y, z = p
    at = b["coat_at"]
    wander, blot = sample_noise(
        bank, x / 190 + per_sample(at[:, 0]), y / 190 + z / 230 + per_sample(at[:, 1]), (COARSE, CLOUD)
    )
    kind = per_sample(b["coat"])
    main, second, white = per_channel(b["main"]), per_channel(b["second"]), per_channel(b["white_fur"])
    rgb = main.expand(-1, -1, *x.shape[1:])
    rgb = blend(rgb, second, _stripes(b, p, wander) * (kind == TABBY) * (1 - 0.75 * ear))
    brindle = _window(blot + 0.5 * wander, 0.1, 0.5)
    rgb = blend(rgb, second, brindle * (kind == PATCHES))
    rgb = blend(rgb, second, _window(x + 1.2 * blot, 0.0, 2.5) * (kind == HALVES))
    rho = torch.sqrt((x * 0.95) ** 2 + (y - MUZZLE_Y - 7) ** 2 + (z - 45).clamp_max(0) ** 2 * 0.35)
    mask = torch.exp(-((rho / 27) ** 4)) * (1 - body)
    rgb = blend(rgb, second, torch.maximum(mask, ear * 0.95) * 0.93 * (kind == POINTED))
    pale = _pale(b, x, y, z, wander) * per_sample(b["pale_face"]) * (1 - ear) * ~((kind == POINTED) | (kind == HALVES))
    rgb = blend(rgb, per_channel(b["pale"]), pale)
    return blend(rgb, white, _white(b, x, y, wander, blot, kind, ear, body))


def _pale(b: Batch, x: Tensor, y: Tensor, z: Tensor, wander: Tensor) -> Tensor:
    """Return the strength of lighter fur around the eyes, on the muzzle and on the chin."""
    a = x.abs()
    half = per_sample(b["eye_half"])
    eye = ((a - per_sample(b["eye_x"]) + 1) / (half * 1.45)) ** 2 + ((y - per_sample(b["eye_y"])) / (half * 1.25)) ** 2
    muzzle = (a / (per_sample(b["muzzle_wide"]) * 1.05)) ** 2 + ((y - MUZZLE_Y + 3) / 14.5) ** 2
    field = torch.maximum(1 - eye, 1.1 * (1 - muzzle)) * (z > 0)
    return _window(field + 0.06 * wander, 0.1, 0.6) * 0.75


def _white(
    b: Batch, x: Tensor, y: Tensor, wander: Tensor, blot: Tensor, kind: Tensor, ear: Tensor, body: Tensor
) -> Tensor:
    """Return the share of white fur: a blaze with muzzle and bib, a muzzle alone, or spots among patches."""
    a = (x + 1.5 * wander).abs()
    top = per_sample(b["blaze_top"])
    wide = per_sample(b["blaze"]) + per_sample(b["blaze_spread"]) * (2 - y).clamp_min(0) - 0.25 * (y - 2).clamp_min(0)
    blaze = _window(torch.minimum(wide - a, top - y) + 0.8 * blot, 0.0, 2.5)
    muzzle = 1 - (a / (per_sample(b["muzzle_wide"]) * 1.12)) ** 2 - ((y - MUZZLE_Y + 3) / 15.0) ** 2
    muzzle = _window(muzzle + 0.08 * blot, 0.0, 0.25)
    bib = body * _window(40 - a, 0.0, 6.0)
    with_muzzle = torch.maximum(muzzle, bib) * (per_sample(b["white_muzzle"]) > 0)
    spots = _window(wander - 0.4 * blot, per_sample(b["patch_white"]), 0.25) * (kind == PATCHES)
    return torch.maximum(
        torch.maximum(blaze, bib) * (kind == BICOLOUR) * (1 - ear), torch.maximum(with_muzzle * (1 - ear), spots)
    )


def strands(b: Batch, bank: Tensor, p: Positions, short: Tensor, body: Tensor) -> Tensor:
    """Compute the shade of the hairs.

    Args:
        b: Parameters of N animals.
        bank: Noise from ``noise_bank``.
        p: Canonical positions (x, y, z), each (N, ...), mm.
        short: 0 to 1; short fur (muzzle) has less contrast.
        body: 1 where the position is on the body, else 0.

    Returns:
        Factor (N, ...) on the albedo, about 1.
    """
    x, y, z = p
    u, v = fur_flow(x, y, z)
    u, v = torch.where(body > 0, x / 60 + 0.0015 * y, u), torch.where(body > 0, y / 75, v)
    at = b["coat_at"]
    long, fine, cloud = (
        sample_noise(bank, u + per_sample(at[:, 2]), v + per_sample(at[:, 3]), (STRANDS,))[0],
        *sample_noise(bank, u * 0.9 + per_sample(at[:, 3]), v * 2.2, (FINE, CLOUD)),
    )
    return torch.exp(per_sample(b["fur_contrast"]) * (0.85 * long + 0.35 * fine + 0.5 * cloud) * (1 - 0.6 * short))


def paint_bare(b: Batch, bank: Tensor, rgb: Tensor, p: Positions, f: Features, mm: Tensor) -> tuple[Tensor, Tensor]:
    """Paint nose, lips, inside of the mouth and the dark rims of the eyes over the fur.

    Args:
        b: Parameters of N animals.
        bank: Noise from ``noise_bank``.
        rgb: Albedo (N, 3, ...) of the fur.
        p: Canonical positions (x, y, z), each (N, ...), mm.
        f: Fields at the same positions.
        mm: mm that one ray covers, for soft edges.

    Returns:
        Albedo (N, 3, ...), and how wet each position is, 0 to 1.
    """
    edge = (1.1 * mm).clamp_min(0.5)
    dark = rgb.new_tensor([0.012, 0.008, 0.007]).view(1, 3, 1, 1)
    rgb = _paint_eye_rims(rgb, dark, p[2], f)
    rgb = _paint_whisker_dots(rgb, dark, p)
    rgb = _paint_mouth(b, rgb, dark, p, f, edge)
    rgb, on_nose = _paint_nose(b, bank, rgb, dark, p, f, edge)
    return rgb, torch.maximum(0.9 * on_nose, soft_edge(f.gape, edge))


def _paint_eye_rims(rgb: Tensor, dark: Tensor, z: Tensor, f: Features) -> Tensor:
    """Paint dark rims around the eyes and dark tear ducts."""
    liner = torch.exp(-(((f.eye + 0.9) / 1.25) ** 2)) * (z > 6)
    tear = torch.exp(-(((f.along + 1.12) / 0.13) ** 2) - ((f.over + 1.0) / 2.2) ** 2) * (z > 6)
    return blend(rgb, dark, torch.maximum(liner, 0.8 * tear) * 0.9)


def _paint_whisker_dots(rgb: Tensor, dark: Tensor, p: Positions) -> Tensor:
    """Paint the rows of dots on the pads of the whiskers."""
    x, y, z = p
    a = x.abs()
    row = torch.remainder(y + 0.25 * a, 4.2) - 2.1
    step = torch.remainder(a, 3.6) - 1.8
    dots = torch.exp(-((row / 0.8) ** 2) - (step / 0.8) ** 2) * _window(a, 6.0, 2.0) * _window(15.5 - a, 0.0, 2.0)
    dots = dots * _window(-14 - y, 0.0, 2.0) * _window(y, MOUTH_Y - 1, 2.0) * (z > 6)
    return blend(rgb, dark, dots * 0.30)


def _paint_mouth(b: Batch, rgb: Tensor, dark: Tensor, p: Positions, f: Features, edge: Tensor) -> Tensor:
    """Paint lips, the groove below the nose, and the inside of the mouth with tongue and fangs."""
    x, y, z = p
    a = x.abs()
    groove = torch.exp(-((x / 0.8) ** 2)) * _window(NOSE_Y - 3 - y, 0.0, 2.0) * _window(y, MOUTH_Y - 0.5, 1.5) * (z > 6)
    lip = soft_edge(f.line + 0.3 * LIP, edge * 1.2)
    skin = per_channel(b["nose_rgb"])
    rgb = blend(rgb, 0.12 * skin + 0.6 * dark, torch.maximum(lip * 0.85, groove * 0.75))
    depth = (f.gape / 3.0).clamp(0, 1)
    opened = per_sample(b["mouth_open"])
    tongue = (1 - (a / 7.5) ** 2 - ((y - MOUTH_Y + 1.15 * opened) / 4.2) ** 2).clamp(0, 1).sqrt()
    inside = torch.lerp(rgb.new_tensor([0.10, 0.03, 0.03]).view(1, 3, 1, 1).expand_as(rgb), dark, depth[:, None])
    inside = blend(inside, rgb.new_tensor([0.55, 0.22, 0.22]).view(1, 3, 1, 1), tongue)
    fang = _window(1.3 - (a - 5.2).abs() * 1.6 - f.gape * 0.45, 0.0, 0.5) * (opened > 4) * (f.gape > 0)
    inside = blend(inside, rgb.new_tensor([0.75, 0.70, 0.60]).view(1, 3, 1, 1), fang * (y > MOUTH_Y - 5))
    return blend(rgb, inside, soft_edge(f.gape, edge))


def _paint_nose(
    b: Batch, bank: Tensor, rgb: Tensor, dark: Tensor, p: Positions, f: Features, edge: Tensor
) -> tuple[Tensor, Tensor]:
    """Paint the nose with its nostrils; return the albedo and the share of nose (N, ...)."""
    x, y, _ = p
    a = x.abs()
    skin = per_channel(b["nose_rgb"])
    nostril = ((a - 0.56 * per_sample(b["nose_half"])) / 1.9) ** 2
    low = NOSE_Y - 0.52 * per_sample(b["nose_tall"])
    nostril = torch.exp(-nostril - ((y - low - 0.35 * (a - 3.0)) / 1.15) ** 2)
    grain = sample_noise(bank, x / 24, y / 24, (FINE,))[0]
    leather = skin * (1 + 0.07 * grain)[:, None] * (1 - 0.35 * _window(low - y, 0.0, 3.0))[:, None]
    leather = blend(leather, dark, (1.25 * nostril).clamp(0, 1))
    leather = blend(leather, 0.3 * skin, torch.exp(-((x / 0.7) ** 2)) * _window(low + 1.5 - y, 0.0, 1.5) * 0.7)
    on_nose = soft_edge(f.nose + 0.3, edge * 1.6)
    return blend(rgb, leather, on_nose), on_nose


def paint_ear(
    b: Batch, bank: Tensor, fur: Tensor, below: Tensor, across: Tensor, inner: Tensor
) -> tuple[Tensor, Tensor]:
    """Paint the hollow side of the ears over the fur: skin, a furry rim, and tufts from the inner edge.

    Args:
        b: Parameters of N animals: ``ear_...``.
        bank: Noise from ``noise_bank``.
        fur: Albedo (N, 3, ...).
        below: mm below the tip of the ear, (N, ...).
        across: -1 at the inner rim, 1 at the outer rim, (N, ...).
        inner: Greater than 0 on the hollow side, (N, ...).

    Returns:
        Albedo (N, 3, ...) and share of ambient light (N, ...).
    """
    low = (below / per_sample(b["ear_tall"])).clamp(0, 1.6)
    start = per_sample(b["coat_at"][:, 1])
    hairs = sample_noise(bank, low * 0.55 + start - 0.12 * across, across * 0.16 + low * 0.2, (STRANDS,))
    fringe = _window(across.abs() + 0.05 * hairs[0], 0.86 - 0.25 * (1 - low).clamp(0, 1) ** 3, 0.22)
    tuft = _window(-across + 0.35 * hairs[0] + 0.9 * per_sample(b["ear_tuft"]) * low, 0.75, 0.55)
    tuft = tuft * _window(low, 0.25, 0.3)
    hollow = 1 - 0.62 * (1 - across * across).clamp(0, 1) * _window(low, 0.15, 0.7)
    skin = per_channel(b["ear_rgb"]) * hollow[:, None]
    light = 0.6 * fur + 0.4 * per_channel(b["pale"])
    rgb = blend(blend(skin, fur, fringe), light * (1 + 0.18 * hairs[0])[:, None], tuft * 0.85)
    ambient = torch.where(inner > 0, torch.maximum(hollow, 0.8 * torch.maximum(fringe, tuft)), torch.ones_like(low))
    return torch.where((inner > 0)[:, None], rgb, fur), ambient
