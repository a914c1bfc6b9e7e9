"""Eyeballs behind the lids: spheres with iris, pupil and sparks of light, drawn only at the rays that reach them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .body import Layers
from .fields import Batch, soft_edge
from .raycast import Vec
from .skin import paint_eye


def paint_eyes(
    layers: Layers,
    b: Batch,
    at_head: tuple[Tensor, Tensor],
    origin: Vec,
    direction: Vec,
    rotation: Tensor,
    balls: Tensor,
) -> None:
    """Paint the eyeballs into the openings of the lids, only at the rays that reach them. balls (N, 2, 3) around
    CENTRE."""
    eye, lid_up = at_head
    face, row, col = torch.nonzero((eye > -0.6) & (layers.ids > 0), as_tuple=True)
    if len(face) == 0:
        return
    w = torch.stack([k[face, row, col] for k in direction], 1)
    o = torch.stack([k.expand_as(direction[0])[face, row, col] for k in origin], 1)
    t = layers.depth[face, row, col]
    p = o + w * t[:, None]
    right = ((p - balls[face, 0]).norm(dim=1) > (p - balls[face, 1]).norm(dim=1)).long()
    ball = balls[face, right]
    g = o - ball
    a, half_b, c = (w * w).sum(1), (w * g).sum(1), (g * g).sum(1) - 12.3**2
    root = (half_b * half_b - a * c).clamp_min(0)
    spot = o + w * ((-half_b - torch.sqrt(root)) / a)[:, None] - ball
    n = spot / spot.norm(dim=1, keepdim=True).clamp_min(1e-3)
    side, up = n[:, 0] - b["gaze_x"][face], n[:, 1] - b["gaze_y"][face]
    below = -lid_up[face, row, col]
    rgb = paint_eye(b["iris"][face], *(t[:, None, None] for t in (side, up, below)))[:, :, 0, 0]
    inner = torch.exp(-(((eye[face, row, col]) / 1.0) ** 2)) * 0.35
    rgb = rgb * (1 - inner[:, None] * rgb.new_tensor([0.5, 1.0, 1.0]))
    key = torch.einsum("nij,ni->nj", rotation, b["key_dir"])[face]

    # Two highlights: the key light, and a window high up that gives nearly every photographed eye its spark.
    def highlight(to_light: Tensor, sharp: float) -> Tensor:
        half_vector = F.normalize(to_light + F.normalize(-w, dim=1), dim=1)
        return (
            F.normalize(n + 0.25 * torch.stack((side, up, 0 * up), 1) * (side * side + up * up < 0.25)[:, None], dim=1)
            * half_vector
        ).sum(1).clamp(0, 1) ** sharp

    window_light = F.normalize(
        torch.einsum("nij,ni->nj", rotation, rotation.new_tensor([[-0.35, 0.55, 0.75]]).expand(len(rotation), 3)), dim=1
    )[face]
    glint = 1.6 * highlight(key, 420.0) + 0.6 * highlight(window_light, 260.0)
    keep = soft_edge(eye[face, row, col], 0.9)[:, None]
    pixel = (face, slice(None), row, col)
    layers.albedo[pixel] = torch.lerp(layers.albedo[pixel], rgb + glint[:, None] * (keep > 0.4), keep)
    layers.normal[pixel] = F.normalize(
        torch.lerp(layers.normal[pixel], torch.einsum("nij,nj->ni", rotation[face], n), 0.6 * keep), dim=1
    )
    layers.shine[face, row, col] = torch.lerp(layers.shine[face, row, col], torch.full_like(t, 0.15), keep[:, 0])
