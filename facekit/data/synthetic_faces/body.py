"""Surfaces beside the head: ears, neck and clothes."""

from __future__ import annotations

import torch
from torch import Tensor

from .anatomy import CENTRE
from .face_parts import CLOTH, LEFT_EAR, NECK, RIGHT_EAR
from .fields import Batch, per_channel, per_sample
from .layers import Layers, camera_normal, points_at
from .noise import CLOUD, FINE, sample_noise
from .raycast import FAR, Vec, quadric

_Y_UP = -CENTRE[1]  # height of the head frame's origin, in the frame around CENTRE


def add_ears(layers: Layers, b: Batch, origin: Vec, direction: Vec, rotation: Tensor) -> None:
    """Add two ears: flat ellipsoids whose folds are painted into normals and ambient light.

    Args:
        layers: Layers of N faces, changed in place.
        b: Parameters of N faces.
        origin: Origin of the rays (x, y, z), in the head frame around CENTRE.
        direction: Direction of the rays (x, y, z), each (N, ...).
        rotation: (N, 3, 3) from the head frame to the camera frame.
    """
    size, out = per_sample(b["ear_size"]), per_sample(b["ear_out"])
    wide = per_sample(b["modes"][:, 0]) * 0.035 + 1
    radii = (17.5, 32.0, 7.0)  # mm: back to front, up, thickness
    for side, label in ((-1.0, LEFT_EAR), (1.0, RIGHT_EAR)):
        axes = _ear_axes(side, out)
        back = axes[0]
        centre = (
            side * 71.5 * wide + back[0] * 13 * size,
            -14 - CENTRE[1] + 0 * back[0],
            4 - CENTRE[2] + back[2] * 13 * size,
        )
        o = tuple(
            sum((origin[k] - centre[k]) * axis[k] for k in range(3)) / (r * size)
            for axis, r in zip(axes, radii, strict=True)
        )
        w = tuple(
            sum(direction[k] * axis[k] for k in range(3)) / (r * size) for axis, r in zip(axes, radii, strict=True)
        )
        t = quadric(o, w, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        a, up, thick = points_at(o, w, t)
        egg = (a / (0.80 + 0.26 * up)) ** 2 + up * up
        t = torch.where(egg < 1, t, torch.full_like(t, FAR))
        rho = torch.sqrt(egg.clamp_min(1e-6))
        groove = torch.exp(-(((rho - 0.70) / 0.10) ** 2)) * torch.sigmoid((up + 0.35) * 8)
        concha = torch.exp(-(((a + 0.28) / 0.36) ** 2) - (((up + 0.12) / 0.34) ** 2))
        slope = (torch.exp(-(((rho - 0.58) / 0.09) ** 2)) - torch.exp(-(((rho - 0.82) / 0.09) ** 2))) * 0.9
        local = (a / radii[0] * 3 + slope * a / rho, up / radii[1] * 3 + slope * up / rho, thick / radii[2] * 5)
        normal = tuple(local[0] * axes[0][k] + local[1] * axes[1][k] + local[2] * axes[2][k] for k in range(3))
        ambient = (1 - 0.45 * groove - 0.60 * concha).clamp(0.2, 1)
        flush = torch.stack((torch.ones_like(rho), 0.90 - 0.08 * rho, 0.90 - 0.08 * rho), 1)
        layers.put(t, camera_normal(normal, rotation), per_channel(b["skin"]) * flush, ambient, 0.25, 1.0, label)


def _ear_axes(side: float, out: Tensor) -> tuple[Vec, Vec, Vec]:
    """Return the axes of an ear: backwards, upwards, and out of its flat side; ``out`` is its angle in radians."""
    s, c = torch.sin(out), torch.cos(out)
    back: Vec = (side * s, -0.20 * torch.ones_like(s), -c)
    norm = torch.sqrt(back[0] ** 2 + back[1] ** 2 + back[2] ** 2)
    back = tuple(k / norm for k in back)
    flat = (side * c, torch.zeros_like(s), s)
    up: Vec = (
        back[1] * flat[2] - back[2] * flat[1],
        back[2] * flat[0] - back[0] * flat[2],
        back[0] * flat[1] - back[1] * flat[0],
    )
    sign = torch.sign(up[1])
    return back, tuple(k * sign for k in up), flat


def add_body(layers: Layers, b: Batch, bank: Tensor, origin: Vec, direction: Vec, rotation: Tensor) -> None:
    """Add the neck and the clothed shoulders.

    Args:
        layers: Layers of N faces, changed in place.
        b: Parameters of N faces.
        bank: Noise from ``noise_bank``.
        origin: Origin of the rays (x, y, z), in the frame of the body around CENTRE.
        direction: Direction of the rays (x, y, z), each (N, ...).
        rotation: (N, 3, 3) from the frame of the body to the camera frame.
    """
    _add_neck(layers, b, bank, origin, direction, rotation)
    _add_torso(layers, b, bank, origin, direction, rotation)


def _add_neck(layers: Layers, b: Batch, bank: Tensor, origin: Vec, direction: Vec, rotation: Tensor) -> None:
    """Add the neck, a hyperboloid, with skin above the neckline and cloth below."""
    wide = per_sample(b["neck_wide"])
    t = quadric(
        origin,
        direction,
        (0.0, -92.0 + _Y_UP, -24.0 - CENTRE[2]),
        (1 / (53.0 * wide) ** 2, -1 / 100.0**2, 1 / (54.0 * wide) ** 2),
    )
    x, y, z = points_at(origin, direction, t)
    t = torch.where((y < -58 + _Y_UP) & (y > -230 + _Y_UP), t, torch.full_like(t, FAR))
    lean = (y + 92.0 - _Y_UP) / 100.0**2
    height = y - _Y_UP
    cord = torch.exp(-(((x.abs() - 22 - 0.22 * (height + 175)) / 6.0) ** 2)) * 0.004 * torch.sign(x)
    normal = (x / (53.0 * wide) ** 2 + cord, -lean, (z + 24.0 + CENTRE[2]) / (54.0 * wide) ** 2)
    dressed = height < _neckline(b, x)
    cloth, _ = paint_cloth(b, bank, x, height, z)
    albedo = torch.where(dressed[:, None], cloth, _skin(b))
    ambient = 0.42 + 0.58 * torch.sigmoid((-(height + 124)) / 13)  # the chin shades the top of the neck
    ids = torch.where(dressed, CLOTH, NECK)
    layers.put(t, camera_normal(normal, rotation), albedo, ambient, 0.15, (~dressed).float(), ids)


def _add_torso(layers: Layers, b: Batch, bank: Tensor, origin: Vec, direction: Vec, rotation: Tensor) -> None:
    """Add the shoulders and the chest, an ellipsoid, with cloth below the neckline."""
    radius = per_sample(b["shoulder"])
    t = quadric(
        origin, direction, (0.0, -300.0 + _Y_UP, -38.0 - CENTRE[2]), (1 / radius**2, 1 / 150.0**2, 1 / 100.0**2)
    )
    x, y, z = points_at(origin, direction, t)
    height = y - _Y_UP
    cloth, folds = paint_cloth(b, bank, x, height, z)
    neckline = _neckline(b, x)
    dressed = height < neckline
    fold = folds * 0.0011 * dressed
    normal = (x / radius**2 + fold, (height + 300) / 150.0**2, (z + 38.0 + CENTRE[2]) / 100.0**2 + fold)
    collar = torch.exp(-(((height - neckline) / 3.0) ** 2)) * (~dressed)
    albedo = torch.where(dressed[:, None], cloth, _skin(b) * (1 - 0.35 * collar[:, None]))
    ids = torch.where(dressed, CLOTH, NECK)
    layers.put(t, camera_normal(normal, rotation), albedo, 0.95, 0.08, (~dressed).float(), ids)


def _neckline(b: Batch, x: Tensor) -> Tensor:
    """Return the height (mm) below which cloth covers the skin, at positions x (mm)."""
    return per_sample(b["neckline"]) + per_sample(b["neckline_v"]) * x.abs() + 0.9 * (x.abs() - 60).clamp_min(0)


def _skin(b: Batch) -> Tensor:
    """Return the skin colour (N, 3, 1, 1) of the neck, slightly redder than the face."""
    skin = per_channel(b["skin"])
    return skin * skin.new_tensor([1.0, 0.95, 0.93]).view(1, 3, 1, 1)


def paint_cloth(b: Batch, bank: Tensor, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Paint cloth: plain, stripes, checks or mottled.

    Args:
        b: Parameters of N faces: ``cloth_...``.
        bank: Noise from ``noise_bank``.
        x: (N, ...) mm.
        y: Same shape.
        z: Same shape.

    Returns:
        Linear RGB (N, 3, ...) and the noise of the folds (N, ...).
    """
    step, kind = per_sample(b["cloth_scale"]), per_sample(b["cloth_pattern"])
    fine, folds = sample_noise(
        bank,
        x / 260.0 + per_sample(b["hair_shift"][:, 0]),
        (y - z) / 260.0 + per_sample(b["hair_shift"][:, 1]),
        (FINE, CLOUD),
    )
    stripe = (torch.sin((y - 0.4 * z) * 6.2832 / step) > 0).float()
    check = torch.maximum(stripe, (torch.sin(x * 6.2832 / step) > 0).float())
    amount = torch.where(
        kind == 1,
        stripe,
        torch.where(kind == 2, check, torch.where(kind == 3, (folds > 0.6).float(), torch.zeros_like(x))),
    )
    rgb = torch.lerp(
        per_channel(b["cloth_rgb"]).expand(-1, -1, *x.shape[1:]),
        per_channel(b["cloth_rgb2"]).expand(-1, -1, *x.shape[1:]),
        amount[:, None],
    )
    return rgb * (1 + 0.06 * fine + 0.05 * folds)[:, None], folds
