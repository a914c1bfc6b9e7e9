"""One face's surface as maps over directions: the average head, moved by its modes, with lips, creases, beard, hair
and hat laid on.

Order from the viewer's side: a direction is warped back by identity and expression, the mouth's opening is closed
again, and what is left is a place on the average head in millimetres, the "canonical" place, in which every facial part
has one fixed outline.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from .anatomy import CENTRE, MOUTH_HALF, MOUTH_Y, Canon, average_head, disc_grid, from_disc, look_up
from .noise import CLOUD, STRANDS, read_noise
from .shape import MODE_SIZE, combine

Batch = dict[str, Tensor]
UPPER_FADE, LOWER_FADE = 12.0, 30.0
DETAILS = (
    "lip_up",
    "lip_low",
    "lip_groove",
    "nostril",
    "ala_crease",
    "nasolabial",
    "eye_bag",
    "philtrum",
    "lid_crease",
    "under_lip",
    "worry",
)
FEATURES = 9  # normal xyz, occlusion, hair cover, hat cover, warp u, warp v, hair depth


def column(value: Tensor, ndim: int = 3) -> Tensor:
    """A per-face number (N,) shaped to act on (N, ...) of `ndim` dimensions."""
    return value.view(-1, *([1] * (ndim - 1)))


def _bump(x: Tensor, y: Tensor, cx: float, cy: float, sx: float, sy: float) -> Tensor:
    return torch.exp(-0.5 * (((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2))


@lru_cache(maxsize=4)
def detail_maps(size: int) -> Tensor:
    """(details, M, M) on the CPU: small outward displacements of the average head in mm, named by DETAILS."""
    x, y, z = average_head(size).xyz
    a = x.abs()
    front = torch.sigmoid((z - 55) / 4)
    m = (a / (MOUTH_HALF + 1)).clamp_max(1)
    my = y - MOUTH_Y
    width = torch.sqrt(1 - m * m)
    fold = (a - (19.5 + 13 * ((-45 - y) / 25).clamp(0, 1.6) ** 0.8)) * 0.85
    along = torch.sigmoid((-43 - y) / 2.5) * torch.sigmoid((y + 76) / 5)
    maps = [
        (2.6 * torch.exp(-(((my - 3.6) / 3.0) ** 2)) + 1.0 * torch.exp(-(((my - 7.6) / 1.5) ** 2)))
        * width
        * (1 - 0.25 * torch.exp(-((x / 3.0) ** 2))),
        3.6 * torch.exp(-(((my + 5.4) / 3.9) ** 2)) * width,
        -2.0 * torch.exp(-((my / 1.5) ** 2)) * (0.35 + 0.65 * width) * torch.sigmoid((30 - a) / 1.5),
        -4.0 * _bump(a, y, 7.2, -48.0, 3.6, 1.9) + 1.0 * _bump(a, y, 0.0, -48.5, 2.2, 2.5),
        -1.8 * _bump(a, y, 18.2, -42.0, 1.9, 5.5)
        + 1.9 * _bump(a, y, 14.0, -43.0, 3.2, 4.0)
        - 0.8 * _bump(a, y, 9.0, -40.0, 1.6, 4.0),
        -1.5 * torch.exp(-((fold / 2.2) ** 2)) * along + 1.3 * torch.exp(-(((fold - 6) / 5) ** 2)) * along,
        1.5 * _bump(a, y, 31, -11.5, 10, 3.0)
        - 1.2 * torch.exp(-(((y + 16.5 - 0.012 * (a - 31) ** 2) / 2.0) ** 2)) * _bump(a, y, 30, -16, 12, 9),
        -1.3 * _bump(a, y, 0, -55.5, 2.6, 4.5) + 0.6 * _bump(a, y, 5.2, -55.5, 1.8, 5.0),
        -1.4 * torch.exp(-(((y - 8.2 + 0.02 * (a - 31) ** 2) / 1.3) ** 2)) * _bump(a, y, 31.5, 8, 9.5, 6),
        -1.3 * _bump(a, y, 0, -81.5, 14, 3.2),
        -0.5 * torch.cos((y - 34) / 9.0 * 6.2832).clamp_min(0) ** 3 * _bump(a, y, 0, 44, 34, 14)
        - 0.25 * _bump(a, y, 4.5, 14, 1.4, 5),
    ]
    return torch.stack([d * front for d in maps])


def detail_weights(b: Batch) -> Tensor:
    """(N, details) for a batch of parameters."""
    one = torch.ones_like(b["old"])
    smile = b["expression_smile"].clamp_min(0)
    return torch.stack(
        (
            b["lip_upper"],
            b["lip_lower"],
            1.0 - 0.6 * (b["mouth_down"] > 0.5).float(),
            one,
            one,
            0.2 + 0.75 * smile + 0.8 * b["wrinkles"],
            b["eye_bags"],
            b["cupid"],
            b["lid_crease"],
            one,
            b["wrinkles"] + 0.6 * b["expression_brow_up"].clamp_min(0) + 0.3 * b["expression_frown"].clamp_min(0),
        ),
        1,
    )


def lips_apart(b: Batch, x: Tensor) -> tuple[Tensor, Tensor]:
    """How far the lips stand off the closed line at canonical x: (up, down) in mm, for x of shape (N, ...)."""
    m = (x / (MOUTH_HALF - 2.5)).abs().clamp_max(1)
    shape = torch.sqrt((1 - m * m).clamp_min(0)) * (1 - 0.25 * m)
    return column(b["mouth_up"], x.ndim) * shape, column(b["mouth_down"], x.ndim) * shape


def close_mouth(b: Batch, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Canonical y behind an opened mouth, and how deep (mm, > 0) a place lies inside the gap between the lips."""
    up, down = lips_apart(b, x)
    my = y - MOUTH_Y
    above, below = my - up, -my - down
    top = above * (1 + up / UPPER_FADE)
    low = below * (1 + down / LOWER_FADE)
    y_top = torch.where(above < UPPER_FADE, top, my)
    y_low = torch.where(below < LOWER_FADE, -low, my)
    closed = torch.where(above >= 0, y_top, torch.where(below >= 0, y_low, torch.zeros_like(my)))
    return closed + MOUTH_Y, torch.minimum(-above, -below)


