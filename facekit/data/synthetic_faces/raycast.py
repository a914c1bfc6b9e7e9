"""Cameras and rays: the position where each pixel's ray hits the head, and shadow rays.

The frame of the camera has x to the right, y up, z towards the camera, and its origin at CENTRE of the head. The depth
of a point is its distance from the camera along the optical axis, in mm.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .anatomy import CENTRE, sample_map, to_disc
from .fields import Batch, per_sample
from .surface import Heads

FAR = 1e5
"""Depth of the background, mm."""
_MIN_STEP = (9.0, 9.0, 9.0, 8.0, 6.0, 4.0, 0.3, 0.3, 0.3)  # mm, smallest forward step of each iteration of `march`
STEPS = len(_MIN_STEP)
Vec = tuple[Tensor, ...]
"""Vectors as separate tensors (x, y, z)."""


def rotation_matrix(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """Compute rotations from the frame of the head to the frame of the camera.

    Args:
        yaw: (N,) degrees, positive when the face looks to the viewer's right.
        pitch: (N,) degrees, positive when the face looks up.
        roll: (N,) degrees, positive when the head is rotated clockwise in the image.

    Returns:
        (N, 3, 3).
    """
    y, p, r = (torch.deg2rad(t) for t in (yaw, -pitch, -roll))
    zero, one = torch.zeros_like(y), torch.ones_like(y)
    ry = torch.stack((y.cos(), zero, y.sin(), zero, one, zero, -y.sin(), zero, y.cos()), -1).view(-1, 3, 3)
    rx = torch.stack((one, zero, zero, zero, p.cos(), -p.sin(), zero, p.sin(), p.cos()), -1).view(-1, 3, 3)
    rz = torch.stack((r.cos(), -r.sin(), zero, r.sin(), r.cos(), zero, zero, zero, one), -1).view(-1, 3, 3)
    return rz @ ry @ rx


def to_camera(points: Tensor, rotation: Tensor) -> Tensor:
    """Rotate points about CENTRE into the frame of the camera.

    Args:
        points: (N, K, 3) mm, in the frame of the head.
        rotation: (N, 3, 3) from the head frame to the camera frame.

    Returns:
        (N, K, 3) mm, in the frame of the camera.
    """
    return (points - points.new_tensor(CENTRE)) @ rotation.transpose(1, 2)


def project(points: Tensor, distance: Tensor, view: Tensor) -> Tensor:
    """Project points to pixels.

    Args:
        points: (N, K, 3) mm, in the camera frame.
        distance: (N,) mm from the camera to CENTRE.
        view: (N, 3): pixels per unit slope, then the pixel (x, y) of the optical axis.

    Returns:
        (N, K, 2) pixels (x, y).
    """
    slope = points[..., :2] / (distance[:, None, None] - points[..., 2:])
    scale = view[:, None, :1]
    return torch.cat((view[:, None, 1:2] + slope[..., :1] * scale, view[:, None, 2:] - slope[..., 1:] * scale), -1)


def pixel_slopes(view: Tensor, size: int, samples: int) -> tuple[Tensor, Tensor]:
    """Compute the slopes of the rays through a regular grid.

    Args:
        view: (N, 3): pixels per unit slope, then the pixel (x, y) of the optical axis.
        size: Side of the image in pixels.
        samples: S, rays per axis.

    Returns:
        Slopes (x, y) per unit of depth, each (N, S, S).
    """
    axis = (torch.arange(samples, device=view.device, dtype=torch.float32) + 0.5) * (size / samples) - 0.5
    sx = (axis[None, :] - view[:, 1:2]) / view[:, :1]
    sy = (view[:, 2:3] - axis[None, :]) / view[:, :1]
    n = view.shape[0]
    return sx[:, None, :].expand(n, samples, samples), sy[:, :, None].expand(n, samples, samples)


def rays(rotation: Tensor, distance: Tensor, slopes: tuple[Tensor, Tensor]) -> tuple[Vec, Vec]:
    """Compute the rays in a rotated frame.

    Args:
        rotation: (N, 3, 3) from the rotated frame to the camera frame.
        distance: (N,) mm from the camera to CENTRE.
        slopes: Slopes (x, y), each (N, S, S).

    Returns:
        Origin (x, y, z), each (N, 1, 1), and direction (x, y, z), each (N, S, S). A step of 1 along a direction is
        1 mm of depth.
    """
    sx, sy = slopes
    back = rotation.transpose(1, 2)
    origin = tuple(per_sample(back[:, k, 2] * distance) for k in range(3))
    direction = tuple(
        per_sample(back[:, k, 0]) * sx + per_sample(back[:, k, 1]) * sy - per_sample(back[:, k, 2]) for k in range(3)
    )
    return origin, direction


def near_ears(b: Batch, rotation: Tensor, slopes: tuple[Tensor, Tensor]) -> Tensor:
    """Find the rays that pass within 46 mm of the middle of an ear.

    Args:
        b: Parameters of N faces: ``distance``.
        rotation: (N, 3, 3) from the head frame to the camera frame.
        slopes: Slopes (x, y), each (N, S, S).

    Returns:
        (N, S, S) bool.
    """
    near = torch.zeros_like(slopes[0], dtype=torch.bool)
    for side in (-1.0, 1.0):
        middle = rotation @ rotation.new_tensor([side * 75.0, -14.0 - CENTRE[1], -4.0 - CENTRE[2]])
        depth = b["distance"] - middle[:, 2]
        dx, dy = slopes[0] - per_sample(middle[:, 0] / depth), slopes[1] - per_sample(middle[:, 1] / depth)
        near |= dx * dx + dy * dy < per_sample((46.0 / depth) ** 2)
    return near


def first_depth(points: Tensor, rotation: Tensor, distance: Tensor, view: Tensor, size: int, samples: int) -> Tensor:
    """Estimate where each ray reaches the head, by projecting surface samples onto a coarse grid.

    Args:
        points: (N, P, 3) surface samples around CENTRE, in the head frame, mm.
        rotation: (N, 3, 3) from the head frame to the camera frame.
        distance: (N,) mm from the camera to CENTRE.
        view: (N, 3), see ``project``.
        size: Side of the image in pixels.
        samples: S, rays per axis.

    Returns:
        (N, S, S) depth of the nearest sample around each ray, FAR where there is none.
    """
    n, cells = points.shape[0], max(16, size * 3 // 8 if size < 160 else size // 4)
    camera = points @ rotation.transpose(1, 2)
    depth = distance[:, None] - camera[..., 2]
    scale = view[:, :1] / depth
    column_of = ((view[:, 1:2] + camera[..., 0] * scale + 0.5) * (cells / size)).floor()
    row_of = ((view[:, 2:3] - camera[..., 1] * scale + 0.5) * (cells / size)).floor()
    inside = (column_of >= 0) & (column_of < cells) & (row_of >= 0) & (row_of < cells)
    index = torch.where(inside, row_of * cells + column_of, torch.full_like(row_of, cells * cells)).long()
    grid = torch.full((n, cells * cells + 1), -FAR, device=points.device)
    grid = grid.scatter_reduce(1, index, -depth, "amax")[:, :-1].view(n, 1, cells, cells)
    near = F.max_pool2d(grid, 3, 1, 1)
    # Samples of falling hair are sparse. A cell without samples starts a little behind its neighbours, and `march` can
    # step back from there.
    near = -torch.maximum(near, F.max_pool2d(near, 5, 1, 2) - 15.0)
    return F.interpolate(near, size=(samples, samples), mode="nearest")[:, 0]


def march(heads: Heads, origin: Vec, direction: Vec, start: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find where each ray hits the head, by sphere tracing inside a bracket.

    Args:
        heads: Surface maps of N faces.
        origin: Origin of the rays (x, y, z), in the head frame.
        direction: Direction of the rays (x, y, z), each (N, ...).
        start: Depth (N, ...) at which to start, from ``first_depth``.

    Returns:
        Depth of the hit (FAR where the ray misses) and its disc coordinates (u, v), each (N, ...).
    """
    t = start - 3.0
    u = v = gap = t
    outside, inside = t - 40.0, torch.full_like(t, 2 * FAR)
    for step in range(STEPS + 1):
        x, y, z = (o + w * t for o, w in zip(origin, direction, strict=True))
        length = torch.sqrt(x * x + y * y + z * z).clamp_min(1.0)
        u, v = to_disc(x, y, z, length)
        gap = length - sample_map(heads.radius, u, v)[:, 0]
        solid = gap < 0
        inside = torch.where(solid, t, inside)
        outside = torch.where(solid, outside, t)
        if step < STEPS:
            # At steep walls (a fringe, falling hair) plain steps would oscillate, so a step never leaves the bracket.
            # A ray that grazes a cheek needs a minimum step to reach the surface behind it.
            ahead = t + torch.where(solid, (gap * 0.8).clamp_min(-12.0), (gap * 0.8).clamp(_MIN_STEP[step], 18.0))
            kept = (ahead >= outside) & (ahead <= inside)
            t = torch.where(kept, ahead, (outside + inside) * 0.5)
    hit = ((gap < 2.5) | (inside < FAR)) & (start < FAR * 0.5)
    return torch.where(hit, t, torch.full_like(t, FAR)), u, v


