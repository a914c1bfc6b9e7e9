"""One batch of animals: head, ears and body before the camera, painted and lit. Linear light out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..synthetic_faces import raycast
from ..synthetic_faces.anatomy import sample_map, to_disc
from ..synthetic_faces.fields import Batch, per_sample, soft_edge
from ..synthetic_faces.light import shade
from ..synthetic_faces.packed_rays import PackedRays
from ..synthetic_faces.raycast import FAR, Vec
from .cat_eyes import paint_eyes
from .coat import paint_bare, paint_coat, paint_ear, strands
from .ears import Ear, foot_point, intersect_ear, place_ear
from .features import MOUTH_Y, MUZZLE_Y, NOSE_Y, find_features, mouth_line
from .label_sets import ANIMAL_POINTS, BODY, HEAD, LEFT_EAR, RIGHT_EAR
from .skull import Skull, build_skull, cast_shadow, ellipsoid, lift, march, on_surface, unit
from .whiskers import render_whiskers

_BODY = (((0.0, -46.0, -26.0), (42.0, 42.0, 36.0)), ((0.0, -116.0, -34.0), (74.0, 80.0, 54.0)))  # centres, half axes
_EAR_REACH = 1.7  # an ear goes on inside the head, by its height


@dataclass(frozen=True)
class Scene:
    """light (N, 3, S, S) linear; ids (N, S, S) uint8; depth (N, S, S), FAR on the background; points (N, 24, 2) pixels;
    point_depth (N, 24)."""

    light: Tensor
    ids: Tensor
    depth: Tensor
    points: Tensor
    point_depth: Tensor


@dataclass
class Layers:
    """What each ray (N, S, S) meets: depth, normal in the head frame, id, and on ears mm below the tip, place across,
    and whether the hollow side shows."""

    depth: Tensor
    normal: Tensor
    ids: Tensor
    below: Tensor
    across: Tensor
    inner: Tensor


def place_points(b: Batch, skull: Skull, ears: tuple[Ear, Ear]) -> Tensor:
    """ANIMAL_POINTS of each animal, (N, 24, 3) in the head frame."""
    zero = torch.zeros_like(b["wide"])
    half, tilt = b["eye_half"], b["eye_tilt"]
    corner = b["mouth_half"] * 0.97
    lip = mouth_line(b, per_sample(corner))[:, 0, 0]
    flat = {"mouth": (zero, zero + MOUTH_Y), "nose_tip": (zero, zero + NOSE_Y - 1.0), "forehead": (zero, zero + 27.0)}
    flat["chin"] = (zero, -34.0 - 0.5 * b["mouth_open"])
    for name, side in (("left", -1.0), ("right", 1.0)):
        flat[f"{name}_eye"] = (side * b["eye_x"], b["eye_y"])
        flat[f"{name}_eye_outer"] = (side * (b["eye_x"] + half * tilt.cos()), b["eye_y"] + half * tilt.sin())
        flat[f"{name}_eye_inner"] = (side * (b["eye_x"] - half * tilt.cos()), b["eye_y"] - half * tilt.sin())
        flat[f"{name}_nose"] = (side * b["nose_half"] * 0.9, NOSE_Y - 0.28 * b["nose_tall"])
        flat[f"{name}_mouth_corner"] = (side * corner, lip)
        flat[f"{name}_muzzle"] = (side * b["muzzle_wide"] * 0.97, zero + MUZZLE_Y)
    names = list(flat)
    x, y = (torch.stack([flat[k][i] for k in names], 1) for i in (0, 1))
    placed = dict(zip(names, lift(b, skull, x, y).unbind(1), strict=True))
    for ear, name in zip(ears, ("left", "right"), strict=True):
        placed[f"{name}_ear_tip"] = ear.tip
        placed[f"{name}_ear_outer"] = foot_point(b, skull, ear, ear.side)
        placed[f"{name}_ear_inner"] = foot_point(b, skull, ear, -ear.side)
        cheek = torch.stack((zero + ear.side, zero - 0.36, zero + 0.42), 1)
        placed[f"{name}_cheek"] = on_surface(skull, cheek[:, None])[:, 0]
    return torch.stack([placed[k] for k in ANIMAL_POINTS.points], 1)


def frame(camera: Tensor, b: Batch, size: int, framing: float) -> Tensor:
    """The view (N, 3) in which the box of camera-frame points is `framing` times smaller than the image."""
    slope = camera[..., :2] / (b["distance"][:, None, None] - camera[..., 2:])
    low, high = slope.amin(1), slope.amax(1)
    pixels = size / ((high - low).amax(1) * framing * b["crop_scale"])
    middle = (low + high) / 2 * pixels[:, None]
    centre = (size - 1) / 2 + b["crop_shift"] * size
    return torch.stack((pixels, centre[:, 0] - middle[:, 0], centre[:, 1] + middle[:, 1]), 1)


def draw(b: Batch, bank: Tensor, behind: Tensor, size: int, samples: int, framing: float) -> Scene:
    """Draw a batch with samples x samples rays before `behind` (N, 3, samples, samples)."""
    skull = build_skull(b, bank)
    ears = (place_ear(b, -1.0), place_ear(b, 1.0))
    rotation = raycast.rotation_matrix(b["yaw"], b["pitch"], b["roll"])
    camera = place_points(b, skull, ears) @ rotation.transpose(1, 2)
    view = frame(camera, b, size, framing)
    slopes = raycast.pixel_slopes(view, size, samples)
    origin, direction = raycast.rays(rotation, b["distance"], slopes)
    layers = _intersect_head(b, skull, rotation, view, size, samples, origin, direction)
    for ear, name in zip(ears, (LEFT_EAR, RIGHT_EAR), strict=True):
        _intersect_ear(layers, b, ear, rotation, slopes, origin, direction, name)
    _intersect_body(layers, b, rotation, slopes)
    rays = PackedRays(layers.ids > 0)
    packed = tuple(rays.take(w) for w in direction)
    mm = rays.take(per_sample(size / samples * b["distance"] / view[:, 0]).expand_as(layers.depth))
    light = rays.put(_paint(b, bank, skull, rotation, layers, rays, origin, packed, mm), behind)
    hairs = render_whiskers(b, skull, rotation, view, size, layers.depth)
    bright = torch.where(b["whisker_dark"] > 0, 0.03, 0.85)[:, None, None, None]
    glow = bright * (0.55 * b["sh"][:, 0] + 0.5 * b["key_rgb"])[:, :, None, None]
    light = torch.lerp(light, glow.expand_as(light), 0.75 * hairs[:, None])
    points = raycast.project(camera, b["distance"], view)
    return Scene(light, layers.ids, layers.depth, points, b["distance"][:, None] - camera[..., 2])


def _intersect_head(
    b: Batch, skull: Skull, rotation: Tensor, view: Tensor, size: int, samples: int, origin: Vec, direction: Vec
) -> Layers:
    start = raycast.first_depth(skull.points, rotation, b["distance"], view, size, samples)
    pack = PackedRays(start < FAR * 0.5)
    packed = tuple(pack.take(w) for w in direction)
    depth = march(skull, origin, packed, pack.take(start))
    p = tuple(o + w * depth.clamp_max(1e4) for o, w in zip(origin, packed, strict=True))
    length = torch.sqrt(p[0] ** 2 + p[1] ** 2 + p[2] ** 2)
    normal = sample_map(skull.relief[:, :3], *to_disc(p[0], p[1], p[2], length))
    empty = torch.zeros_like(start)
    depth = pack.put(depth, FAR)
    ids = torch.where(depth < FAR, HEAD, 0).to(torch.uint8)
    return Layers(depth, pack.put(unit(normal)), ids, empty, empty, empty)


def _intersect_ear(
    layers: Layers,
    b: Batch,
    ear: Ear,
    rotation: Tensor,
    slopes: tuple[Tensor, Tensor],
    origin: Vec,
    direction: Vec,
    name: int,
) -> None:
    middle = ((ear.tip - ear.axes[:, 1] * (0.6 * b["ear_tall"])[:, None])[:, None] @ rotation.transpose(1, 2))[:, 0]
    away = b["distance"] - middle[:, 2]
    dx, dy = slopes[0] - per_sample(middle[:, 0] / away), slopes[1] - per_sample(middle[:, 1] / away)
    near = PackedRays(dx * dx + dy * dy < per_sample((0.95 * b["ear_tall"] / away) ** 2))
    hit = intersect_ear(ear, _EAR_REACH * b["ear_tall"], origin, tuple(near.take(w) for w in direction))
    nearer = hit.depth < near.take(layers.depth)

    def lay(old: Tensor, new: Tensor) -> Tensor:
        packed = near.take(old)
        return near.put(torch.where(nearer[:, None] if old.dim() == 4 else nearer, new, packed), old)

    layers.ids = lay(layers.ids, torch.full_like(near.take(layers.ids), name))
    layers.normal = lay(layers.normal, hit.normal)
    layers.below, layers.across = lay(layers.below, hit.below), lay(layers.across, hit.across)
    layers.inner = lay(layers.inner, hit.inner.float())
    layers.depth = lay(layers.depth, hit.depth)


def _intersect_body(layers: Layers, b: Batch, rotation: Tensor, slopes: tuple[Tensor, Tensor]) -> None:
    """Neck and chest: two ellipsoids that follow the head's turn part of the way."""
    follow = b["body_follow"]
    body_rotation = raycast.rotation_matrix(b["yaw"] * follow, b["pitch"] * 0.2, b["roll"] * 0.35)
    low = PackedRays(per_sample(b["distance"]) * (slopes[1] - 0.35 * slopes[0].abs()) < 5.0)
    origin, direction = raycast.rays(body_rotation, b["distance"], slopes)
    direction = tuple(low.take(w) for w in direction)
    best = low.take(layers.depth)
    normal, nearer = low.take(layers.normal), torch.zeros_like(best, dtype=torch.bool)
    for centre, axes in _BODY:
        inverse = tuple(1 / r**2 for r in axes)
        t = raycast.quadric(origin, direction, centre, inverse)
        p = torch.stack([(o + w * t - c) * k for o, w, c, k in zip(origin, direction, centre, inverse, strict=True)], 1)
        # Into the head frame, where everything is painted and lit.
        rotated = torch.einsum("nij,njhw->nihw", rotation.transpose(1, 2) @ body_rotation, unit(p))
        nearer |= t < best
        best, normal = torch.where(t < best, t, best), torch.where((t < best)[:, None], rotated, normal)
    ids = torch.where(nearer, torch.full_like(nearer, BODY, dtype=torch.uint8), low.take(layers.ids))
    layers.depth, layers.normal = low.put(best, layers.depth), low.put(normal, layers.normal)
    layers.inner = low.put(torch.where(nearer, 0.0, low.take(layers.inner)), layers.inner)
    layers.ids = low.put(ids, layers.ids)


