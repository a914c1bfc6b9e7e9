"""Eyeballs behind the eyelids: spheres with iris, pupil and highlights, painted only where rays reach them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .fields import Batch, Rgb, blend, per_channel, soft_edge
from .layers import Layers
from .raycast import Vec

_RADIUS = 12.3  # mm


def paint_eyes(
    layers: Layers,
    b: Batch,
    eye_fields: tuple[Tensor, Tensor],
    origin: Vec,
    direction: Vec,
    rotation: Tensor,
    balls: Tensor,
) -> None:
    """Paint the eyeballs into the openings of the eyelids.

    Args:
        layers: Layers of N faces; albedo, normal and shine are changed.
        b: Parameters of N faces.
        eye_fields: Two fields (N, S, S) in mm: distance inside the opening of the eye, and height above the edge of
            the upper lid.
        origin: Origin of the rays (x, y, z), in the head frame around CENTRE.
        direction: Direction of the rays (x, y, z), each (N, S, S).
        rotation: (N, 3, 3) from the head frame to the camera frame.
        balls: Centres (N, 2, 3) of the eyeballs around CENTRE, mm.
    """
    eye, lid_up = eye_fields
    face, row, col = torch.nonzero((eye > -0.6) & (layers.ids > 0), as_tuple=True)
    if len(face) == 0:
        return
    # From here on, each row is one ray: its face is `face`, its pixel is (`row`, `col`).
    w = torch.stack([k[face, row, col] for k in direction], 1)
    o = torch.stack([k.expand_as(direction[0])[face, row, col] for k in origin], 1)
    n = _sphere_normal(o, w, o + w * layers.depth[face, row, col][:, None], balls[face])
    side, up = n[:, 0] - b["gaze_x"][face], n[:, 1] - b["gaze_y"][face]
    below = -lid_up[face, row, col]
    rgb = paint_eye(b["iris"][face], *(t[:, None, None] for t in (side, up, below)))[:, :, 0, 0]
    inside = eye[face, row, col]
    corner = torch.exp(-((inside / 1.0) ** 2)) * 0.35
    rgb = rgb * (1 - corner[:, None] * rgb.new_tensor([0.5, 1.0, 1.0]))
    key = torch.einsum("nij,ni->nj", rotation, b["key_dir"])[face]
    # The second highlight is a window above the camera. Nearly every photographed eye reflects one.
    window = rotation.new_tensor([[-0.35, 0.55, 0.75]]).expand(len(rotation), 3)
    window = F.normalize(torch.einsum("nij,ni->nj", rotation, window), dim=1)[face]
    on_cornea = (side * side + up * up < 0.25)[:, None]
    cornea = F.normalize(n + 0.25 * torch.stack((side, up, 0 * up), 1) * on_cornea, dim=1)
    glint = 1.6 * _highlight(cornea, w, key, 420.0) + 0.6 * _highlight(cornea, w, window, 260.0)
    keep = soft_edge(inside, 0.9)[:, None]
    pixel = (face, slice(None), row, col)
    layers.albedo[pixel] = torch.lerp(layers.albedo[pixel], rgb + glint[:, None] * (keep > 0.4), keep)
    normal = torch.lerp(layers.normal[pixel], torch.einsum("nij,nj->ni", rotation[face], n), 0.6 * keep)
    layers.normal[pixel] = F.normalize(normal, dim=1)
    shine = layers.shine[face, row, col]
    layers.shine[face, row, col] = torch.lerp(shine, torch.full_like(shine, 0.15), keep[:, 0])


def _sphere_normal(origin: Tensor, direction: Tensor, points: Tensor, balls: Tensor) -> Tensor:
    """Return the unit normals (R, 3) where R rays hit the eyeball that is nearer to ``points`` (R, 3)."""
    right = ((points - balls[:, 0]).norm(dim=1) > (points - balls[:, 1]).norm(dim=1)).long()
    ball = balls[torch.arange(len(right), device=right.device), right]
    g = origin - ball
    a, half_b, c = (direction * direction).sum(1), (direction * g).sum(1), (g * g).sum(1) - _RADIUS**2
    root = (half_b * half_b - a * c).clamp_min(0)
    hit = origin + direction * ((-half_b - torch.sqrt(root)) / a)[:, None] - ball
    return hit / hit.norm(dim=1, keepdim=True).clamp_min(1e-3)


def _highlight(normal: Tensor, direction: Tensor, to_light: Tensor, sharpness: float) -> Tensor:
    """Return the strength (R,) of a light's reflection (Blinn-Phong) for R rays; all vectors are (R, 3)."""
    half_vector = F.normalize(to_light + F.normalize(-direction, dim=1), dim=1)
    return (normal * half_vector).sum(1).clamp(0, 1) ** sharpness


def paint_eye(iris_rgb: Tensor, sideways: Tensor, upward: Tensor, below_lid: Tensor) -> Rgb:
    """Paint an eyeball.

    Args:
        iris_rgb: (N, 3) linear RGB.
        sideways: (N, H, W) offset from the gaze on the sphere, in radii.
        upward: Same shape.
        below_lid: mm below the edge of the upper lid, same shape. The lid casts a shadow.

    Returns:
        Albedo (N, 3, H, W).
    """
    far = torch.sqrt(sideways * sideways + upward * upward + 1e-8)
    veins = ((far - 0.55) / 0.4).clamp(0, 1)[:, None]
    white = far.new_tensor([0.42, 0.39, 0.37]).view(1, 3, 1, 1)
    white = white * (1 - far.new_tensor([0.05, 0.22, 0.22]).view(1, 3, 1, 1) * veins)
    rays = 0.18 * torch.sin(torch.atan2(upward, sideways) * 17)
    iris = per_channel(iris_rgb) * (0.75 + 0.5 * ((far - 0.2) / 0.3).clamp(0, 1) + rays)[:, None]
    iris = iris * (1 - 0.65 * soft_edge(far - 0.45, 0.10))[:, None]
    out = blend(white.expand_as(iris), iris, soft_edge(0.505 - far, 0.07))
    out = out * (1 - 0.96 * soft_edge(0.205 - far, 0.06))[:, None]
    shade = 0.42 + 0.58 * (below_lid / 4.5).clamp(0, 1) ** 0.7
    return out * shade[:, None]