def quadric(
    origin: Vec,
    direction: Vec,
    centre: tuple[Tensor | float, ...],
    inverse: tuple[Tensor | float, ...],
    level: float = 1.0,
) -> Tensor:
    """Find the nearest intersection with a quadric: sum(inverse * (p - centre)^2) = level.

    Args:
        origin: Origin of the rays (x, y, z).
        direction: Direction of the rays (x, y, z), each (N, ...).
        centre: Centre (x, y, z): numbers or tensors that broadcast.
        inverse: Inverse squared radii (x, y, z). A negative entry gives a hyperboloid.
        level: Right-hand side of the equation.

    Returns:
        Depth (N, ...), FAR where there is no intersection.
    """
    a = b = c = torch.zeros_like(direction[0])
    for o, w, m, k in zip(origin, direction, centre, inverse, strict=True):
        g = o - m
        a, b, c = a + k * w * w, b + k * g * w, c + k * g * g
    c = c - level
    root = b * b - a * c
    t = (-b - torch.sqrt(root.clamp_min(0))) / torch.where(a.abs() < 1e-9, torch.full_like(a, 1e-9), a)
    return torch.where((root > 0) & (t > 0), t, torch.full_like(t, FAR))


def cast_shadow(heads: Heads, p: Vec, light: Tensor, softness: Tensor) -> Tensor:
    """Compute the share of the key light that reaches points past the head.

    Args:
        heads: Surface maps of N faces.
        p: Points (x, y, z), each (N, ...), in the head frame around CENTRE.
        light: (N, 3) unit vectors to the light, in the head frame.
        softness: (N,) a larger value is a harder shadow.

    Returns:
        (N, ...) in [0, 1].
    """
    lit = torch.ones_like(p[0])
    lx, ly, lz = (per_sample(light[:, k]) for k in range(3))
    soft = per_sample(softness)
    for far in (4.0, 8.0, 13.0, 20.0, 30.0, 44.0, 64.0, 90.0):
        x, y, z = p[0] + lx * far, p[1] + ly * far, p[2] + lz * far
        length = torch.sqrt(x * x + y * y + z * z).clamp_min(1.0)
        u, v = to_disc(x, y, z, length)
        gap = length - sample_map(heads.radius, u, v)[:, 0]
        lit = torch.minimum(lit, 0.5 + (gap - 1.0) * soft / (far + 6.0))
    return lit.clamp(0, 1)
