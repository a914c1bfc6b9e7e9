"""Render a batch of animals: head, ears and body in front of the camera, painted and lit. All light is linear."""

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
_EAR_REACH = 1.7  # an ear continues inside the head; total length divided by its height


@dataclass(frozen=True)
class Scene:
    """What the camera records of N animals, at S x S rays.

    Attributes:
        light: (N, 3, S, S) linear RGB.
        ids: (N, S, S) uint8, class ids of ANIMAL_PARTS.
        depth: (N, S, S) depth in mm, FAR on the background.
        points: (N, 24, 2) pixels.
        point_depth: (N, 24) depth in mm.
    """

    light: Tensor
    ids: Tensor
    depth: Tensor
    points: Tensor
    point_depth: Tensor


@dataclass
class Layers:
    """The nearest surface on each of N x S x S rays.

    Attributes:
        depth: (N, S, S) mm from the camera.
        normal: (N, 3, S, S) unit normals in the head frame.
        ids: (N, S, S) class ids of ANIMAL_PARTS.
        below: (N, S, S) on ears: mm below the tip.
        across: (N, S, S) on ears: -1 at the inner rim, 1 at the outer rim.
        inner: (N, S, S) on ears: 1 on the hollow side, else 0.
    """

    depth: Tensor
    normal: Tensor
    ids: Tensor
    below: Tensor
    across: Tensor
    inner: Tensor


def place_points(b: Batch, skull: Skull, ears: tuple[Ear, Ear]) -> Tensor:
    """Compute the landmarks ANIMAL_POINTS in 3D.

    Args:
        b: Parameters of N animals.
        skull: Surface maps.
        ears: The left and the right ear.

    Returns:
        (N, 24, 3) in the head frame, mm.
    """
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
    """Compute the camera view that puts the box around the points into the image.

    Args:
        camera: Points (N, K, 3) in the frame of the camera, mm.
        b: Parameters of N animals: ``distance``, ``crop_scale``, ``crop_shift``.
        size: Side of the image in pixels.
        framing: Side of the image divided by the side of the box.

    Returns:
        (N, 3): pixels per unit slope, then the pixel (x, y) of the optical axis.
    """
    slope = camera[..., :2] / (b["distance"][:, None, None] - camera[..., 2:])
    low, high = slope.amin(1), slope.amax(1)
    pixels = size / ((high - low).amax(1) * framing * b["crop_scale"])
    middle = (low + high) / 2 * pixels[:, None]
    centre = (size - 1) / 2 + b["crop_shift"] * size
    return torch.stack((pixels, centre[:, 0] - middle[:, 0], centre[:, 1] + middle[:, 1]), 1)


def render_scene(b: Batch, bank: Tensor, background: Tensor, size: int, samples: int, framing: float) -> Scene:
    """Render a batch of animals.

    Args:
        b: Parameters of N animals.
        bank: Noise from ``noise_bank``.
        background: Linear light (N, 3, samples, samples).
        size: Side of the image in pixels.
        samples: Rays per axis of the image.
        framing: Side of the image divided by the side of the box around the points.

    Returns:
        Light, class ids, depth and points.
    """
    skull = build_skull(b, bank)
    ears = (place_ear(b, -1.0), place_ear(b, 1.0))
    rotation = raycast.rotation_matrix(b["yaw"], b["pitch"], b["roll"])
    camera = place_points(b, skull, ears) @ rotation.transpose(1, 2)
    view = frame(camera, b, size, framing)
    slopes = raycast.pixel_slopes(view, size, samples)
    origin, direction = raycast.rays(rotation, b["distance"], slopes)
    layers = _intersect_head(b, skull, rotation, view, size, samples, origin, direction)
    for ear, class_id in zip(ears, (LEFT_EAR, RIGHT_EAR), strict=True):
        _intersect_ear(layers, b, ear, rotation, slopes, origin, direction, class_id)
    _intersect_body(layers, b, rotation, slopes)
    rays = PackedRays(layers.ids > 0)
    packed = tuple(rays.take(w) for w in direction)
    mm = rays.take(per_sample(size / samples * b["distance"] / view[:, 0]).expand_as(layers.depth))
    light = rays.put(_paint(b, bank, skull, rotation, layers, rays, origin, packed, mm), background)
    hairs = render_whiskers(b, skull, rotation, view, size, layers.depth)
    bright = torch.where(b["whisker_dark"] > 0, 0.03, 0.85)[:, None, None, None]
    glow = bright * (0.55 * b["sh"][:, 0] + 0.5 * b["key_rgb"])[:, :, None, None]
    light = torch.lerp(light, glow.expand_as(light), 0.75 * hairs[:, None])
    points = raycast.project(camera, b["distance"], view)
    return Scene(light, layers.ids, layers.depth, points, b["distance"][:, None] - camera[..., 2])


