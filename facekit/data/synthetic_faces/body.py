"""What is not the head's own surface: ears, neck, clothes, glasses, hat brims. Each gives depth, normal, colour and
label to the image."""

from __future__ import annotations

import torch
from torch import Tensor

from .anatomy import CENTRE
from .face_parts import CLOTH, LEFT_EAR, NECK, RIGHT_EAR
from .fields import Batch, per_channel, per_sample
from .layers import Layers, camera_normal, points_at
from .noise import CLOUD, FINE, sample_noise
from .raycast import FAR, Vec, quadric


def add_ears(layers: Layers, b: Batch, origin: Vec, direction: Vec, rotation: Tensor) -> None:
    """Two flat ellipsoids with helix and concha drawn into normal and shade. Rays in the head frame around CENTRE."""
    size, out = per_sample(b["ear_size"]), per_sample(b["ear_out"])
    wide = per_sample(b["modes"][:, 0]) * 0.035 + 1
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
        w = tuple(
            sum(direction[k] * axis[k] for k in range(3)) / (r * size) for axis, r in zip(axes, radii, strict=True)
        )
        t = quadric(o, w, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        a, up, thick = points_at(o, w, t)
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
        layers.put(t, camera_normal(normal, rotation), per_channel(b["skin"]) * flush, shade, 0.25, 1.0, label)


def add_body(layers: Layers, b: Batch, bank: Tensor, origin: Vec, direction: Vec, rotation: Tensor) -> None:
    """Neck and clothed shoulders, in the body's frame around CENTRE."""
    y_up = -CENTRE[1]
    wide = per_sample(b["neck_wide"])
    neck = quadric(
        origin,
        direction,
        (0.0, -92.0 + y_up, -24.0 - CENTRE[2]),
        (1 / (53.0 * wide) ** 2, -1 / 100.0**2, 1 / (54.0 * wide) ** 2),
    )
    x, y, z = points_at(origin, direction, neck)
    neck = torch.where((y < -58 + y_up) & (y > -230 + y_up), neck, torch.full_like(neck, FAR))
    lean = (y + 92.0 - y_up) / 100.0**2
    normal = (x / (53.0 * wide) ** 2, -lean, (z + 24.0 + CENTRE[2]) / (54.0 * wide) ** 2)
    height = y - y_up
    cord = torch.exp(-(((x.abs() - 22 - 0.22 * (height + 175)) / 6.0) ** 2)) * 0.004 * torch.sign(x)
    normal = (normal[0] + cord, normal[1], normal[2])
    skin = per_channel(b["skin"]) * skin_like(x)
    cut = per_sample(b["neckline"]) + per_sample(b["neckline_v"]) * x.abs() + 0.9 * (x.abs() - 60).clamp_min(0)
    dressed = height < cut
    cloth, weave = weave_cloth(b, bank, x, height, z)
    fall = torch.sigmoid((-(height + 124)) / 13)
    put_neck = torch.where(dressed[:, None], cloth, skin)
    layers.put(
        neck,
        camera_normal(normal, rotation),
        put_neck,
        0.42 + 0.58 * fall,
        0.15,
        (~dressed).float(),
        torch.where(dressed, CLOTH, NECK),
    )
    radius = per_sample(b["shoulder"])
    torso = quadric(
        origin, direction, (0.0, -300.0 + y_up, -38.0 - CENTRE[2]), (1 / radius**2, 1 / 150.0**2, 1 / 100.0**2)
    )
    x, y, z = points_at(origin, direction, torso)
    height = y - y_up
    cloth, weave = weave_cloth(b, bank, x, height, z)
    cut = per_sample(b["neckline"]) + per_sample(b["neckline_v"]) * x.abs() + 0.9 * (x.abs() - 60).clamp_min(0)
    dressed = height < cut
    normal = (x / radius**2, (height + 300) / 150.0**2, (z + 38.0 + CENTRE[2]) / 100.0**2)
    fold = weave * 0.0011 * dressed
    normal = (normal[0] + fold, normal[1], normal[2] + fold)
    collar = torch.exp(-(((height - cut) / 3.0) ** 2)) * (~dressed)
    albedo = torch.where(dressed[:, None], cloth, per_channel(b["skin"]) * skin_like(x) * (1 - 0.35 * collar[:, None]))
    layers.put(
        torso,
        camera_normal(normal, rotation),
        albedo,
        0.95,
        0.08,
        (~dressed).float(),
        torch.where(dressed, CLOTH, NECK),
    )


def skin_like(x: Tensor) -> Tensor:
    return x.new_tensor([1.0, 0.95, 0.93]).view(1, 3, 1, 1)


def weave_cloth(b: Batch, bank: Tensor, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Cloth colour (N,3,S,S) and its folds: plain, stripes, checks or mottled."""
    step, kind = per_sample(b["cloth_scale"]), per_sample(b["cloth_pattern"])
    fine, folds = sample_noise(
        bank,
        x / 260.0 + per_sample(b["hair_shift"][:, 0]),
        (y - z) / 260.0 + per_sample(b["hair_shift"][:, 1]),
        (FINE, CLOUD),
    )
    stripe = (torch.sin((y - 0.4 * z) * 6.2832 / step) > 0).float()
    check = torch.maximum(stripe, (torch.sin(x * 6.2832 / step) > 0).float())
    amount = torch.where(
        kind == 1,
        stripe,
        torch.where(kind == 2, check, torch.where(kind == 3, (folds > 0.6).float(), torch.zeros_like(x))),
    )
    rgb = torch.lerp(
        per_channel(b["cloth_rgb"]).expand(-1, -1, *x.shape[1:]),
        per_channel(b["cloth_rgb2"]).expand(-1, -1, *x.shape[1:]),
        amount[:, None],
    )
    return rgb * (1 + 0.06 * fine + 0.05 * folds)[:, None], folds
