"""Accessories in front of the head: hat brims and glasses."""

from __future__ import annotations

import torch
from torch import Tensor

from .anatomy import CENTRE
from .face_parts import GLASSES, HAT
from .fields import Batch, per_channel, per_sample
from .layers import Layers, camera_normal, points_at
from .raycast import FAR, Vec


def add_brim(layers: Layers, b: Batch, origin: Vec, direction: Vec, rotation: Tensor) -> None:
    """Add the visor of a cap or the brim of a hat: a sloping plane, cut to shape.

    Args:
        layers: Layers of N faces, changed in place.
        b: Parameters of N faces: ``hat_...``.
        origin: Origin of the rays (x, y, z), in the head frame around CENTRE.
        direction: Direction of the rays (x, y, z), each (N, S, S).
        rotation: (N, 3, 3) from the head frame to the camera frame.
    """
    y_up, z_up = -CENTRE[1], -CENTRE[2]
    cap = per_sample(b["hat_cap"]) > 0.5
    fall = torch.where(cap, 0.42, 0.06)
    level = per_sample(b["hat_line"]) + 1.5 + y_up
    ahead = torch.where(cap, 70.0, 5.0) + z_up
    steep = direction[1] + fall * direction[2]
    t = (level - fall * (origin[2] - ahead) - origin[1]) / steep.abs().clamp_min(1e-4) * torch.sign(steep)
    x, _, z = points_at(origin, direction, t)
    brim = per_sample(b["hat_brim"])
    visor = ((x / 72.0) ** 2 + ((z - ahead) / brim) ** 2 < 1) & (z > ahead - 8)
    ring = (x / (80.0 + brim)) ** 2 + ((z - ahead + 10) / (98.0 + brim)) ** 2 < 1
    hit = torch.where(cap, visor, ring) & (brim > 0) & (t > 0)
    t = torch.where(hit, t, torch.full_like(t, FAR))
    facing = -torch.sign(steep)
    normal = (torch.zeros_like(x), facing, facing * fall)
    albedo = per_channel(b["hat_rgb"]) * 0.85 + 0 * layers.albedo
    layers.put(t, camera_normal(normal, rotation), albedo, 0.8, 0.08, 0.0, HAT)


