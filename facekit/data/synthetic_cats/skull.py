"""The surface of the head: an ellipsoid with bumps, stored as a radius over directions.

Frame of the head: x points to the viewer's right, y up, z towards the viewer of a frontal face. The origin is the
middle of the head. A direction meets the plain ellipsoid at its canonical position (x, y, z), where each part of the
face has a fixed outline. The bumps move the surface only along the direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from ..synthetic_faces.anatomy import disc_grid, from_disc, sample_map, to_disc
from ..synthetic_faces.fields import Batch, per_sample
from ..synthetic_faces.noise import STRANDS, sample_noise
from ..synthetic_faces.raycast import FAR, Vec
from .features import MUZZLE_Y, NOSE_Y, mouth_line

MAP = 144  # M, side of the maps
_STEPS = 8
CROWN = 0.88  # height of the skull above its middle, divided by the height below


@dataclass(frozen=True)
class Skull:
    """Surface maps of N animals on a disc grid of M x M directions.

    Attributes:
        radius: (N, 1, M, M) mm.
        relief: (N, 4, M, M): outward normal (x, y, z) in the head frame, and share of ambient light.
        points: (N, M * M, 3) points of the surface, mm.
    """

    radius: Tensor
    relief: Tensor
    points: Tensor


@lru_cache(maxsize=2)
def _directions() -> Tensor:
    """Return the directions (3, M, M) of the disc grid."""
    return torch.stack(from_disc(*disc_grid(MAP)))


def unit(v: Tensor) -> Tensor:
    """Normalise vectors (N, 3, ...). This is several times faster than ``F.normalize`` over this axis."""
    return v * torch.rsqrt((v * v).sum(1, keepdim=True).clamp_min(1e-8))


def ellipsoid(b: Batch, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Compute the factor that scales a direction to the plain ellipsoid, which is flatter above the middle.

    Args:
        b: Parameters of N animals: ``wide``, ``tall``, ``deep``.
        x: (N, ...).
        y: Same shape.
        z: Same shape.

    Returns:
        (N, ...).
    """
    tall = per_sample(b["tall"]) * torch.where(y > 0, CROWN, 1.0)
    return torch.rsqrt(
        ((x / per_sample(b["wide"])) ** 2 + (y / tall) ** 2 + (z / per_sample(b["deep"])) ** 2).clamp_min(1e-8)
    )


def _bump(x: Tensor, y: Tensor, cy: Tensor | float, sx: Tensor | float, sy: Tensor | float, power: float = 1) -> Tensor:
    """Evaluate a bump of height 1 with centre (0, cy) and radii (sx, sy), in mm; a higher power has a flatter top."""
    return torch.exp(-(((x / sx) ** 2 + ((y - cy) / sy) ** 2) ** power))


def build_skull(b: Batch, bank: Tensor) -> Skull:
    """Build the surface maps of a batch.

    Args:
        b: Parameters of N animals.
        bank: Noise from ``noise_bank``.

    Returns:
        The maps.
    """
    n = b["wide"].shape[0]
    d = _directions().to(bank.device)
    dx, dy, dz = (d[k][None].expand(n, -1, -1) for k in range(3))
    plain = ellipsoid(b, dx, dy, dz)
    x, y, z = dx * plain, dy * plain, dz * plain
    a = x.abs()
    front = torch.sigmoid((z - 8) / 4)
    eye_x, eye_y, half = per_sample(b["eye_x"]), per_sample(b["eye_y"]), per_sample(b["eye_half"])
    wide = per_sample(b["muzzle_wide"])
    face = (
        per_sample(b["muzzle"]) * _bump(x, y, MUZZLE_Y, wide + 2, 15.5, 1.4)
        + per_sample(b["pads"]) * _bump(a - 0.46 * wide, y, MUZZLE_Y - 1.5, 0.42 * wide, 6.5)
        + per_sample(b["bridge"]) * _bump(x, y, 1.0, 8.5, 17.0)
        + 3.0 * _bump(x, y, NOSE_Y + 0.5, 6.5, 5.5)
        + per_sample(b["chin_out"]) * _bump(x, y, -31.0, 10.0, 6.0)
        - 4.5 * _bump(a - eye_x, y, eye_y, half * 1.35, half * 1.25)
        + 4.5 * _bump(a - eye_x, y, eye_y, half * 1.02, half * 0.9, 2)
        + 2.5 * _bump(a - eye_x * 0.85, y, eye_y + half * 1.35, 11.0, 6.0)
        - 2.5 * _bump(x, y, 26.0, 8.0, 13.0)
    )
    line = (y - mouth_line(b, a)) / 1.7
    groove = torch.exp(-(line**2)) * torch.sigmoid((per_sample(b["mouth_half"]) - a) / 1.2)
    groove = groove + torch.exp(-((x / 1.5) ** 2)) * torch.sigmoid(line) * torch.sigmoid((NOSE_Y - 3 - y) / 1.0)
    ruff = per_sample(b["cheek"]) * torch.exp(-(((y + 17) / 15) ** 2)) * torch.sigmoid((a - 26) / 4)
    around, along = fur_flow(x, y, z)
    tufts = sample_noise(bank, around * 1.0 + per_sample(b["coat_at"][:, 2]), along * 0.6, (STRANDS,))[0]
    fluffy = torch.sigmoid((a - 30) / 5) * torch.sigmoid((-2 - y) / 6) * 1.3 + 0.35 * torch.sigmoid((a - 34) / 3)
    smooth = plain + face * front - 1.6 * groove * front + ruff
    # The roots of the ears rise out of the fur.
    smooth = smooth + 1.5 * _bump(a - 28, y, 30.0, 10.0, 7.0)
    radius = smooth + per_sample(b["fluff"]) * fluffy * tufts
    points = torch.stack((dx, dy, dz), 1) * radius[:, None]
    relief = torch.cat((_normals(torch.stack((dx, dy, dz), 1) * smooth[:, None]), _ambient_access(smooth)[:, None]), 1)
    return Skull(radius[:, None], relief, points.flatten(2).transpose(1, 2))