def open_mouth(b: Batch, x: Tensor, y: Tensor, upper: Tensor) -> Tensor:
    """Where a canonical height goes when the lips part; `upper` says on which side of the closed line the place
    lies."""
    up, down = lips_apart(b, x)
    my = y - MOUTH_Y
    top = torch.where(my < UPPER_FADE + up, up + my.clamp_min(0) / (1 + up / UPPER_FADE), my)
    low = torch.where(-my < LOWER_FADE + down, -down - (-my).clamp_min(0) / (1 + down / LOWER_FADE), my)
    return torch.where(upper, top, low) + MOUTH_Y


def beard_region(b: Batch, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Signed fields (mm, > 0 inside) of beard and moustache over canonical places; they ignore whether the person
    wears one."""
    a = x.abs()
    goatee = column(b["beard_goatee"], x.ndim)
    cheek = (
        -46 - 17 * torch.exp(-(((a - 30) / 18) ** 2)) + 0.9 * (a - 45).clamp_min(0) + column(b["beard_line"], x.ndim)
    )
    full = torch.minimum(torch.minimum(cheek - y, y + 132 - 0.25 * a), (z - 12) * 0.8)
    chin = torch.minimum(30 - a - 0.1 * (y + 80).clamp_max(0).abs(), -70 - y + 0.55 * (a - 21).clamp_min(0))
    field = torch.where(goatee > 0.5, torch.minimum(chin, full + 40), full)
    mouth = torch.sqrt((a / 29.0) ** 2 + ((y + 69.0) / 12.0) ** 2) - 1  # no hair on the lips
    beard = torch.minimum(field, mouth * 10)
    bare = -60.5 - 0.10 * a
    moustache = torch.minimum(torch.minimum(y - bare + 1.2, -50.5 - 0.0105 * a * a - y), 31 - a)
    return beard, moustache


@dataclass(frozen=True)
class Heads:
    """Maps of N faces: radius (N, 1, M, M) of the outermost surface, features (N, 9, M, M), skin radius and warp for
    placing points."""

    radius: Tensor
    features: Tensor
    skin: Tensor
    warp: Tensor
    canon: Canon
    uv: tuple[Tensor, Tensor]


def hair_thickness(
    b: Batch, bank: Tensor, xyz: Tensor, d: tuple[Tensor, Tensor, Tensor], skin: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Radii of hair and hat (0 where there is none) and hair's depth behind its edge in mm. xyz canonical (N, 3, M,
    M); d directions (M, M)."""
    x, y, z = xyz.unbind(1)
    n = x.shape[0]
    azimuth = torch.atan2(x, z + 4.0)
    place = (azimuth / torch.pi + 1) * 0.5
    table = b["hair_table"]
    at = (place * (table.shape[1] - 1)).clamp(0, table.shape[1] - 1.001)
    low = at.floor()
    left = torch.gather(table, 1, low.long().reshape(n, -1)).reshape(x.shape)
    right = torch.gather(table, 1, low.long().reshape(n, -1) + 1).reshape(x.shape)
    line = left + (right - left) * (at - low)
    shift = b["hair_shift"]
    curl = column(b["hair_curl"])
    strands, lumps = read_noise(
        bank,
        place * 1.2 + column(shift[:, 0]) + 0.02 * curl * torch.sin(y / 9.0),
        y / 420.0 + column(shift[:, 1]),
        (STRANDS, CLOUD),
    )
    knots = read_noise(bank, x / 150.0 + column(shift[:, 0]), y / 150.0 + z / 170.0, (CLOUD,))[0]
    depth = y - line + column(b["hair_edge"]) * (strands * 0.5 + 0.8 * knots)
    depth = torch.minimum(depth, y + 78.0 + 80.0 * (azimuth.abs() > 2.0).float())  # none grows under the jaw
    up = torch.sigmoid((y - 55) / 14)
    grow = (depth / column(b["hair_fade"])).clamp(0, 1)
    thick = (column(b["hair_side"]) * (1 - up) + column(b["hair_top"]) * up) * torch.sqrt(grow)
    rough = 0.05 + 0.2 * curl
    thick = thick * (1 + rough * (strands * 0.6 + lumps * 0.5) + curl * 0.16 * knots)
    bun = torch.exp(-(((x / 30) ** 2 + ((y - 112) / 32) ** 2 + ((z + 25) / 32) ** 2) ** 2)) * column(b["hair_bun"]) * 38
    hair = skin + torch.where(depth > 0, thick + bun, (depth * 0.3).clamp_min(-6.0))
    # Hair that falls: a curtain around the neck, open towards the face.
    dx, dy, dz = d
    long = column((b["hair_length"] < -1).float())
    wave = 1 + 0.05 * curl * torch.sin(y / 11.0 + 6 * place) + 0.02 * strands
    across = torch.sqrt((dx * dx + dz * dz * 0.85).clamp_min(1e-4))
    fall = column(b["hair_radius"]) * wave / across
    bottom = (column(b["hair_length"]) + 14 * strands - CENTRE[1]) / dy.clamp_max(-1e-3)
    fall = torch.minimum(fall, torch.where(dy < -1e-3, bottom, torch.full_like(dy, 1e3)))
    turn = torch.atan2(dx, dz).abs() * 57.2958
    gate = torch.sigmoid((turn - column(b["hair_open"]) - 2.0 * knots - 5 * (y < -60).float()) / 3.2)
    under = torch.sigmoid((20 - y) / 12)
    # Seen from CENTRE falling hair would also fill the place of the throat: keep to directions that pass beside or
    # behind the neck.
    reach = 110.0 / (-dy).clamp_min(0.05)
    gate = gate * torch.sigmoid(torch.maximum(reach * dx.abs() - 44.0, -20.0 - reach * dz) / 4.0)
    curtain = (fall * gate * under * long).clamp_max(260.0)
    hair = torch.maximum(hair, curtain)
    depth = torch.where(curtain > skin + 1.5, depth.clamp_min(20.0), depth)
    # Hats: a cap of felt or wool above a tilted line.
    rise = y - column(b["hat_line"]) + 0.16 * (z - 60).abs()
    rise = rise + 7.0 * (column(b["hat_brim"]) > 0) * (z > 30)
    felt = column(b["hat_tall"]) * torch.sigmoid((y - 70) / 12) + 7.0 + 4.0 * (column(b["hair_side"]) > 12).float()
    hat = torch.where(
        (rise > 0) & (column(b["hat"]) > 0.5), skin + felt * (rise / 4.0).clamp(0, 1) ** 0.5, torch.zeros_like(skin)
    )
    hair = torch.where((hat > 0) & (rise > -2), torch.minimum(hair, hat - 1.0), hair)
    return hair, hat, depth


def build_heads(b: Batch, canon: Canon, details: Tensor, modes: Tensor, bank: Tensor, size: int) -> Heads:
    """Maps for a batch of parameters; `size` is M, the side of the maps. Everything lives on the parameters' device."""
    device = canon.radius.device
    motion = combine(b["modes"], modes)
    motion = (
        F.interpolate(motion, size=(size, size), mode="bilinear", align_corners=True) if size != MODE_SIZE else motion
    )
    u, v = (t.to(device) for t in disc_grid(size))
    n = motion.shape[0]
    us, vs = u - motion[:, 0], v - motion[:, 1]
    xyz = look_up(canon.xyz[None], us, vs)
    x, y, z = xyz.unbind(1)
    yc, deep = close_mouth(b, x, y)
    front = torch.sigmoid((z - 40) / 5)
    # Undo the mouth in disc coordinates: near the lips one millimetre up is almost constant in v.
    vs_closed = vs + (yc - y) * front * 0.00515
    own = canon.radius[None] + torch.einsum("nd,dhw->nhw", detail_weights(b), details)
    skin = look_up(own[:, None], us, vs_closed)[:, 0] + motion[:, 2]
    skin = skin - 9.0 * (deep * 0.45).clamp(0, 1) * front
    beard, moustache = beard_region(b, x, yc, z)
    length = column(b["beard_mm"])
    grown = column(b["beard"]) * (beard / 20).clamp(0, 1) * length * (1 + 0.8 * torch.sigmoid((-95 - y) / 6))
    grown = grown + column(b["moustache"]) * (moustache / 4).clamp(0, 1) * length.clamp_max(4.0) * front
    skin = skin + grown
    d = from_disc(u, v)
    hair, hat, depth = hair_thickness(b, bank, xyz, d, skin)
    outer = torch.maximum(hair, hat)
    radius = torch.maximum(skin, outer)
    points = torch.stack([k * radius for k in d], 1)
    du = points[:, :, :, 2:] - points[:, :, :, :-2]
    dv = points[:, :, 2:] - points[:, :, :-2]
    du, dv = F.pad(du, (1, 1, 0, 0), mode="replicate"), F.pad(dv, (0, 0, 1, 1), mode="replicate")
    normal = torch.stack(
        (
            du[:, 1] * dv[:, 2] - du[:, 2] * dv[:, 1],
            du[:, 2] * dv[:, 0] - du[:, 0] * dv[:, 2],
            du[:, 0] * dv[:, 1] - du[:, 1] * dv[:, 0],
        ),
        1,
    )
    normal = normal * torch.rsqrt((normal * normal).sum(1, keepdim=True).clamp_min(1e-12))
    features = torch.cat(
        (
            normal,
            occlusion(radius)[:, None],
            torch.stack((hair - skin, hat - torch.maximum(hair, skin), motion[:, 0], motion[:, 1], depth), 1),
        ),
        1,
    )
    assert features.shape[:2] == (n, FEATURES)
    return Heads(radius[:, None], features, skin[:, None], motion[:, :2].contiguous(), canon, (u, v))


def occlusion(radius: Tensor) -> Tensor:
    """How open each place is to the sky, 0..1, from how far it lies below its neighbourhood. radius (N, M, M)."""
    size = radius.shape[-1]
    small = F.avg_pool2d(radius[:, None], 2)
    near = F.avg_pool2d(small, 7, 1, 3, count_include_pad=False)
    wide = F.avg_pool2d(near, 15, 1, 7, count_include_pad=False)
    hollow = (near - small).clamp(-1, 8) * 0.13 + (wide - small).clamp(-3, 14) * 0.028
    return F.interpolate(torch.exp(-hollow.clamp_min(-0.08)), size=(size, size), mode="bilinear", align_corners=False)[
        :, 0
    ]
