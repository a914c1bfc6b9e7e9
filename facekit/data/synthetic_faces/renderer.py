"""Render a batch of heads: surface maps, landmarks, camera, visible surfaces, light. All light is linear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from . import raycast
from .accessories import add_brim, add_glasses
from .anatomy import CENTRE, AverageHead, average_head, from_disc
from .body import add_body, add_ears
from .details import detail_maps
from .eyeballs import paint_eyes
from .face_points import place_points
from .fields import Batch, per_sample
from .head_layer import head_layer
from .layers import FIELDS, Layers
from .light import cast_shadow_factor, shade
from .noise import noise_bank
from .packed_rays import PackedRays
from .shape_modes import mode_maps
from .surface import Heads, build_heads

FRAMING_UP = 0.06
"""Height of the crop's centre above the centre of the 68 points, as a share of the crop, as in the crops of 300-W."""


@dataclass(frozen=True)
class SharedMaps:
    """Maps that all faces share, on one device.

    Attributes:
        average: The average head.
        details: (details, M, M) displacements in mm, from ``detail_maps``.
        modes: (modes, 3, 96, 96), from ``mode_maps``.
        bank: (1, 6, 257, 257) noise, from ``noise_bank``.
        size: M, the side of the maps.
    """

    average: AverageHead
    details: Tensor
    modes: Tensor
    bank: Tensor
    size: int

    @staticmethod
    def build(device: torch.device, map_size: int) -> SharedMaps:
        """Build all maps and move them to a device.

        Args:
            device: Device of the maps.
            map_size: Side of the maps of the head.

        Returns:
            The maps.
        """
        return SharedMaps(
            average_head(map_size).to(device),
            detail_maps(map_size).to(device),
            mode_maps().to(device),
            noise_bank().to(device),
            map_size,
        )


@dataclass(frozen=True)
class Rendered:
    """What the camera records of N faces, at S x S rays.

    Attributes:
        light: (N, 3, S, S) linear RGB.
        unshadowed: (N, 3, S, S) linear RGB without the shadows of foreign objects, or None.
        ids: (N, S, S) uint8, class ids of FACEKIT_27.
        depth: (N, S, S) depth in mm, ``raycast.FAR`` on the background.
        points: Point set ("68", "98", "44") -> (N, K, 2) pixels.
        point_depth: Point set -> (N, K) depth in mm.
    """

    light: Tensor
    unshadowed: Tensor | None
    ids: Tensor
    depth: Tensor
    points: dict[str, Tensor]
    point_depth: dict[str, Tensor]


def frame(points: Tensor, distance: Tensor, size: int, framing: float, scale: Tensor, shift: Tensor) -> Tensor:
    """Compute the camera view that puts the box around the points into the image.

    Args:
        points: (N, 68, 3) mm, in the frame of the camera.
        distance: (N,) mm from the camera to the centre of the head.
        size: Side of the image in pixels.
        framing: Side of the image divided by the side of the box.
        scale: (N,) extra factor on the framing.
        shift: (N, 2) shift of the crop (x, y), as a share of the image's side.

    Returns:
        (N, 3): pixels per unit slope, then the pixel (x, y) of the optical axis.
    """
    slope = points[..., :2] / (distance[:, None, None] - points[..., 2:])
    low, high = slope.amin(1), slope.amax(1)
    side = (high - low).amax(1) * framing * scale
    middle = (low + high) / 2
    pixels = size / side
    cx = (size - 1) / 2 - pixels * middle[:, 0] + shift[:, 0] * size
    cy = (size - 1) / 2 + pixels * middle[:, 1] + (FRAMING_UP * framing / 1.6 + shift[:, 1]) * size
    return torch.stack((pixels, cx, cy), 1)


