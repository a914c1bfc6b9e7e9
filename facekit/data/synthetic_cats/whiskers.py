"""Whiskers: curved hairs from the muzzle and above the eyes, drawn as thin lines over the light."""

from __future__ import annotations

import torch
from torch import Tensor

from ..synthetic_faces.fields import Batch
from ..synthetic_faces.raycast import project
from .features import MUZZLE_Y
from .skull import Skull, lift

_POINTS = 96
_PADS, _BROWS = 7, 2


def _hairs(b: Batch, skull: Skull) -> Tensor:
    """Return the whiskers as polylines (N, whiskers, points, 3), in the head frame, mm."""
    seed = b["whisker_seed"]
    n = seed.shape[0]
    share = torch.linspace(0, 1, _POINTS, device=seed.device)
    sides = []
    for k, side in enumerate((-1.0, 1.0)):
        s = seed[:, k]
        row = torch.arange(_PADS, device=s.device) % 3 - 1.0
        x = torch.cat((7.5 + 6.0 * s[:, :_PADS, 0], b["eye_x"][:, None] - 3 + 5 * s[:, _PADS:, 0]), 1)
        above = (b["eye_y"] + 1.15 * b["eye_half"])[:, None] + 2 * s[:, _PADS:, 1]
        y = torch.cat((MUZZLE_Y - 1.0 - 2.2 * row + s[:, :_PADS, 1] * 1.5, above), 1)
        root = lift(b, skull, side * x, y)
        rise = torch.cat((-0.22 * row + 0.25 * (s[:, :_PADS, 2] - 0.5), 1.1 + 0.5 * s[:, _PADS:, 2]), 1)
        length = torch.cat((0.7 + 0.5 * s[:, :_PADS, 3], 0.4 + 0.2 * s[:, _PADS:, 3]), 1) * b["whisker"][:, None]
        ahead = torch.cat((0.35 - 0.2 * s[:, :_PADS, 0], 0.6 + 0 * s[:, _PADS:, 0]), 1)
        direction = torch.stack((torch.full_like(rise, side), rise, ahead), -1)
        direction = direction / direction.norm(dim=-1, keepdim=True) * length[..., None]
        droop = direction.new_tensor([0.0, -0.22, -0.25]) * length[..., None]
        t = share.view(1, 1, -1, 1)
        sides.append(root[:, :, None] + direction[:, :, None] * t + droop[:, :, None] * t * t)
    return torch.cat(sides, 1).view(n, -1, _POINTS, 3)


def render_whiskers(b: Batch, skull: Skull, rotation: Tensor, view: Tensor, size: int, depth: Tensor) -> Tensor:
    """Compute how much of each ray the whiskers cover.

    Args:
        b: Parameters of N animals.
        skull: Surface maps.
        rotation: (N, 3, 3) from the head frame to the camera frame.
        view: (N, 3), see ``raycast.project``.
        size: Side of the image in pixels.
        depth: (N, S, S) depth of the nearest surface, mm.

    Returns:
        (N, S, S) in [0, 1].
    """
    n, samples, _ = depth.shape
    hairs = _hairs(b, skull)
    camera = hairs.flatten(1, 2) @ rotation.transpose(1, 2)
    rays = (project(camera, b["distance"], view) + 0.5) * (samples / size) - 0.5
    lines = rays.view(n, -1, _POINTS, 2)
    spacing = (lines[:, :, 1:] - lines[:, :, :-1]).norm(dim=-1)
    spacing = torch.cat((spacing, spacing[..., -1:]), -1)
    taper = torch.linspace(1.0, 0.25, _POINTS, device=rays.device)
    fine = torch.tensor([1.0] * _PADS + [0.45] * _BROWS, device=rays.device).repeat(2)[:, None]
    # Whiskers are half a millimetre thick. A minimum width in rays keeps them visible in small images.
    thick = (0.5 * view[:, 0] / b["distance"] * samples / size).clamp_min(0.55)[:, None, None]
    weight = (spacing * taper * fine * thick).flatten(1)
    x, y = rays.unbind(-1)
    x0, y0 = x.floor(), y.floor()
    cover = depth.new_zeros(n, samples * samples)
    away = b["distance"][:, None] - camera[..., 2]
    flat = depth.flatten(1)
    for ox, oy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        cx, cy = x0 + ox, y0 + oy
        inside = (cx >= 0) & (cx < samples) & (cy >= 0) & (cy < samples)
        index = (cy * samples + cx).clamp(0, samples * samples - 1).long()
        visible = inside & (away < flat.gather(1, index) + 3.0)
        cover.scatter_add_(1, index, weight * (1 - (x - cx).abs()) * (1 - (y - cy).abs()) * visible)
    return cover.view(n, samples, samples).clamp(0, 1)
