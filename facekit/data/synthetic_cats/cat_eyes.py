"""Eyes: the iris fills the opening, the pupil is a slit or round, and there are two highlights."""

from __future__ import annotations

import torch
from torch import Tensor

from ..synthetic_faces.fields import Batch, blend, per_channel, per_sample, soft_edge
from ..synthetic_faces.noise import FINE, sample_noise
from .features import Features
from .skull import unit


def paint_eyes(b: Batch, bank: Tensor, x: Tensor, f: Features, key: Tensor, mm: Tensor) -> tuple[Tensor, Tensor]:
    """Paint the eyeballs.

    Args:
        b: Parameters of N animals: ``eye_...``, ``iris_...``, ``pupil``, ``gaze_...``.
        bank: Noise from ``noise_bank``.
        x: Canonical x (N, ...), mm.
        f: Fields at the same positions.
        key: (N, 3) unit vector to the key light, in the head frame.
        mm: mm that one ray covers, (N, ...).

    Returns:
        Albedo (N, 3, ...) and the strength of the highlights (N, ...).
    """
    half = per_sample(b["eye_half"])
    side = torch.where(x < 0, -1.0, 1.0)
    tilt = per_sample(b["eye_tilt"])
    # The tilt of the eyelids is undone, so a slit pupil is always vertical in the head.
    out, over = f.along * half, f.over - 0.06 * half
    qx = (out * tilt.cos() - over * tilt.sin()) * side / half - per_sample(b["gaze_x"])
    qy = (out * tilt.sin() + over * tilt.cos()) / half - per_sample(b["gaze_y"])
    r = torch.sqrt(qx * qx + qy * qy + 1e-8)
    angle = torch.atan2(qy, qx) / 6.28319
    streaks = sample_noise(bank, angle * 2.0 + side * 0.2, 0.12 * r, (FINE,))[0]
    soft_mm = (mm / half).clamp_min(0.03)
    iris = torch.where((x < 0)[:, None], per_channel(b["iris_left"]), per_channel(b["iris_right"]))
    rgb = iris * (1.25 - 0.35 * r + 0.16 * streaks).clamp(0.3, 1.6)[:, None]
    ring = torch.exp(-(((r - 0.93) / 0.12) ** 2))
    rgb = blend(rgb, 0.25 * iris, 0.75 * ring)
    sclera = rgb.new_tensor([0.22, 0.16, 0.13]).view(1, 3, 1, 1)
    rgb = blend(rgb, sclera, soft_edge(r - 1.0, 2 * soft_mm))
    tall = 0.62 + 0.1 * per_sample(b["pupil"])
    width = per_sample(b["pupil"]) * (1 - (qy / tall) ** 2).clamp_min(0) ** (0.9 - 0.4 * per_sample(b["pupil"]))
    rgb = blend(rgb, 0 * sclera + 0.004, soft_edge(width - qx.abs(), 1.3 * soft_mm) * (qy.abs() < tall))
    # The upper lid shades the eyeball.
    shade = 1 - 0.62 * torch.exp(-((f.eye / (0.22 * half)) ** 2)) * torch.sigmoid(f.over / 1.5)
    rgb = rgb * (shade * (0.65 + 0.35 * soft_edge(f.eye - 0.5, 1.2)))[:, None]
    to_key = unit(key + key.new_tensor([0.0, 0.2, 1.2]))
    glint = _highlight(
        qx, qy, 0.62 * per_sample(to_key[:, 0]), 0.62 * per_sample(to_key[:, 1]).clamp_min(0.1), 0.13, soft_mm
    )
    window = _highlight(qx, qy, -0.25, 0.36, 0.09, soft_mm) * 0.5
    return rgb, torch.maximum(1.5 * glint, window) * (f.eye > 0.3)


def _highlight(x: Tensor, y: Tensor, cx: Tensor | float, cy: Tensor | float, size: float, edge: Tensor) -> Tensor:
    """Return a round highlight with centre (cx, cy) and radius ``size``, in radii of the eye."""
    return soft_edge(size - torch.sqrt((x - cx) ** 2 + (y - cy) ** 2 + 1e-8), 2 * edge)