def render(b: Batch, shared: SharedMaps, size: int, samples: int, framing: float, *, with_unshadowed: bool) -> Rendered:
    """Render a batch of faces.

    Args:
        b: Parameters of N faces, from ``stack_parameters``.
        shared: Maps that all faces share.
        size: Side of the image in pixels.
        samples: Rays per axis of the image.
        framing: Side of the image divided by the side of the box around the 68 points.
        with_unshadowed: Whether to return the light without foreign shadows, too.

    Returns:
        Light, class ids, depth and points.
    """
    heads = build_heads(b, shared.average, shared.details, shared.modes, shared.bank, shared.size)
    rotation = raycast.rotation_matrix(b["yaw"], b["pitch"], b["roll"])
    placed = place_points(b, heads, rotation)
    camera_points = {name: raycast.to_camera(placed[name], rotation) for name in ("68", "98", "44")}
    view = _view(b, camera_points["68"], size, framing)
    slopes = raycast.pixel_slopes(view, size, samples)
    origin, direction = raycast.rays(rotation, b["distance"], slopes)
    start = raycast.first_depth(_surface_points(heads), rotation, b["distance"], view, size, samples)
    pixel_mm = per_sample(size / samples * b["distance"] / view[:, 0])
    layers, eye_fields = head_layer(b, heads, shared.bank, start, origin, direction, rotation, pixel_mm)
    eyeballs = placed["eyes"] - placed["eyes"].new_tensor(CENTRE)
    paint_eyes(layers, b, eye_fields, origin, direction, rotation, eyeballs)
    _add_other_surfaces(layers, b, shared.bank, slopes, origin, direction, rotation)
    hit = layers.depth < raycast.FAR
    hit_points = tuple(
        o + w * torch.where(hit, layers.depth, b["distance"][:, None, None])
        for o, w in zip(origin, direction, strict=True)
    )
    # Glasses come after the hit points: they cast no shadow.
    lit = _key_light(b, heads, hit_points, rotation)
    clear_glass = _add_glasses(layers, b, placed, origin, direction, rotation)
    unshadowed = _shade(b, layers, slopes, lit, clear_glass)
    light = unshadowed
    if bool((b["foreign"] > 0).any()):
        position = torch.einsum("nij,njhw->nihw", rotation, torch.stack(hit_points, 1))
        light = unshadowed * cast_shadow_factor(b, shared.bank, position)
    points = {k: raycast.project(p, b["distance"], view) for k, p in camera_points.items()}
    depths = {k: b["distance"][:, None] - p[..., 2] for k, p in camera_points.items()}
    return Rendered(light, unshadowed if with_unshadowed else None, layers.ids, layers.depth, points, depths)


def _view(b: Batch, points: Tensor, size: int, framing: float) -> Tensor:
    """Return the view (N, 3) of each face; a companion (``place`` > 0) gets its own scale and position."""
    view = frame(points, b["distance"], size, framing, b["crop_scale"], b["crop_shift"])
    one = torch.ones_like(view[:, 0])
    placed = b["place"][:, 1:] * torch.stack((view[:, 0], one, one), 1)
    return torch.where(b["place"][:, :1] > 0, placed, view)


def _surface_points(heads: Heads) -> Tensor:
    """Return the outermost surface as points (N, M * M, 3) around CENTRE."""
    d = torch.stack(from_disc(*heads.uv), -1).reshape(1, -1, 3)
    return d * heads.radius.flatten(1)[..., None]


def _add_other_surfaces(
    layers: Layers,
    b: Batch,
    bank: Tensor,
    slopes: tuple[Tensor, Tensor],
    origin: raycast.Vec,
    direction: raycast.Vec,
    rotation: Tensor,
) -> None:
    """Add ears, neck, clothes and hat brims to the layers."""
    _draw_on_rays(
        layers,
        raycast.near_ears(b, rotation, slopes),
        origin,
        direction,
        lambda part, o, w: add_ears(part, b, o, w, rotation),
    )
    follow = b["body_follow"]
    body_rotation = raycast.rotation_matrix(b["yaw"] * follow, b["pitch"] * 0.15, b["roll"] * 0.25)
    body_origin, body_direction = raycast.rays(body_rotation, b["distance"], slopes)
    low = per_sample(b["distance"]) * (slopes[1] - 0.25 * slopes[0].abs()) < -20.0
    _draw_on_rays(
        layers,
        low,
        body_origin,
        body_direction,
        lambda part, o, w: add_body(part, b, bank, o, w, body_rotation),
    )
    brimmed = torch.nonzero(b["hat_brim"] > 0)[:, 0]
    if len(brimmed):
        _draw_on_faces(layers, b, brimmed, origin, direction, rotation, add_brim)


