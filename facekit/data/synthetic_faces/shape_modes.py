"""Shape modes: how heads differ and move.

Each mode is a smooth displacement of the average head, defined by 3D pushes in millimetres. A push moves the surface
around a point by a vector, with Gaussian falloff. Motion along the surface becomes a warp of directions; motion
outwards becomes a change of radius. A weight of 1 is about one standard deviation of people (identity) or a full
expression.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from .anatomy import CENTRE, average_head, to_disc

Push = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
"""Centre, standard deviation and motion, each (x, y, z) in mm. If the x of the centre is not 0, there is a mirrored
push, too, unless the mode is in ONE_SIDED."""
PUSHES: dict[str, list[Push]] = {
    "jaw_width": [((58, -75, 30), (26, 28, 45), (5.0, 0, 0))],
    "jaw_angle": [((56, -84, 14), (18, 20, 25), (2.5, -4, 0))],
    "chin_width": [((18, -104, 88), (11, 16, 22), (4.0, 0, 0))],
    "chin_forward": [((0, -104, 94), (24, 15, 28), (0, 0, 4.5))],
    "chin_length": [((0, -114, 80), (46, 26, 45), (0, -4.5, 0))],
    "cheekbones": [((58, -15, 62), (18, 14, 26), (2.6, 0.5, 2.0))],
    "cheek_full": [((45, -52, 74), (22, 24, 30), (4.0, 0, 4.0)), ((20, -108, 80), (30, 16, 30), (1.5, -2.0, 1.0))],
    "nose_length": [((0, -44, 110), (15, 11, 28), (0, -3.2, 0))],
    "nose_forward": [((0, -38, 114), (11, 13, 20), (0, 0, 4.2)), ((0, -18, 104), (7, 12, 20), (0, 0, 1.2))],
    "nose_width": [((14.5, -42, 100), (7, 9, 14), (2.3, 0, 0.3))],
    "bridge_high": [((0, -6, 97), (9, 14, 15), (0, 0, 2.8))],
    "bridge_hump": [((0, -20, 106), (6, 8, 15), (0, 0, 2.2))],
    "bridge_width": [((8, -12, 95), (6, 15, 14), (1.6, 0, 0))],
    "nose_tip_up": [((0, -40, 116), (9, 8, 15), (0, 2.8, 0))],
    "nose_bulb": [((7, -39, 112), (7, 8, 12), (1.8, 0, 1.2))],
    "eyes_apart": [((32, 0, 82), (20, 13, 30), (2.0, 0, 0))],
    "eyes_high": [((32, 2, 84), (26, 16, 30), (0, 1.8, 0))],
    "eye_tilt": [((45, 0, 76), (9, 9, 14), (0, 1.7, 0)), ((19, -2, 84), (7, 7, 12), (0, -0.8, 0))],
    "eye_size": [((45, 0, 76), (9, 9, 14), (1.1, 0, 0)), ((19, -2, 84), (8, 8, 14), (-0.8, 0, 0))],
    "eye_deep": [((30, 8, 86), (14, 8, 20), (0, 0, -2.6)), ((31, -8, 86), (14, 7, 20), (0, 0, -1.2))],
    "brow_ridge": [((22, 17, 95), (18, 8, 20), (0, 0, 2.6)), ((0, 17, 99), (14, 9, 20), (0, 0, 1.6))],
    "brow_height": [((32, 20, 90), (24, 9, 24), (0, 2.6, 0))],
    "forehead_slope": [((0, 68, 80), (52, 26, 50), (0, 0, 5.0))],
    "forehead_width": [((62, 45, 45), (22, 30, 40), (3.5, 0, 0))],
    "mouth_width": [((27, -67, 91), (13, 13, 18), (2.2, 0, 0))],
    "mouth_height": [((0, -68, 100), (32, 13, 30), (0, 2.0, 0))],
    "lips_forward": [((0, -68, 103), (19, 10, 18), (0, 0, 2.5))],
    "upper_jaw": [((0, -56, 100), (26, 14, 24), (0, 0, 2.8))],
    "crooked_nose": [((0, -38, 112), (16, 16, 24), (1.3, 0, 0))],
    "crooked_jaw": [((0, -104, 88), (45, 26, 40), (1.6, 0, 0))],
    "crooked_mouth": [((0, -68, 98), (30, 14, 28), (1.2, 0.4, 0))],
    "jowls": [((42, -93, 66), (15, 14, 22), (1.0, -3.5, 1.5)), ((0, -116, 66), (34, 14, 30), (0, -4.0, 1.0))],
    # expressions
    "smile": [
        ((27, -67, 91), (13, 12, 18), (4.6, 4.2, -2.5)),
        ((38, -32, 85), (14, 13, 18), (1.0, 3.4, 3.2)),
        ((0, -62, 103), (16, 8, 16), (0, 1.2, -1.5)),
    ],
    "sad": [((27, -68, 91), (11, 10, 16), (0.8, -4.2, 0)), ((15, 17, 97), (11, 8, 16), (-1.0, 2.8, 0))],
    "pucker": [((27, -67, 91), (14, 13, 18), (-6.5, 0, 2.0)), ((0, -68, 103), (18, 11, 16), (0, 0, 4.0))],
    "jaw_drop": [((0, -112, 76), (75, 27, 70), (0, -13.0, -4.0))],
    "brow_up": [((34, 22, 90), (24, 11, 26), (0, 5.0, 0)), ((0, 40, 96), (40, 14, 30), (0, 1.5, 0))],
    "brow_up_left": [((34, 22, 90), (20, 10, 24), (0, 4.5, 0))],
    "brow_up_right": [((34, 22, 90), (20, 10, 24), (0, 4.5, 0))],
    "frown": [((14, 17, 97), (11, 9, 16), (-2.4, -4.4, 0.8)), ((36, 20, 88), (14, 9, 16), (-1.0, -1.6, 0))],
    "mouth_left": [((0, -68, 98), (28, 13, 26), (-5.0, 0, 0))],
    "nose_wrinkle": [((14, -42, 100), (10, 10, 14), (1.2, 2.4, 0)), ((0, -61, 103), (18, 8, 14), (0, 1.8, 0))],
}
ONE_SIDED = {"brow_up_left": -1, "brow_up_right": 1}
SCALES = ("head_width", "face_length", "skull_height", "skull_length", "midface")
MODES = SCALES + tuple(PUSHES)
MODE_SIZE = 96


def _scales(p: Tensor) -> list[Tensor]:
    """Return the displacements of the modes that stretch the whole head, at positions ``p``; all (3, M, M) in mm."""
    x, y, z = p
    zero = torch.zeros_like(x)
    below, above = ((-20.0 - y).clamp_min(0), (y - 30.0).clamp_min(0))
    return [
        torch.stack((x * 0.035, zero, zero)),
        torch.stack((zero, -below * 0.05, zero)),
        torch.stack((zero, above * 0.055, zero)),
        torch.stack((zero, zero, (z - 40).clamp_max(0) * 0.05)),
        torch.stack((zero, -2.6 * torch.sigmoid((-25.0 - y) / 7.0), zero)),
    ]


def _pushed(p: Tensor, name: str) -> Tensor:
    """Return the displacement (3, M, M) of a named mode at positions ``p`` (3, M, M), in mm."""
    total = torch.zeros_like(p)
    for centre, sigma, motion in PUSHES[name]:
        sides = (1,) if centre[0] == 0 else (ONE_SIDED[name],) if name in ONE_SIDED else (1, -1)
        for side in sides:
            flip = torch.tensor([float(side), 1.0, 1.0])
            gap = (p - (torch.tensor(centre) * flip)[:, None, None]) / torch.tensor(sigma)[:, None, None]
            total = total + torch.exp(-0.5 * (gap * gap).sum(0)) * (torch.tensor(motion) * flip)[:, None, None]
    return total


@lru_cache(maxsize=1)
def mode_maps() -> Tensor:
    """Compute the motion of each mode on the disc grid.

    Returns:
        (modes, 3, M, M) on the CPU, for a weight of 1: motion of (u, v), then of the radius in mm.
    """
    p = average_head(MODE_SIZE).xyz
    maps = []
    for displacement in _scales(p) + [_pushed(p, name) for name in PUSHES]:
        local = p - torch.tensor(CENTRE)[:, None, None]
        step = local + displacement * 0.1
        length, moved = local.norm(dim=0), step.norm(dim=0)
        u0, v0 = to_disc(local[0], local[1], local[2], length)
        u1, v1 = to_disc(step[0], step[1], step[2], moved)
        maps.append(torch.stack((u1 - u0, v1 - v0, moved - length)) * 10.0)
    return torch.stack(maps)


def combine(weights: Tensor, maps: Tensor) -> Tensor:
    """Combine modes linearly.

    Args:
        weights: (N, modes).
        maps: (modes, 3, M, M), from ``mode_maps``.

    Returns:
        (N, 3, M, M).
    """
    return (weights @ maps.flatten(1)).view(-1, *maps.shape[1:])
