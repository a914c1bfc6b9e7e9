"""TODO."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .raycast import Vec

FIELDS = ("depth", "normal", "albedo", "ambient", "shine", "skin_share", "ids")


@dataclass
class Layers:
    """The image so far: nearest depth (N,S,S), camera-frame normal and albedo (N,3,S,S), occlusion, shininess, skin
    share, ids."""

    depth: Tensor
    normal: Tensor
    albedo: Tensor
    ambient: Tensor
    shine: Tensor
    skin_share: Tensor
    ids: Tensor

    def put(
        self,
        depth: Tensor,
        normal: Tensor,
        albedo: Tensor,
        ambient: Tensor | float,
        shine: float,
        skin_share: Tensor | float,
        ids: Tensor | int,
    ) -> None:
        """Lay a surface where it is nearer than what is there. normal (N,3,S,S) in the camera frame."""
        near = depth < self.depth
        wide = near[:, None]
        self.depth = torch.where(near, depth, self.depth)
        self.normal = torch.where(wide, normal, self.normal)
        self.albedo = torch.where(wide, albedo, self.albedo)
        self.ambient = torch.where(near, ambient, self.ambient)
        self.shine = torch.where(near, shine, self.shine)
        self.skin_share = torch.where(near, skin_share, self.skin_share)
        self.ids = torch.where(near, ids, self.ids).to(torch.uint8)


def camera_normal(normal: Vec, rotation: Tensor) -> Tensor:
    """Normals of a turned frame, normalised, in the camera frame: (N, 3, S, S)."""
    n = torch.stack(torch.broadcast_tensors(*normal), 1)
    n = n * torch.rsqrt((n * n).sum(1, keepdim=True).clamp_min(1e-9))
    return torch.einsum("nij,njhw->nihw", rotation, n)


def points_at(origin: Vec, direction: Vec, depth: Tensor) -> Vec:
    t = depth.clamp_max(1e4)
    return tuple(o + w * t for o, w in zip(origin, direction, strict=True))