def _add_glasses(
    layers: Layers,
    b: Batch,
    placed: dict[str, Tensor],
    origin: raycast.Vec,
    direction: raycast.Vec,
    rotation: Tensor,
) -> Tensor | None:
    """Add glasses to the layers; return the rays (N, S, S) behind clear lenses, or None if there are no glasses."""
    worn = torch.nonzero(b["glasses"] > 0)[:, 0]
    if not len(worn):
        return None
    centre = placed["eyes"].new_tensor(CENTRE)
    eyes, bridge = placed["eyes"][worn] - centre, placed["68"][worn, 27] - centre
    return _draw_on_faces(layers, b, worn, origin, direction, rotation, add_glasses, eyes, bridge)


def _draw_on_faces(
    layers: Layers,
    b: Batch,
    index: Tensor,
    origin: raycast.Vec,
    direction: raycast.Vec,
    rotation: Tensor,
    add: Callable[..., Any],
    *more: Tensor,
) -> Tensor | None:
    """Run ``add`` on the faces ``index`` only and write the result back into the layers.

    Returns:
        The mask that ``add`` returns, over the whole batch, or None if ``add`` returns None.
    """
    part = Layers(*(getattr(layers, f)[index] for f in FIELDS))
    mask = add(
        part,
        {k: v[index] for k, v in b.items()},
        tuple(o[index] for o in origin),
        tuple(w[index] for w in direction),
        rotation[index],
        *more,
    )
    for f in FIELDS:
        setattr(layers, f, getattr(layers, f).index_copy(0, index, getattr(part, f)))
    if mask is None:
        return None
    out = torch.zeros_like(layers.depth, dtype=torch.bool)
    return out.index_copy(0, index, mask)


def _draw_on_rays(
    layers: Layers,
    mask: Tensor,
    origin: raycast.Vec,
    direction: raycast.Vec,
    add: Callable[[Layers, raycast.Vec, raycast.Vec], None],
) -> None:
    """Run ``add`` on the rays of the mask (N, S, S) only and write the result back into the layers."""
    packed = PackedRays(mask)
    part = Layers(*(packed.take(getattr(layers, f)) for f in FIELDS))
    add(part, origin, tuple(packed.take(w) for w in direction))
    for f in FIELDS:
        setattr(layers, f, packed.put(getattr(part, f), getattr(layers, f)))


def _key_light(b: Batch, heads: Heads, points: raycast.Vec, rotation: Tensor) -> Tensor:
    """Return the share of the key light (N, S, S) past the head's own shadow, traced on every second ray."""
    light = torch.einsum("nij,ni->nj", rotation, b["key_dir"])
    coarse = tuple(k[:, ::2, ::2] for k in points)
    lit = raycast.cast_shadow(heads, coarse, light, b["shadow_soft"])
    lit = 1 - per_sample(b["shadow_dark"]) * (1 - lit)
    return F.interpolate(lit[:, None], size=points[0].shape[-2:], mode="bilinear", align_corners=False)[:, 0]


def _shade(b: Batch, layers: Layers, slopes: tuple[Tensor, Tensor], lit: Tensor, clear_glass: Tensor | None) -> Tensor:
    """Return the light (N, 3, S, S) towards the camera, without foreign shadows."""
    sx, sy = slopes
    to_camera = torch.stack((-sx, -sy, torch.ones_like(sx)), 1)
    to_camera = to_camera * torch.rsqrt((to_camera * to_camera).sum(1, keepdim=True))
    light = shade(b, layers.albedo, layers.normal, to_camera, layers.ambient, lit, layers.shine, layers.skin_share)
    if clear_glass is None:
        return light
    reflection = (to_camera[:, 1] * 2 + layers.normal[:, 1] * 0.3 + 0.12 + 0.5 * to_camera[:, 0]).clamp(0, 1)
    sky = b["sh"][:, :1, :1, None].clamp_min(0)
    return torch.where(clear_glass[:, None], light * 0.93 + 0.25 * reflection[:, None] * sky * 0.2, light)
