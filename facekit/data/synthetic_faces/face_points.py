"""Landmarks: positions on the average head, carried to each face by the same maps that render it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from .anatomy import CENTRE, EYE_HALF, EYE_X, MOUTH_HALF, MOUTH_Y, on_front, sample_map, to_disc
from .face_parts import brow_curve, lids, lip_edges
from .fields import Batch
from .lower_face import open_mouth
from .surface import Heads

# The contour of the face at nine heights from ear to chin (x >= 0): a position well inside the cheek (x, y), and the
# outermost position that the contour may reach (x, y, z), in mm.
_CONTOUR_IN = ((52, 2), (50, -18), (46, -34), (42, -50), (37, -64), (30, -76), (21, -86), (11, -92), (0, -94))
_CONTOUR_OUT = (
    (74, 0, 8),
    (73.5, -19, 8),
    (71.5, -38, 12),
    (67, -56, 14),
    (59, -74, 20),
    (48, -90, 34),
    (35, -104, 54),
    (18, -112.5, 73),
    (0, -114.5, 80),
)
_ALONG = 20

_FOREHEAD = [
    (-60, 18),
    (-56, 37),
    (-48, 52),
    (-38, 62),
    (-26, 68.5),
    (-13, 72),
    (0, 73),
    (13, 72),
    (26, 68.5),
    (38, 62),
    (48, 52),
    (56, 37),
    (60, 18),
]
_SOCKETS = [
    (-50, -6),
    (-42, -14.5),
    (-32, -17.5),
    (-22, -14),
    (-15, -7),
    (15, -7),
    (22, -14),
    (32, -17.5),
    (42, -14.5),
    (50, -6),
]
_ALAE = [(-15, -36), (-18.5, -43), (-6.8, -47.5), (6.8, -47.5), (18.5, -43), (15, -36)]
_CHEEKS = [
    (-58, -20),
    (-42, -30),
    (-52, -48),
    (-36, -52),
    (-42, -70),
    (-22, -92),
    (-10, -103),
    (0, -87),
    (10, -103),
    (22, -92),
    (42, -70),
    (36, -52),
    (52, -48),
    (42, -30),
    (58, -20),
]
_NOSE = [(0, 2), (0, -11), (0, -23.5), (0, -37), (-14, -45.5), (-7, -48.3), (0, -49.8), (7, -48.3), (14, -45.5)]


def _front_points(b: Batch) -> tuple[Tensor, Tensor, dict[str, slice]]:
    """Compute the canonical positions of all points except the contour of the face, with the lips opened.

    Args:
        b: Parameters of N faces.

    Returns:
        x and y in mm, each (N, K), and the columns of each group of points.
    """
    n, device = b["old"].shape[0], b["old"].device
    groups: dict[str, slice] = {}
    xs: list[Tensor] = []
    ys: list[Tensor] = []

    def add(name: str, x: Tensor, y: Tensor) -> None:
        """Append a group of points."""
        start = sum(t.shape[1] for t in xs)
        xs.append(x.expand(n, -1))
        ys.append(y.expand(n, -1))
        groups[name] = slice(start, start + xs[-1].shape[1])

    def row(values: list[float]) -> Tensor:
        """Return the same numbers (N, K) for all faces."""
        return torch.tensor(values, dtype=torch.float32, device=device)[None].expand(n, -1)

    def fixed(name: str, places: Sequence[tuple[float, float]]) -> None:
        """Append a group whose canonical positions are the same for all faces."""
        add(name, row([p[0] for p in places]), row([p[1] for p in places]))

    fixed("nose", _NOSE)
    fixed("forehead", _FOREHEAD)
    fixed("sockets", _SOCKETS)
    fixed("alae", _ALAE)
    fixed("cheeks", _CHEEKS)
    for side, name in ((-1.0, "left"), (1.0, "right")):
        ax = row([56.5, 48.5, 37.5, 25.5, 13.0])
        middle, half = brow_curve(b, ax)
        add(f"{name}_brow", ax * side, middle + 0.35 * half)
        add(f"{name}_brow_top", ax * side, middle + half.clamp_min(0))
        add(f"{name}_brow_low", ax * side, middle - half.clamp_min(0))
        is_left = row([1.0 if side < 0 else 0.0] * 9)
        e = row([1.0, 0.5, 0.36, 0.0, -0.36, -0.5, -1.0, 0.98, -0.98])
        ax = EYE_X + EYE_HALF * e
        upper, lower = lids(b, ax, is_left)
        add(f"{name}_lid_up", ax * side, upper)
        add(f"{name}_lid_low", ax * side, lower)
    x = row([-MOUTH_HALF, -17.6, -7.3, 0.0, 7.3, 17.6, MOUTH_HALF])
    top, bottom = lip_edges(b, x)
    on_upper, on_lower = torch.ones_like(x, dtype=torch.bool), torch.zeros_like(x, dtype=torch.bool)
    add("lip_top", x, open_mouth(b, x, MOUTH_Y + top, on_upper))
    add("lip_bottom", x, open_mouth(b, x, MOUTH_Y - bottom, on_lower))
    x = row([-(MOUTH_HALF - 3.2), -7.5, 0.0, 7.5, MOUTH_HALF - 3.2])
    flat = torch.full_like(x, MOUTH_Y)
    add("gap_top", x, open_mouth(b, x, flat, on_upper[:, :5]))
    add("gap_bottom", x, open_mouth(b, x, flat, on_lower[:, :5]))
    return torch.cat(xs, 1), torch.cat(ys, 1), groups


@lru_cache(maxsize=1)
def _contour() -> tuple[Tensor, Tensor, Tensor]:
    """Return 33 paths across the contour of the face, from the left ear over the chin to the right ear.

    Returns:
        Inner ends (33, 2) and outer ends (33, 3) in mm, and the outward direction in the image (33, 2), y up.
    """
    inner, outer = torch.tensor(_CONTOUR_IN, dtype=torch.float32), torch.tensor(_CONTOUR_OUT, dtype=torch.float32)

    def mirror(half: Tensor) -> Tensor:
        """Mirror nine positions (x >= 0) to 17 and insert the midpoints: (33, C)."""
        left = half * torch.tensor([-1.0] + [1.0] * (half.shape[1] - 1))
        both = torch.cat((left, half.flip(0)[1:]))
        dense = torch.empty(33, half.shape[1])
        dense[0::2], dense[1::2] = both, (both[1:] + both[:-1]) / 2
        return dense

    inner, outer = mirror(inner), mirror(outer)
    along = torch.cat(
        (outer[1:2, :2] - outer[:1, :2], outer[2:, :2] - outer[:-2, :2], outer[-1:, :2] - outer[-2:-1, :2])
    )
    outward = torch.stack((along[:, 1], -along[:, 0]), 1)
    return inner, outer, outward / outward.norm(dim=1, keepdim=True)


def _carry(heads: Heads, us: Tensor, vs: Tensor) -> Tensor:
    """Move canonical positions to the skin of each face.

    Args:
        heads: Surface maps of N faces.
        us: Canonical disc coordinates (N, K).
        vs: Same shape.

    Returns:
        Points (N, K, 3) in the head frame, mm.
    """
    u, v = us, vs
    for _ in range(8):
        shift = sample_map(heads.warp, u, v)
        u, v = us + shift[:, 0], vs + shift[:, 1]
    radius = sample_map(heads.skin, u, v)[:, 0]
    rho2 = (u * u + v * v).clamp_max(0.998)
    k = 2 * torch.sqrt(1 - rho2)
    return torch.stack((u * k * radius, v * k * radius, (1 - 2 * rho2) * radius), -1) + us.new_tensor(CENTRE)


def place_points(b: Batch, heads: Heads, rotation: Tensor) -> dict[str, Tensor]:
    """Compute the landmarks in 3D.

    Args:
        b: Parameters of N faces.
        heads: Surface maps of N faces.
        rotation: (N, 3, 3) from the head frame to the camera frame.

    Returns:
        Points in the head frame, mm: "68" (N, 68, 3), "98" (N, 98, 3) and "44" (N, 44, 3). "eyes" (N, 2, 3) are the
        centres of the eyeballs.
    """
    x, y, groups = _front_points(b)
    u, v = on_front(heads.average, x, y)
    front = _carry(heads, u, v)
    part = {name: front[:, columns] for name, columns in groups.items()}
    edge = _edge(b, heads, rotation)

    left_up, left_low = part["left_lid_up"], part["left_lid_low"]
    right_up, right_low = part["right_lid_up"], part["right_lid_low"]
    corners = torch.stack((left_up[:, 0] + left_up[:, 6], right_up[:, 0] + right_up[:, 6]), 1) / 2
    eyes = corners + corners.new_tensor([0.0, 1.2, -4.2])
    gaze_z = torch.sqrt((1 - b["gaze_x"] ** 2 - b["gaze_y"] ** 2).clamp_min(0.1))
    pupils = eyes + 12.2 * torch.stack((b["gaze_x"], b["gaze_y"], gaze_z), 1)[:, None]

    mouth = [part["lip_top"], part["lip_bottom"][:, 1:6].flip(1), part["gap_top"], part["gap_bottom"][:, 1:4].flip(1)]
    eyes_68 = [left_up[:, [0, 2, 4, 6]], left_low[:, [4, 2]], right_up[:, [6, 4, 2, 0]], right_low[:, [2, 4]]]
    eyes_98 = [
        left_up[:, [0, 1, 3, 5, 6]],
        left_low[:, [5, 3, 1]],
        right_up[:, [6, 5, 3, 1, 0]],
        right_low[:, [1, 3, 5]],
    ]
    set_68 = torch.cat(
        [edge[:, 0::2], part["left_brow"], part["right_brow"].flip(1), part["nose"], *eyes_68, *mouth], 1
    )
    brows_98 = [
        part["left_brow_top"],
        part["left_brow_low"][:, 1:].flip(1),
        part["right_brow_top"].flip(1),
        part["right_brow_low"][:, 1:],
    ]
    set_98 = torch.cat([edge, *brows_98, part["nose"], *eyes_98, *mouth, pupils], 1)
    set_44 = torch.cat([part[k] for k in ("forehead", "sockets", "alae", "cheeks")], 1)

    return {"68": set_68, "98": set_98, "44": set_44, "eyes": eyes}


def _edge(b: Batch, heads: Heads, rotation: Tensor) -> Tensor:
    """Compute the 33 points of the contour.

    On each path the point that lies farthest outwards in the image is chosen. Annotators mark turned faces in this way.

    Args:
        b: Parameters of N faces.
        heads: Surface maps of N faces.
        rotation: (N, 3, 3) from the head frame to the camera frame.

    Returns:
        (N, 33, 3) in the head frame, mm.
    """
    n, device = b["old"].shape[0], b["old"].device
    inner, outer, outward = (t.to(device) for t in _contour())
    u0, v0 = on_front(heads.average, inner[:, 0], inner[:, 1])
    gap = outer - outer.new_tensor(CENTRE)
    u1, v1 = to_disc(gap[:, 0], gap[:, 1], gap[:, 2], gap.norm(dim=1))
    t = torch.linspace(0, 1, _ALONG, device=device)
    us = (u0[:, None] + (u1 - u0)[:, None] * t).reshape(1, -1).expand(n, -1)
    vs = (v0[:, None] + (v1 - v0)[:, None] * t).reshape(1, -1).expand(n, -1)
    points = _carry(heads, us, vs)
    camera = (points - points.new_tensor(CENTRE)) @ rotation.transpose(1, 2)
    slope = camera[..., :2] / (b["distance"][:, None, None] - camera[..., 2:])
    roll = torch.deg2rad(-b["roll"])
    c, s = roll.cos(), roll.sin()
    spin = torch.stack((c, -s, s, c), 1).view(n, 2, 2)
    directions = outward[None] @ spin.transpose(1, 2)
    out = (slope.view(n, 33, _ALONG, 2) * directions[:, :, None]).sum(-1)
    best = out.argmax(-1)
    return torch.gather(points.view(n, 33, _ALONG, 3), 2, best[:, :, None, None].expand(n, 33, 1, 3))[:, :, 0]