def _paint(
    b: Batch,
    bank: Tensor,
    skull: Skull,
    rotation: Tensor,
    layers: Layers,
    rays: PackedRays,
    origin: Vec,
    direction: Vec,
    mm: Tensor,
) -> Tensor:
    """Light (N, 3, 1, K) from the packed rays; writes the head's parts into layers.ids."""
    depth, ids = rays.take(layers.depth), rays.take(layers.ids)
    normal = rays.take(layers.normal)
    p = tuple(o + w * depth for o, w in zip(origin, direction, strict=True))
    length = torch.sqrt(p[0] ** 2 + p[1] ** 2 + p[2] ** 2)
    head, body = ids == HEAD, (ids == BODY).float()
    ear = ((ids == LEFT_EAR) | (ids == RIGHT_EAR)).float()
    shrink = torch.where(head, ellipsoid(b, *p), torch.ones_like(length))
    x, y, z = (k * shrink for k in p)
    place = (x, y, z)
    parts = find_features(b, x, y, z)
    short = soft_edge(parts.muzzle + 6.0, 10.0) * head
    fur = paint_coat(b, bank, place, ear, body) * strands(b, bank, place, short, body)[:, None]
    below, across, inner = (rays.take(t) for t in (layers.below, layers.across, layers.inner))
    fur, open_ear = paint_ear(b, bank, fur, below, across, inner)
    open_head = sample_map(skull.relief[:, 3:], *to_disc(p[0], p[1], p[2], length))[:, 0]
    # The chest lies under the chin's roof.
    ambient = torch.where(
        head, open_head, torch.where(body > 0, 0.45 + 0.55 * soft_edge(length - 70.0, 60.0), open_ear)
    )
    bare, wet = paint_bare(b, bank, fur, place, parts, mm)
    key = torch.einsum("nij,ni->nj", rotation, b["key_dir"])
    ball, glint = paint_eyes(b, bank, x, parts, key, mm)
    eye = soft_edge(parts.eye, (1.1 * mm).clamp_min(0.4)) * head
    albedo = torch.where(head[:, None], torch.lerp(bare, ball, eye[:, None]), fur)
    shine = torch.where(head, torch.maximum(0.55 * wet, 0.05 * (1 - wet)) * (1 - eye) + 0.3 * eye, 0.04)
    lit = cast_shadow(skull, p, key, b["shadow_soft"])
    lit = torch.where(inner > 0, 0.5 + 0.5 * lit, 1 - per_sample(b["shadow_dark"]) * (1 - lit))
    world = torch.einsum("nij,njhw->nihw", rotation, normal)
    toward = torch.einsum("nij,njhw->nihw", rotation, -torch.stack([w.expand_as(depth) for w in direction], 1))
    toward = unit(toward)
    # Light goes a little way into fur, further into the thin ears and the nose.
    skin_share = torch.where(head, 0.15 + 0.35 * wet, 0.15 + 0.25 * inner) * (1 - eye)
    light = shade(b, albedo, world, toward, ambient, lit, shine, skin_share)
    light = light + (glint * eye)[:, None] * (0.4 * b["sh"][:, 0] + 0.6 * b["key_rgb"])[:, :, None, None]
    layers.ids = rays.put(torch.where(head, parts.ids.to(torch.uint8), ids), layers.ids)
    return light