def add_glasses(
    layers: Layers, b: Batch, origin: Vec, direction: Vec, rotation: Tensor, eyes: Tensor, bridge: Tensor
) -> Tensor:
    """Add glasses: frame, dark lenses and temples.

    Args:
        layers: Layers of N faces, changed in place.
        b: Parameters of N faces: ``glasses``, ``lens_...``, ``rim_...``.
        origin: Origin of the rays (x, y, z), in the head frame around CENTRE.
        direction: Direction of the rays (x, y, z), each (N, S, S).
        rotation: (N, 3, 3) from the head frame to the camera frame.
        eyes: Centres (N, 2, 3) of the eyeballs, in the same frame.
        bridge: (N, 3) bridge of the nose, in the same frame.

    Returns:
        (N, S, S) bool, the rays that pass through clear glass.
    """
    middle = (eyes[:, 0] + eyes[:, 1]) / 2
    apart = per_sample((eyes[:, 1, 0] - eyes[:, 0, 0]) / 2)
    ahead = per_sample(torch.maximum(bridge[:, 2] + 2.0, middle[:, 2] + 25.0))
    bend = 1 / 190.0
    t = (ahead - origin[2]) / direction[2].clamp_max(-0.05)
    for _ in range(3):
        x = origin[0] + direction[0] * t - per_sample(middle[:, 0])
        t = (ahead - bend * (x * x).clamp_max(6400.0) - origin[2]) / direction[2].clamp_max(-0.05)
    x, y, _ = points_at(origin, direction, t)
    x, y = x - per_sample(middle[:, 0]), y - per_sample(middle[:, 1]) + 2.5
    half_w, half_h, rim = per_sample(b["lens_w"]), per_sample(b["lens_h"]), per_sample(b["rim_mm"])
    half_w = torch.minimum(half_w, apart * 1.7) * 0.98
    dx = (x.abs() - apart - 1.0) / half_w
    power = 4.2 - 2.2 * per_sample(b["lens_round"])
    ring = (dx.abs() ** power + (y / half_h).abs().clamp_min(1e-3) ** power) ** (1 / power)
    field = (ring - 1) * half_h
    rims = field.abs() < rim * 0.6
    bar = ((y - 4.5 + 0.02 * x * x).abs() < rim * 0.6 + 0.4) & (x.abs() < apart + 1 - half_w)
    hinge = ((y - 0.45 * half_h).abs() < rim * 0.8 + 0.6) & (x.abs() > apart + half_w) & (x.abs() < 77)
    wearing = (per_sample(b["glasses"]) > 0.5) & (direction[2] < -0.05)
    solid = (rims | bar | hinge) & wearing
    tilt = (2 * bend * x, torch.zeros_like(x), torch.ones_like(x))
    normal = camera_normal(tilt, rotation)
    rim_rgb = per_channel(b["rim_rgb"]) + 0 * layers.albedo
    far = torch.full_like(t, FAR)
    layers.put(torch.where(solid, t, far), normal, rim_rgb, 1.0, 0.9, 0.0, GLASSES)
    lens = (field < 0) & wearing & (t < layers.depth + 1)
    dark = (per_sample(b["lens_dark"]) > 0) & lens
    clear = (1 - per_sample(b["lens_dark"]))[:, None]
    tint = per_channel(b["lens_tint"]) * (1.15 - per_sample(b["lens_dark"]))[:, None]
    tint = tint * (1 + 0.5 * (y / half_h)[:, None].clamp(-1, 1)) + layers.albedo * clear * 0.4
    layers.put(torch.where(dark, t, far), normal, tint, 1.0, 0.5, 0.0, GLASSES)
    _add_temples(layers, b, origin, direction, rotation, middle, ahead, half_h)
    return lens & ~dark


def _add_temples(
    layers: Layers,
    b: Batch,
    origin: Vec,
    direction: Vec,
    rotation: Tensor,
    middle: Tensor,
    ahead: Tensor,
    half_height: Tensor,
) -> None:
    """Add the temples (side arms) of the glasses.

    Args:
        layers: Layers of N faces, changed in place.
        b: Parameters of N faces.
        origin: Origin of the rays (x, y, z), in the head frame around CENTRE.
        direction: Direction of the rays (x, y, z), each (N, S, S).
        rotation: (N, 3, 3) from the head frame to the camera frame.
        middle: (N, 3) middle between the eyes.
        ahead: (N, 1, 1) z of the frame's front, mm.
        half_height: (N, 1, 1) half height of a lens, mm.
    """
    rim = per_sample(b["rim_mm"])
    rim_rgb = per_channel(b["rim_rgb"]) + 0 * layers.albedo
    across = direction[0]
    for side in (-1.0, 1.0):
        x = side * 76.5 * (1 + 0.03 * per_sample(b["modes"][:, 0]))
        t = (x - origin[0]) / torch.where(across.abs() < 1e-4, torch.full_like(across, 1e-4), across)
        _, y, z = points_at(origin, direction, t)
        hit = (
            (
                (y - per_sample(middle[:, 1]) + 2.5 - 0.45 * half_height + 0.04 * (ahead - 22 - z)).abs()
                < rim * 0.55 + 0.6
            )
            & (z < ahead - 22)
            & (z > -18)
            & (per_sample(b["glasses"]) > 0.5)
            & (t > 0)
        )
        sideways = camera_normal((torch.full_like(y, side), 0 * y, 0 * y), rotation)
        normal = torch.where(across[:, None] * side < 0, 1.0, -1.0) * sideways
        layers.put(torch.where(hit, t, torch.full_like(t, FAR)), normal, rim_rgb, 1.0, 0.6, 0.0, GLASSES)
