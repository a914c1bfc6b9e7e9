"""TODO."""

from __future__ import annotations

import torch
from torch import Tensor

from .anatomy import CENTRE
from .face_parts import GLASSES, HAT
from .fields import Batch, per_channel, per_sample
from .layers import Layers, camera_normal, points_at
from .raycast import FAR, Vec


def add_brim(layers: Layers, b: Batch, origin: Vec, direction: Vec, rotation: Tensor) -> None:
    """The visor of a cap or the brim of a hat: a sloping plane, cut to shape."""
    y_up, z_up = -CENTRE[1], -CENTRE[2]
    cap = per_sample(b["hat_cap"]) > 0.5
    fall = torch.where(cap, 0.42, 0.06)
    level = per_sample(b["hat_line"]) + 1.5 + y_up
    ahead = torch.where(cap, 70.0, 5.0) + z_up
    t = (
        (level - fall * (origin[2] - ahead) - origin[1])
        / (direction[1] + fall * direction[2]).abs().clamp_min(1e-4)
        * torch.sign(direction[1] + fall * direction[2])
    )
    x, _, z = points_at(origin, direction, t)
    visor = ((x / 72.0) ** 2 + ((z - ahead) / per_sample(b["hat_brim"])) ** 2 < 1) & (z > ahead - 8)
    ring = (x / (80.0 + per_sample(b["hat_brim"]))) ** 2 + (
        (z - ahead + 10) / (98.0 + per_sample(b["hat_brim"]))
    ) ** 2 < 1
    there = torch.where(cap, visor, ring) & (per_sample(b["hat_brim"]) > 0) & (t > 0)
    t = torch.where(there, t, torch.full_like(t, FAR))
    facing = -torch.sign(direction[1] + fall * direction[2])
    normal = (torch.zeros_like(x), facing, facing * fall)
    layers.put(
        t, camera_normal(normal, rotation), per_channel(b["hat_rgb"]) * 0.85 + 0 * layers.albedo, 0.8, 0.08, 0.0, HAT
    )


def add_glasses(
    layers: Layers, b: Batch, origin: Vec, direction: Vec, rotation: Tensor, eyes: Tensor, bridge: Tensor
) -> Tensor:
    """Frames and dark lenses in front of the eyes; returns how much clear glass (N,S,S) lies before each pixel.

    eyes (N, 2, 3) and bridge (N, 3) in the head frame around CENTRE.
    """
    middle = (eyes[:, 0] + eyes[:, 1]) / 2
    apart = (eyes[:, 1, 0] - eyes[:, 0, 0]) / 2
    ahead = per_sample(torch.maximum(bridge[:, 2] + 2.0, middle[:, 2] + 25.0))
    bend = 1 / 190.0
    t = (ahead - origin[2]) / direction[2].clamp_max(-0.05)
    for _ in range(3):
        x = origin[0] + direction[0] * t - per_sample(middle[:, 0])
        t = (ahead - bend * (x * x).clamp_max(6400.0) - origin[2]) / direction[2].clamp_max(-0.05)
    x, y, z = points_at(origin, direction, t)
    x, y = x - per_sample(middle[:, 0]), y - per_sample(middle[:, 1]) + 2.5
    half_w, half_h, rim = per_sample(b["lens_w"]), per_sample(b["lens_h"]), per_sample(b["rim_mm"])
    half_w = torch.minimum(half_w, per_sample(apart) * 1.7) * 0.98
    dx = (x.abs() - per_sample(apart) - 1.0) / half_w
    power = 4.2 - 2.2 * per_sample(b["lens_round"])
    ring = (dx.abs() ** power + (y / half_h).abs().clamp_min(1e-3) ** power) ** (1 / power)
    field = (ring - 1) * half_h
    frame = field.abs() < rim * 0.6
    bar = ((y - 4.5 + 0.02 * x * x).abs() < rim * 0.6 + 0.4) & (x.abs() < per_sample(apart) + 1 - half_w)
    lug = ((y - 0.45 * half_h).abs() < rim * 0.8 + 0.6) & (x.abs() > per_sample(apart) + half_w) & (x.abs() < 77)
    facing = direction[2] < -0.05
    wearing = (per_sample(b["glasses"]) > 0.5) & facing
    solid = (frame | bar | lug) & wearing
    tilt = (2 * bend * x, torch.zeros_like(x), torch.ones_like(x))
    normal = camera_normal(tilt, rotation)
    rim_rgb = per_channel(b["rim_rgb"]) + 0 * layers.albedo
    far = torch.full_like(t, FAR)
    layers.put(torch.where(solid, t, far), normal, rim_rgb, 1.0, 0.9, 0.0, GLASSES)
    lens = (field < 0) & wearing & (t < layers.depth + 1)
    dark = (per_sample(b["lens_dark"]) > 0) & lens
    tint = (
        per_channel(b["lens_tint"])
        * (1.15 - per_sample(b["lens_dark"]))[:, None]
        * (1 + 0.5 * (y / half_h)[:, None].clamp(-1, 1))
        + layers.albedo * (1 - per_sample(b["lens_dark"]))[:, None] * 0.4
    )
    layers.put(torch.where(dark, t, far), normal, tint, 1.0, 0.5, 0.0, GLASSES)
    for side in (-1.0, 1.0):
        edge = side * 76.5 * (1 + 0.03 * per_sample(b["modes"][:, 0]))
        t_arm = (edge - origin[0]) / torch.where(
            direction[0].abs() < 1e-4, torch.full_like(direction[0], 1e-4), direction[0]
        )
        _, y, z = points_at(origin, direction, t_arm)
        arm = (
            ((y - per_sample(middle[:, 1]) + 2.5 - 0.45 * half_h + 0.04 * (ahead - 22 - z)).abs() < rim * 0.55 + 0.6)
            & (z < ahead - 22)
            & (z > -18)
            & (per_sample(b["glasses"]) > 0.5)
            & (t_arm > 0)
        )
        layers.put(
            torch.where(arm, t_arm, far),
            torch.where(direction[0][:, None] * side < 0, 1.0, -1.0)
            * camera_normal((torch.full_like(x, side), 0 * x, 0 * x), rotation),
            rim_rgb,
            1.0,
            0.6,
            0.0,
            GLASSES,
        )
    return lens & ~dark