def fur_flow(x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Compute coordinates that follow the hairs.

    Args:
        x: Canonical positions, mm.
        y: Same shape.
        z: Same shape.

    Returns:
        Angle around the bridge of the nose and distance along the hair, in tiles of the noise.
    """
    up = y - 2.0
    rho = torch.sqrt(x * x + up * up + (z - 40.0) ** 2 * 0.3)
    return torch.atan2(x, up) * (4 / 6.28319), rho / 80.0


def _normals(p: Tensor) -> Tensor:
    """Return the outward unit normals of a surface (N, 3, M, M) over the disc."""
    q = F.pad(p, (1, 1, 1, 1), mode="replicate")
    across, up = q[..., 1:-1, 2:] - q[..., 1:-1, :-2], q[..., 2:, 1:-1] - q[..., :-2, 1:-1]
    normal = torch.linalg.cross(across, up, dim=1)
    return unit(normal)


def _ambient_access(radius: Tensor) -> Tensor:
    """Estimate the share of ambient light (N, M, M), from how far the surroundings rise above each position."""
    r = radius[:, None]
    near = F.avg_pool2d(r, 7, 1, 3, count_include_pad=False) - r
    far = F.avg_pool2d(F.avg_pool2d(r, 4), 5, 1, 2, count_include_pad=False)
    far = F.interpolate(far, size=r.shape[-2:], mode="bilinear", align_corners=False) - r
    return torch.exp(-(0.22 * near + 0.07 * far).clamp_min(-0.15))[:, 0].clamp(0.3, 1.1)


def lift(b: Batch, skull: Skull, x: Tensor, y: Tensor) -> Tensor:
    """Project canonical positions of the front onto the surface.

    Args:
        b: Parameters of N animals.
        skull: Surface maps.
        x: (N, K) mm.
        y: (N, K) mm.

    Returns:
        (N, K, 3) in the head frame, mm.
    """
    tall = b["tall"][:, None] * torch.where(y > 0, CROWN, 1.0)
    z = b["deep"][:, None] * torch.sqrt((1 - (x / b["wide"][:, None]) ** 2 - (y / tall) ** 2).clamp_min(0.01))
    return on_surface(skull, torch.stack((x, y, z), -1))


def on_surface(skull: Skull, toward: Tensor) -> Tensor:
    """Find where directions leave the head.

    Args:
        skull: Surface maps.
        toward: Directions (N, K, 3), any length.

    Returns:
        Points (N, K, 3) of the surface, mm.
    """
    length = toward.norm(dim=-1)
    u, v = to_disc(toward[..., 0], toward[..., 1], toward[..., 2], length)
    return toward * (sample_map(skull.radius, u, v)[:, 0] / length)[..., None]


def march(skull: Skull, origin: Vec, direction: Vec, start: Tensor) -> Tensor:
    """Find where each ray hits the head, by sphere tracing inside a bracket.

    Args:
        skull: Surface maps.
        origin: Origin of the rays (x, y, z), in the head frame.
        direction: Direction of the rays (x, y, z), each (N, ...).
        start: Depth (N, ...) at which to start.

    Returns:
        Depth (N, ...) of the hit, FAR where the ray misses.
    """
    t = start - 3.0
    outside, inside = t - 30.0, torch.full_like(t, 2 * FAR)
    gap = t
    for step in range(_STEPS + 1):
        x, y, z = (o + w * t for o, w in zip(origin, direction, strict=True))
        length = torch.sqrt(x * x + y * y + z * z).clamp_min(1.0)
        gap = length - sample_map(skull.radius, *to_disc(x, y, z, length))[:, 0]
        solid = gap < 0
        inside, outside = torch.where(solid, t, inside), torch.where(solid, outside, t)
        if step < _STEPS:
            # A grazing ray would need many small steps. The first steps have a large minimum, and the bracket corrects
            # them.
            ahead = t + torch.where(solid, (gap * 0.8).clamp_min(-8.0), (gap * 0.8).clamp(4.0 if step < 5 else 0.2, 14))
            kept = (ahead >= outside) & (ahead <= inside)
            t = torch.where(kept, ahead, (outside + inside) * 0.5)
    hit = ((gap < 1.2) | (inside < FAR)) & (start < FAR * 0.5)
    return torch.where(hit, t, torch.full_like(t, FAR))


def cast_shadow(skull: Skull, p: Vec, light: Tensor, softness: Tensor) -> Tensor:
    """Compute the share of the key light that reaches points past the head.

    Args:
        skull: Surface maps.
        p: Points (x, y, z), each (N, ...), in the head frame.
        light: (N, 3) unit vectors to the light, in the head frame.
        softness: (N,) a larger value is a harder shadow.

    Returns:
        (N, ...) in [0, 1].
    """
    lit = torch.ones_like(p[0])
    lx, ly, lz = (per_sample(light[:, k]) for k in range(3))
    for far in (3.0, 6.0, 11.0, 18.0, 28.0, 45.0):
        x, y, z = p[0] + lx * far, p[1] + ly * far, p[2] + lz * far
        length = torch.sqrt(x * x + y * y + z * z).clamp_min(1.0)
        gap = length - sample_map(skull.radius, *to_disc(x, y, z, length))[:, 0]
        lit = torch.minimum(lit, 0.5 + (gap - 0.3) * per_sample(softness) / (far + 5.0))
    return lit.clamp(0, 1)
