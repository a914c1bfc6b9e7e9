"""The average head: a star-shaped surface through anthropometric points, in millimetres.

Frame of the head: x points to the viewer's right, y up, z towards the viewer of a frontal face. The origin lies at
pupil height above the ears.

Every ray from CENTRE meets the skin exactly once. The surface is therefore a radius over directions. A direction is
stored as a point (u, v) of the unit disc: Lambert's azimuthal equal-area projection, seen from the front. This map has
no pole near the face, and a lookup needs no trigonometry.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

CENTRE = (0.0, -22.0, 12.0)
EYE_X, EYE_HALF = 31.8, 12.8  # centre and half width of the opening between the lids
MOUTH_Y, MOUTH_HALF = -67.5, 26.5  # height of the closed mouth and its half width

# Points x y z of one half of the head (x >= 0). Heights and widths follow the mean of manually labelled frontal faces;
# depths follow anthropometry.
_HALF = """
0 112 -8; 0 107 32; 0 93 60; 0 76 79; 0 58 90; 0 40 96; 0 26 99; 0 17 99.5; 0 9 97; 0 2 94; 0 -7 97
0 -17 103.5; 0 -26 110
0 -33 116; 0 -38.5 118.5; 0 -43 116.5; 0 -46.5 111; 0 -49 103.5; 0 -54 101.5; 0 -59 101.5; 0 -67.5 101.5; 0 -76 99.5;
0 -82 96.5; 0 -89 95.5; 0 -97 97.5; 0 -104 96.5; 0 -111 90; 0 -115 78; 0 -115 62; 0 -110 44; 0 98 -50
0 60 -88; 0 20 -96; 0 -30 -86; 0 -70 -60; 0 -100 0
25 75 75; 45 70 61; 60 60 36; 20 53 89; 40 50 79; 55 45 61; 65 38 38; 73 40 10; 76.5 45 -10; 74 48 -40
51 84 18; 29 104 16; 58 72 -60; 67 70 -12; 51 92 -15; 64 64 22; 22 30 97; 42 32 87; 57 30 68
14 17 97.2; 26 20 95.5; 13 9 94.5; 38 19.5 89; 49 15 79; 56 8 68; 66 15 48; 71 10 28; 74.5 8 5
19 -1.8 82.5; 32 5 86.5; 32 -1 87; 32 -6 85; 44.8 0 75; 32 10.5 86.5; 27 14 91; 22 -12 86.5; 32 -14 85.5
43 -11 79; 12 3 90.5; 13 -6 88
7 -10 96.3; 6 -22 105; 9.5 -23 100; 13.5 -20 91; 16.5 -30 92; 7.5 -38 115.5; 10.5 -35 109; 14.5 -40 105
16.5 -42 100; 16 -37 99; 14 -48 98.5; 19.5 -44 93.5; 7 -47 107
25 -24 88.5; 36 -20 86; 47 -17 78.5; 57 -14 66; 67 -12 48; 71.5 -12 32; 74.5 -14 10; 26 -38 89.5; 37 -35 85.5
48 -34 77; 57 -34 63; 66 -35 45; 71.5 -35 20
25 -50 91; 29 -58 89; 38 -52 83.5; 48 -54 73; 56 -55 57; 64 -55 38; 67 -55 14
27.5 -67.5 91; 13 -60 99; 13 -68 97.8; 13 -77 96.8; 21 -67 94.5; 33 -67 87.5; 41 -70 79; 49 -72 66
55.5 -74 46; 59 -74 22; 57 -80 6
11 -99 96; 20 -100 91; 18 -88 93; 29 -86 86.5; 31 -100 82; 12 -109 90; 23 -108 82; 40 -91 70; 48 -87 53
53 -86 32; 13 -115 77; 27 -110 67; 39 -102 50; 47 -94 30; 52 -88 14
14 -115 60; 24 -111 45; 30 -104 26; 73 0 -30; 70 -20 -20; 56 -50 -30; 60 20 -64; 45 -60 -45; 46 -80 -12
"""


def to_disc(x: Tensor, y: Tensor, z: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
    """Convert directions to disc coordinates.

    Args:
        x: Any shape, mm from CENTRE.
        y: Same shape.
        z: Same shape.
        radius: Length of (x, y, z), same shape.

    Returns:
        (u, v), each of the same shape.
    """
    k = torch.rsqrt((2.0 * radius * (radius + z)).clamp_min(1e-3))
    return x * k, y * k


def from_disc(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Convert disc coordinates to unit directions; points outside the disc give the rim (straight backwards).

    Args:
        u: Any shape.
        v: Same shape.

    Returns:
        Unit vector (x, y, z), each of the same shape.
    """
    rho2 = u * u + v * v
    shrink = torch.where(rho2 > 0.998, torch.sqrt(0.998 / rho2.clamp_min(1e-6)), torch.ones_like(rho2))
    u, v = u * shrink, v * shrink
    rho2 = u * u + v * v
    k = 2.0 * torch.sqrt(1.0 - rho2)
    return u * k, v * k, 1.0 - 2.0 * rho2


def disc_grid(size: int) -> tuple[Tensor, Tensor]:
    """Return (u, v), each (size, size), with rows along v as ``grid_sample(align_corners=True)`` orders them."""
    axis = torch.linspace(-1.0, 1.0, size)
    v, u = torch.meshgrid(axis, axis, indexing="ij")
    return u, v


