"""Layers: the nearest surface on each ray so far, as a depth buffer with colours and normals."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .raycast import Vec

FIELDS = ("depth", "normal", "albedo", "ambient", "shine", "skin_share", "ids")


@dataclass
class Layers:
    """The nearest surface on each of N x S x S rays.

    Attributes:
        depth: (N, S, S) mm from the camera.
        normal: (N, 3, S, S) unit normals in the camera frame.
        albedo: (N, 3, S, S) linear RGB.
        ambient: (N, S, S) share of ambient light that arrives (1 = no occlusion).
        shine: (N, S, S) strength of the gloss.
        skin_share: (N, S, S) how much the surface scatters light as skin does, 0 to 1.
        ids: (N, S, S) uint8, class ids of FACEKIT_27.
    """

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
        """Write a surface where it is nearer than the nearest surface so far.

        Args:
            depth: (N, S, S) mm, ``raycast.FAR`` where the ray misses the surface.
            normal: (N, 3, S, S) in the camera frame.
            albedo: (N, 3, S, S) linear RGB.
            ambient: Number or (N, S, S).
            shine: Number.
            skin_share: Number or (N, S, S).
            ids: Class id or (N, S, S) class ids.
        """
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
    """Normalise normals of a rotated frame and rotate them into the camera frame.

    Args:
        normal: (x, y, z), shapes that broadcast to (N, S, S).
        rotation: (N, 3, 3) from the rotated frame to the camera frame.

    Returns:
        (N, 3, S, S).
    """
    n = torch.stack(torch.broadcast_tensors(*normal), 1)
    n = n * torch.rsqrt((n * n).sum(1, keepdim=True).clamp_min(1e-9))
    return torch.einsum("nij,njhw->nihw", rotation, n)


def points_at(origin: Vec, direction: Vec, depth: Tensor) -> Vec:
    """Compute points on rays.

    Args:
        origin: Origin of the rays (x, y, z).
        direction: Direction of the rays (x, y, z), each (N, ...).
        depth: Depth (N, ...) in mm; depths beyond 10 m are clamped.

    Returns:
        Points (x, y, z), each (N, ...).
    """
    t = depth.clamp_max(1e4)
    return tuple(o + w * t for o, w in zip(origin, direction, strict=True))
