"""What is not the head's own surface: ears, neck, clothes, glasses, hat brims. Each gives depth, normal, colour and
label to the image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .anatomy import CENTRE
from .noise import CLOUD, FINE, read_noise
from .parts import CLOTH, GLASSES, HAT, LEFT_EAR, NECK, RIGHT_EAR
from .raycast import FAR, Vec, quadric
from .skin import colour
from .surface import Batch, column

FIELDS = ("depth", "normal", "albedo", "open", "shine", "fleshy", "ids")


@dataclass
class Layers:
    """The image so far: nearest depth (N,S,S), camera-frame normal and albedo (N,3,S,S), occlusion, shininess, skin
    share, ids."""

    depth: Tensor
    normal: Tensor
    albedo: Tensor
    open: Tensor
    shine: Tensor
    fleshy: Tensor
    ids: Tensor

    def put(
        self,
        depth: Tensor,
        normal: Tensor,
        albedo: Tensor,
        open: Tensor | float,
        shine: float,
        fleshy: Tensor | float,
        ids: Tensor | int,
    ) -> None:
        """Lay a surface where it is nearer than what is there. normal (N,3,S,S) in the camera frame."""
        near = depth < self.depth
        wide = near[:, None]
        self.depth = torch.where(near, depth, self.depth)
        self.normal = torch.where(wide, normal, self.normal)
        self.albedo = torch.where(wide, albedo, self.albedo)
        self.open = torch.where(near, open, self.open)
        self.shine = torch.where(near, shine, self.shine)
        self.fleshy = torch.where(near, fleshy, self.fleshy)
        self.ids = torch.where(near, ids, self.ids).to(torch.uint8)


def turned(normal: Vec, turn: Tensor) -> Tensor:
    """Normals of a turned frame, normalised, in the camera frame: (N, 3, S, S)."""
    n = torch.stack(torch.broadcast_tensors(*normal), 1)
    n = n * torch.rsqrt((n * n).sum(1, keepdim=True).clamp_min(1e-9))
    return torch.einsum("nij,njhw->nihw", turn, n)


def at(origin: Vec, way: Vec, depth: Tensor) -> Vec:
    t = depth.clamp_max(1e4)
    return tuple(o + w * t for o, w in zip(origin, way, strict=True))


def add_ears(layers: Layers, b: Batch, origin: Vec, way: Vec, turn: Tensor) -> None:
    """Two flat ellipsoids with helix and concha drawn into normal and shade. Rays in the head frame around CENTRE."""
    size, out = column(b["ear_size"]), column(b["ear_out"])
    wide = column(b["modes"][:, 0]) * 0.035 + 1
    for side, label in ((-1.0, LEFT_EAR), (1.0, RIGHT_EAR)):
        s, c = torch.sin(out), torch.cos(out)
        first: Vec = (side * s, -0.20 * torch.ones_like(s), -c)
        norm = torch.sqrt(first[0] ** 2 + first[1] ** 2 + first[2] ** 2)
        first = tuple(f / norm for f in first)
        third = (side * c, torch.zeros_like(s), s)
        second: Vec = (
            first[1] * third[2] - first[2] * third[1],
            first[2] * third[0] - first[0] * third[2],
            first[0] * third[1] - first[1] * third[0],
        )
        flip = torch.sign(second[1])
        second = tuple(k * flip for k in second)
        centre = (
            side * 71.5 * wide + first[0] * 13 * size,
            -14 - CENTRE[1] + 0 * s,
            4 - CENTRE[2] + first[2] * 13 * size,
        )
        axes, radii = (first, second, third), (17.5, 32.0, 7.0)
        o = tuple(
            sum((origin[k] - centre[k]) * axis[k] for k in range(3)) / (r * size)
            for axis, r in zip(axes, radii, strict=True)
        )
        w = tuple(sum(way[k] * axis[k] for k in range(3)) / (r * size) for axis, r in zip(axes, radii, strict=True))
        t = quadric(o, w, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        a, up, thick = at(o, w, t)
        egg = (a / (0.80 + 0.26 * up)) ** 2 + up * up
        t = torch.where(egg < 1, t, torch.full_like(t, FAR))
        rho = torch.sqrt(egg.clamp_min(1e-6))
        groove = torch.exp(-(((rho - 0.70) / 0.10) ** 2)) * torch.sigmoid((up + 0.35) * 8)
        bowl = torch.exp(-(((a + 0.28) / 0.36) ** 2) - (((up + 0.12) / 0.34) ** 2))
        slope = (torch.exp(-(((rho - 0.58) / 0.09) ** 2)) - torch.exp(-(((rho - 0.82) / 0.09) ** 2))) * 0.9
        local = (a / radii[0] * 3 + slope * a / rho, up / radii[1] * 3 + slope * up / rho, thick / radii[2] * 5)
        normal = tuple(local[0] * axes[0][k] + local[1] * axes[1][k] + local[2] * axes[2][k] for k in range(3))
        shade = (1 - 0.45 * groove - 0.60 * bowl).clamp(0.2, 1)
        flush = torch.stack((torch.ones_like(rho), 0.90 - 0.08 * rho, 0.90 - 0.08 * rho), 1)
        layers.put(t, turned(normal, turn), colour(b["skin"]) * flush, shade, 0.25, 1.0, label)


def add_body(layers: Layers, b: Batch, bank: Tensor, origin: Vec, way: Vec, turn: Tensor) -> None:
    """Neck and clothed shoulders, in the body's frame around CENTRE."""
    y_up = -CENTRE[1]
    wide = column(b["neck_wide"])
    neck = quadric(
        origin,
        way,
        (0.0, -92.0 + y_up, -24.0 - CENTRE[2]),
        (1 / (53.0 * wide) ** 2, -1 / 100.0**2, 1 / (54.0 * wide) ** 2),
    )
    x, y, z = at(origin, way, neck)
    neck = torch.where((y < -58 + y_up) & (y > -230 + y_up), neck, torch.full_like(neck, FAR))
    lean = (y + 92.0 - y_up) / 100.0**2
    normal = (x / (53.0 * wide) ** 2, -lean, (z + 24.0 + CENTRE[2]) / (54.0 * wide) ** 2)
    height = y - y_up
    cord = torch.exp(-(((x.abs() - 22 - 0.22 * (height + 175)) / 6.0) ** 2)) * 0.004 * torch.sign(x)
    normal = (normal[0] + cord, normal[1], normal[2])
    skin = colour(b["skin"]) * skin_like(x)
    cut = column(b["neckline"]) + column(b["neckline_v"]) * x.abs() + 0.9 * (x.abs() - 60).clamp_min(0)
    dressed = height < cut
    cloth, weave = weave_cloth(b, bank, x, height, z)
    fall = torch.sigmoid((-(height + 124)) / 13)
    put_neck = torch.where(dressed[:, None], cloth, skin)
    layers.put(
        neck,
        turned(normal, turn),
        put_neck,
        0.42 + 0.58 * fall,
        0.15,
        (~dressed).float(),
        torch.where(dressed, CLOTH, NECK),
    )
    radius = column(b["shoulder"])
    torso = quadric(origin, way, (0.0, -300.0 + y_up, -38.0 - CENTRE[2]), (1 / radius**2, 1 / 150.0**2, 1 / 100.0**2))
    x, y, z = at(origin, way, torso)
    height = y - y_up
    cloth, weave = weave_cloth(b, bank, x, height, z)
    cut = column(b["neckline"]) + column(b["neckline_v"]) * x.abs() + 0.9 * (x.abs() - 60).clamp_min(0)
    dressed = height < cut
    normal = (x / radius**2, (height + 300) / 150.0**2, (z + 38.0 + CENTRE[2]) / 100.0**2)
    fold = weave * 0.0011 * dressed
    normal = (normal[0] + fold, normal[1], normal[2] + fold)
    collar = torch.exp(-(((height - cut) / 3.0) ** 2)) * (~dressed)
    albedo = torch.where(dressed[:, None], cloth, colour(b["skin"]) * skin_like(x) * (1 - 0.35 * collar[:, None]))
    layers.put(torso, turned(normal, turn), albedo, 0.95, 0.08, (~dressed).float(), torch.where(dressed, CLOTH, NECK))