def sample_map(maps: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Sample maps at disc coordinates by bilinear interpolation.

    Args:
        maps: (N, C, M, M), or (1, C, M, M) to use one map for all.
        u: (N, ...).
        v: (N, ...).

    Returns:
        (N, C, ...).
    """
    shape = u.shape
    grid = torch.stack((u, v), -1)
    if maps.shape[0] == 1 and shape[0] != 1:
        out = F.grid_sample(maps, grid.reshape(1, -1, 1, 2), mode="bilinear", padding_mode="border", align_corners=True)
        return out.reshape(maps.shape[1], *shape).transpose(0, 1)
    out = F.grid_sample(
        maps, grid.reshape(shape[0], -1, 1, 2), mode="bilinear", padding_mode="border", align_corners=True
    )
    return out.reshape(shape[0], maps.shape[1], *shape[1:])


def half_points() -> np.ndarray:
    """Return the control points with x >= 0 as (K, 3), mm."""
    return np.array(
        [[float(t) for t in p.split()] for line in _HALF.strip().splitlines() for p in line.split(";") if p.strip()]
    )


# Added to the diagonal of the spline's system, so that the surface need not go through every point.
_SMOOTHING = 2e-5


def _thin_plate(points: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Interpolate values (K,) at 2D points by a thin-plate spline and evaluate it at other 2D points."""

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        d2 = ((a[:, None] - b[None]) ** 2).sum(-1) + 1e-12
        return 0.5 * d2 * np.log(d2)

    n = len(points)
    side = np.c_[np.ones(n), points]
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = kernel(points, points) + _SMOOTHING * np.eye(n)
    system[:n, n:], system[n:, :n] = side, side.T
    solved = np.linalg.solve(system, np.r_[values, np.zeros(3)])
    return kernel(at, points) @ solved[:n] + np.c_[np.ones(len(at)), at] @ solved[n:]


@dataclass(frozen=True)
class AverageHead:
    """The average head on a disc grid.

    Attributes:
        radius: (M, M) mm from CENTRE.
        xyz: (3, M, M) mm, in the frame of the head.
        front: (1, 1, Y, X) depth z in mm over (x, y), inside FRONT_BOX.
    """

    radius: Tensor
    xyz: Tensor
    front: Tensor

    def to(self, device: torch.device) -> AverageHead:
        """Return a copy on another device.

        Args:
            device: The device.

        Returns:
            The copy.
        """
        return AverageHead(self.radius.to(device), self.xyz.to(device), self.front.to(device))


FRONT_BOX = (-90.0, -130.0, 90.0, 120.0)  # x0, y0, x1, y1 of AverageHead.front, mm


@lru_cache(maxsize=4)
def average_head(size: int) -> AverageHead:
    """Sample the average head on a (size, size) disc grid, on the CPU."""
    half = half_points()
    both = np.r_[half, half[half[:, 0] > 0] * [-1, 1, 1]] - np.array(CENTRE)
    r = np.linalg.norm(both, axis=1)
    disc = both[:, :2] / np.sqrt(2 * r * (r + both[:, 2]))[:, None]
    u, v = disc_grid(size)
    inside = torch.sqrt(u * u + v * v).clamp_min(1e-6)
    squeeze = (0.999 / inside).clamp_max(1.0)
    at = torch.stack((u * squeeze, v * squeeze), -1).reshape(-1, 2).numpy().astype(np.float64)
    radius = torch.from_numpy(_thin_plate(disc, r, at)).float().reshape(size, size).clamp(40.0, 180.0)
    rim = (inside > 0.9).float() * ((inside - 0.9) / 0.1).clamp(0, 1)
    radius = radius * (1 - rim) + 106.0 * rim
    direction = torch.stack(from_disc(u, v))
    xyz = direction * radius + torch.tensor(CENTRE)[:, None, None]
    return AverageHead(radius, xyz, _front(radius))


def _front(radius: Tensor) -> Tensor:
    """Compute the depth z of the front surface over a grid of (x, y), by marching back from the viewer."""
    x0, y0, x1, y1 = FRONT_BOX
    y, x = torch.meshgrid(torch.linspace(y0, y1, 251), torch.linspace(x0, x1, 181), indexing="ij")
    x, y = x - CENTRE[0], y - CENTRE[1]
    z = torch.full_like(x, 125.0)
    for _ in range(60):
        length = torch.sqrt(x * x + y * y + z * z)
        u, v = to_disc(x, y, z, length)
        gap = length - sample_map(radius[None, None], u[None], v[None])[0, 0]
        z = torch.where(gap > 0, z - gap.clamp(0.0, 8.0) * 0.6, z).clamp_min(-40.0)
    return (z + CENTRE[2])[None, None]


def on_front(average: AverageHead, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Convert positions on the front of the average head to disc coordinates.

    Args:
        average: The average head.
        x: mm, any shape.
        y: mm, same shape.

    Returns:
        (u, v), each of the same shape.
    """
    x0, y0, x1, y1 = FRONT_BOX
    gx, gy = (x - x0) / (x1 - x0) * 2 - 1, (y - y0) / (y1 - y0) * 2 - 1
    grid = torch.stack((gx, gy), -1).reshape(1, -1, 1, 2)
    z = F.grid_sample(average.front, grid, align_corners=True, padding_mode="border").reshape(x.shape)
    dx, dy, dz = x - CENTRE[0], y - CENTRE[1], z - CENTRE[2]
    return to_disc(dx, dy, dz, torch.sqrt(dx * dx + dy * dy + dz * dz))