def _intersect_head(
    b: Batch, skull: Skull, rotation: Tensor, view: Tensor, size: int, samples: int, origin: Vec, direction: Vec
) -> Layers:
    """Intersect all rays with the head; return the first layers."""
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
    class_id: int,
) -> None:
    """Add an ear to the layers; ``class_id`` is its class in ANIMAL_PARTS."""
    middle = ((ear.tip - ear.axes[:, 1] * (0.6 * b["ear_tall"])[:, None])[:, None] @ rotation.transpose(1, 2))[:, 0]
    away = b["distance"] - middle[:, 2]
    dx, dy = slopes[0] - per_sample(middle[:, 0] / away), slopes[1] - per_sample(middle[:, 1] / away)
    near = PackedRays(dx * dx + dy * dy < per_sample((0.95 * b["ear_tall"] / away) ** 2))
    hit = intersect_ear(ear, _EAR_REACH * b["ear_tall"], origin, tuple(near.take(w) for w in direction))
    nearer = hit.depth < near.take(layers.depth)

    def write(old: Tensor, new: Tensor) -> Tensor:
        packed = near.take(old)
        return near.put(torch.where(nearer[:, None] if old.dim() == 4 else nearer, new, packed), old)

    layers.ids = write(layers.ids, torch.full_like(near.take(layers.ids), class_id))
    layers.normal = write(layers.normal, hit.normal)
    layers.below, layers.across = write(layers.below, hit.below), write(layers.across, hit.across)
    layers.inner = write(layers.inner, hit.inner.float())
    layers.depth = write(layers.depth, hit.depth)


def _intersect_body(layers: Layers, b: Batch, rotation: Tensor, slopes: tuple[Tensor, Tensor]) -> None:
    """Add neck and chest: two ellipsoids that follow the rotation of the head part of the way."""
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
        # All normals are kept in the head frame, where paint and light are computed.
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
    """Compute the light of the packed rays.

    Args:
        b: Parameters of N animals.
        bank: Noise from ``noise_bank``.
        skull: Surface maps.
        rotation: (N, 3, 3) from the head frame to the camera frame.
        layers: The layers; the class ids on the head are changed from HEAD to its parts.
        rays: The rays that hit an animal.
        origin: Origin of the rays (x, y, z), in the head frame.
        direction: Packed direction of the rays (x, y, z).
        mm: mm that one ray covers, packed.

    Returns:
        Linear light (N, 3, 1, K).
    """
    depth, ids = rays.take(layers.depth), rays.take(layers.ids)
    normal = rays.take(layers.normal)
    p = tuple(o + w * depth for o, w in zip(origin, direction, strict=True))
    length = torch.sqrt(p[0] ** 2 + p[1] ** 2 + p[2] ** 2)
    head, body = ids == HEAD, (ids == BODY).float()
    ear = ((ids == LEFT_EAR) | (ids == RIGHT_EAR)).float()
    shrink = torch.where(head, ellipsoid(b, *p), torch.ones_like(length))
    x, y, z = (k * shrink for k in p)
    position = (x, y, z)
    parts = find_features(b, x, y, z)
    short = soft_edge(parts.muzzle + 6.0, 10.0) * head
    fur = paint_coat(b, bank, position, ear, body) * strands(b, bank, position, short, body)[:, None]
    below, across, inner = (rays.take(t) for t in (layers.below, layers.across, layers.inner))
    fur, ear_access = paint_ear(b, bank, fur, below, across, inner)
    head_access = sample_map(skull.relief[:, 3:], *to_disc(p[0], p[1], p[2], length))[:, 0]
    # The chin shades the chest.
    ambient = torch.where(
        head, head_access, torch.where(body > 0, 0.45 + 0.55 * soft_edge(length - 70.0, 60.0), ear_access)
    )
    bare, wet = paint_bare(b, bank, fur, position, parts, mm)
    key = torch.einsum("nij,ni->nj", rotation, b["key_dir"])
    ball, glint = paint_eyes(b, bank, x, parts, key, mm)
    eye = soft_edge(parts.eye, (1.1 * mm).clamp_min(0.4)) * head
    albedo = torch.where(head[:, None], torch.lerp(bare, ball, eye[:, None]), fur)
    shine = torch.where(head, torch.maximum(0.55 * wet, 0.05 * (1 - wet)) * (1 - eye) + 0.3 * eye, 0.04)
    lit = cast_shadow(skull, p, key, b["shadow_soft"])
    lit = torch.where(inner > 0, 0.5 + 0.5 * lit, 1 - per_sample(b["shadow_dark"]) * (1 - lit))
    camera_normal = torch.einsum("nij,njhw->nihw", rotation, normal)
    to_camera = -torch.stack([w.expand_as(depth) for w in direction], 1)
    to_camera = unit(torch.einsum("nij,njhw->nihw", rotation, to_camera))
    # Light scatters a little in fur, and more in the thin ears and the nose.
    skin_share = torch.where(head, 0.15 + 0.35 * wet, 0.15 + 0.25 * inner) * (1 - eye)
    light = shade(b, albedo, camera_normal, to_camera, ambient, lit, shine, skin_share)
    light = light + (glint * eye)[:, None] * (0.4 * b["sh"][:, 0] + 0.6 * b["key_rgb"])[:, :, None, None]
    layers.ids = rays.put(torch.where(head, parts.ids.to(torch.uint8), ids), layers.ids)
    return light