def skin_like(x: Tensor) -> Tensor:
    return x.new_tensor([1.0, 0.95, 0.93]).view(1, 3, 1, 1)


def weave_cloth(b: Batch, bank: Tensor, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Cloth colour (N,3,S,S) and its folds: plain, stripes, checks or mottled."""
    step, kind = column(b["cloth_scale"]), column(b["cloth_pattern"])
    fine, folds = read_noise(
        bank, x / 260.0 + column(b["hair_shift"][:, 0]), (y - z) / 260.0 + column(b["hair_shift"][:, 1]), (FINE, CLOUD)
    )
    stripe = (torch.sin((y - 0.4 * z) * 6.2832 / step) > 0).float()
    check = torch.maximum(stripe, (torch.sin(x * 6.2832 / step) > 0).float())
    amount = torch.where(
        kind == 1,
        stripe,
        torch.where(kind == 2, check, torch.where(kind == 3, (folds > 0.6).float(), torch.zeros_like(x))),
    )
    rgb = torch.lerp(
        colour(b["cloth_rgb"]).expand(-1, -1, *x.shape[1:]),
        colour(b["cloth_rgb2"]).expand(-1, -1, *x.shape[1:]),
        amount[:, None],
    )
    return rgb * (1 + 0.06 * fine + 0.05 * folds)[:, None], folds


def add_brim(layers: Layers, b: Batch, origin: Vec, way: Vec, turn: Tensor) -> None:
    """The visor of a cap or the brim of a hat: a sloping plane, cut to shape."""
    y_up, z_up = -CENTRE[1], -CENTRE[2]
    cap = column(b["hat_cap"]) > 0.5
    fall = torch.where(cap, 0.42, 0.06)
    level = column(b["hat_line"]) + 1.5 + y_up
    ahead = torch.where(cap, 70.0, 5.0) + z_up
    t = (
        (level - fall * (origin[2] - ahead) - origin[1])
        / (way[1] + fall * way[2]).abs().clamp_min(1e-4)
        * torch.sign(way[1] + fall * way[2])
    )
    x, _, z = at(origin, way, t)
    visor = ((x / 72.0) ** 2 + ((z - ahead) / column(b["hat_brim"])) ** 2 < 1) & (z > ahead - 8)
    ring = (x / (80.0 + column(b["hat_brim"]))) ** 2 + ((z - ahead + 10) / (98.0 + column(b["hat_brim"]))) ** 2 < 1
    there = torch.where(cap, visor, ring) & (column(b["hat_brim"]) > 0) & (t > 0)
    t = torch.where(there, t, torch.full_like(t, FAR))
    facing = -torch.sign(way[1] + fall * way[2])
    normal = (torch.zeros_like(x), facing, facing * fall)
    layers.put(t, turned(normal, turn), colour(b["hat_rgb"]) * 0.85 + 0 * layers.albedo, 0.8, 0.08, 0.0, HAT)


def add_glasses(layers: Layers, b: Batch, origin: Vec, way: Vec, turn: Tensor, eyes: Tensor, bridge: Tensor) -> Tensor:
    """Frames and dark lenses in front of the eyes; returns how much clear glass (N,S,S) lies before each pixel.

    eyes (N, 2, 3) and bridge (N, 3) in the head frame around CENTRE.
    """
    middle = (eyes[:, 0] + eyes[:, 1]) / 2
    apart = (eyes[:, 1, 0] - eyes[:, 0, 0]) / 2
    ahead = column(torch.maximum(bridge[:, 2] + 2.0, middle[:, 2] + 25.0))
    bend = 1 / 190.0
    t = (ahead - origin[2]) / way[2].clamp_max(-0.05)
    for _ in range(3):
        x = origin[0] + way[0] * t - column(middle[:, 0])
        t = (ahead - bend * (x * x).clamp_max(6400.0) - origin[2]) / way[2].clamp_max(-0.05)
    x, y, z = at(origin, way, t)
    x, y = x - column(middle[:, 0]), y - column(middle[:, 1]) + 2.5
    half_w, half_h, rim = column(b["lens_w"]), column(b["lens_h"]), column(b["rim_mm"])
    half_w = torch.minimum(half_w, column(apart) * 1.7) * 0.98
    dx = (x.abs() - column(apart) - 1.0) / half_w
    power = 4.2 - 2.2 * column(b["lens_round"])
    ring = (dx.abs() ** power + (y / half_h).abs().clamp_min(1e-3) ** power) ** (1 / power)
    field = (ring - 1) * half_h
    frame = field.abs() < rim * 0.6
    bar = ((y - 4.5 + 0.02 * x * x).abs() < rim * 0.6 + 0.4) & (x.abs() < column(apart) + 1 - half_w)
    lug = ((y - 0.45 * half_h).abs() < rim * 0.8 + 0.6) & (x.abs() > column(apart) + half_w) & (x.abs() < 77)
    facing = way[2] < -0.05
    wearing = (column(b["glasses"]) > 0.5) & facing
    solid = (frame | bar | lug) & wearing
    tilt = (2 * bend * x, torch.zeros_like(x), torch.ones_like(x))
    normal = turned(tilt, turn)
    rim_rgb = colour(b["rim_rgb"]) + 0 * layers.albedo
    far = torch.full_like(t, FAR)
    layers.put(torch.where(solid, t, far), normal, rim_rgb, 1.0, 0.9, 0.0, GLASSES)
    lens = (field < 0) & wearing & (t < layers.depth + 1)
    dark = (column(b["lens_dark"]) > 0) & lens
    tint = (
        colour(b["lens_tint"])
        * (1.15 - column(b["lens_dark"]))[:, None]
        * (1 + 0.5 * (y / half_h)[:, None].clamp(-1, 1))
        + layers.albedo * (1 - column(b["lens_dark"]))[:, None] * 0.4
    )
    layers.put(torch.where(dark, t, far), normal, tint, 1.0, 0.5, 0.0, GLASSES)
    for side in (-1.0, 1.0):
        edge = side * 76.5 * (1 + 0.03 * column(b["modes"][:, 0]))
        t_arm = (edge - origin[0]) / torch.where(way[0].abs() < 1e-4, torch.full_like(way[0], 1e-4), way[0])
        _, y, z = at(origin, way, t_arm)
        arm = (
            ((y - column(middle[:, 1]) + 2.5 - 0.45 * half_h + 0.04 * (ahead - 22 - z)).abs() < rim * 0.55 + 0.6)
            & (z < ahead - 22)
            & (z > -18)
            & (column(b["glasses"]) > 0.5)
            & (t_arm > 0)
        )
        layers.put(
            torch.where(arm, t_arm, far),
            torch.where(way[0][:, None] * side < 0, 1.0, -1.0) * turned((torch.full_like(x, side), 0 * x, 0 * x), turn),
            rim_rgb,
            1.0,
            0.6,
            0.0,
            GLASSES,
        )
    return lens & ~dark
