"""One batch of heads: maps, points, camera, rays, layers, light. Linear light in, linear light out; `image`
develops it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from . import body, raycast
from .accessories import add_brim, add_glasses
from .anatomy import CENTRE, AverageHead, average_head, from_disc
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

FRAMING_UP = (
    0.06  # how far the crop's middle lies above the middle of the 68 points, as a share of the crop: 300-W's habit
)


@dataclass(frozen=True)
class SharedMaps:
    """Everything that all faces share, on one device."""

    average: AverageHead
    details: Tensor
    modes: Tensor
    bank: Tensor
    size: int

    @staticmethod
    def on(device: torch.device, map_size: int) -> SharedMaps:
        return SharedMaps(
            average_head(map_size).to(device),
            detail_maps(map_size).to(device),
            mode_maps().to(device),
            noise_bank().to(device),
            map_size,
        )


@dataclass(frozen=True)
class Rendered:
    """light and free (N, 3, S, S): linear colour with and without foreign shadow; alpha (N, S, S) 0 background, 1
    person; ids (N, S, S) uint8;
    depth (N, S, S) mm of camera depth, FAR on the background; points: pixels (N, K, 2) by set; point_depth: mm by
    set."""

    light: Tensor
    free: Tensor | None
    ids: Tensor
    depth: Tensor
    points: dict[str, Tensor]
    point_depth: dict[str, Tensor]


def frame(points: Tensor, distance: Tensor, size: int, framing: float, scale: Tensor, shift: Tensor) -> Tensor:
    """The view (N, 3) that puts the box of camera-frame points (N, 68, 3) into the image, `framing` times smaller
    than its side."""
    slope = points[..., :2] / (distance[:, None, None] - points[..., 2:])
    low, high = slope.amin(1), slope.amax(1)
    side = (high - low).amax(1) * framing * scale
    middle = (low + high) / 2
    pixels = size / side
    cx = (size - 1) / 2 - pixels * middle[:, 0] + shift[:, 0] * size
    cy = (size - 1) / 2 + pixels * middle[:, 1] + (FRAMING_UP * framing / 1.6 + shift[:, 1]) * size
    return torch.stack((pixels, cx, cy), 1)


def render(b: Batch, studio: SharedMaps, size: int, samples: int, framing: float, want_free: bool) -> Rendered:
    """Render a batch of parameters at `samples` x `samples` rays for an image of `size` pixels."""
    bank = studio.bank
    heads = build_heads(b, studio.average, studio.details, studio.modes, bank, studio.size)
    rotation = raycast.rotation_matrix(b["yaw"], b["pitch"], b["roll"])
    follow = b["body_follow"]
    body_turn = raycast.rotation_matrix(b["yaw"] * follow, b["pitch"] * 0.15, b["roll"] * 0.25)
    placed = place_points(b, heads, rotation)
    camera = {name: raycast.to_camera(placed[name], rotation) for name in ("68", "98", "44")}
    view = frame(camera["68"], b["distance"], size, framing, b["crop_scale"], b["crop_shift"])
    view = torch.where(
        b["place"][:, :1] > 0,
        b["place"][:, 1:] * torch.stack((view[:, 0], torch.ones_like(view[:, 0]), torch.ones_like(view[:, 0])), 1),
        view,
    )
    slopes = raycast.pixel_slopes(view, size, samples)
    origin, direction = raycast.rays(rotation, b["distance"], slopes)
    start = raycast.first_depth(_surface_points(heads), rotation, b["distance"], view, size, samples)
    layers, at_head = head_layer(
        b, heads, bank, start, origin, direction, rotation, per_sample(size / samples * b["distance"] / view[:, 0])
    )
    centre = placed["eyes"].new_tensor(CENTRE)
    paint_eyes(layers, b, at_head, origin, direction, rotation, placed["eyes"] - centre)
    _draw_on_rays(
        layers,
        b,
        raycast.near_ears(b, rotation, slopes),
        origin,
        direction,
        lambda part, o, w: body.add_ears(part, b, o, w, rotation),
    )
    body_origin, body_way = raycast.rays(body_turn, b["distance"], slopes)
    low = per_sample(b["distance"]) * (slopes[1] - 0.25 * slopes[0].abs()) < -20.0
    _draw_on_rays(
        layers, b, low, body_origin, body_way, lambda part, o, w: body.add_body(part, b, bank, o, w, body_turn)
    )
    brimmed = torch.nonzero(b["hat_brim"] > 0)[:, 0]
    if len(brimmed):
        _draw_on_faces(layers, b, brimmed, origin, direction, rotation, add_brim)
    met = layers.depth < raycast.FAR
    hit = tuple(
        o + w * torch.where(met, layers.depth, b["distance"][:, None, None])
        for o, w in zip(origin, direction, strict=True)
    )
    lit = _shadow(b, heads, hit, rotation)
    glass = None
    worn = torch.nonzero(b["glasses"] > 0)[:, 0]
    if len(worn):
        glass = _draw_on_faces(
            layers,
            b,
            worn,
            origin,
            direction,
            rotation,
            add_glasses,
            placed["eyes"][worn] - centre,
            placed["68"][worn, 27] - centre,
        )
    sx, sy = slopes
    toward = torch.stack((-sx, -sy, torch.ones_like(sx)), 1)
    toward = toward * torch.rsqrt((toward * toward).sum(1, keepdim=True))
    nothing = torch.ones(1, device=start.device)
    free = shade(b, layers.albedo, layers.normal, toward, layers.ambient, lit, layers.shine, layers.skin_share, nothing)
    if glass is not None:
        reflect = (toward[:, 1] * 2 + layers.normal[:, 1] * 0.3 + 0.12 + 0.5 * toward[:, 0]).clamp(0, 1)
        free = torch.where(
            glass[:, None], free * 0.93 + 0.25 * reflect[:, None] * b["sh"][:, :1, :1, None].clamp_min(0) * 0.2, free
        )
    light = free
    if bool((b["foreign"] > 0).any()):
        place = torch.einsum("nij,njhw->nihw", rotation, torch.stack(hit, 1))
        light = free * cast_shadow_factor(b, bank, place)
    points = {k: raycast.project(p, b["distance"], view) for k, p in camera.items()}
    depths = {k: b["distance"][:, None] - p[..., 2] for k, p in camera.items()}
    return Rendered(light, free if want_free else None, layers.ids, layers.depth, points, depths)


def _surface_points(heads: Heads) -> Tensor:
    d = torch.stack(from_disc(*heads.uv), -1).reshape(1, -1, 3)
    return d * heads.radius.flatten(1)[..., None]


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
    """Run `add` on the faces `index` only and write them back; returns its mask over the whole batch where it gives
    one."""
    part = Layers(*(getattr(layers, f)[index] for f in FIELDS))
    given = add(
        part,
        {k: v[index] for k, v in b.items()},
        tuple(o[index] for o in origin),
        tuple(w[index] for w in direction),
        rotation[index],
        *more,
    )
    for f in FIELDS:
        setattr(layers, f, getattr(layers, f).index_copy(0, index, getattr(part, f)))
    if given is None:
        return None
    out = torch.zeros_like(layers.depth, dtype=torch.bool)
    return out.index_copy(0, index, given)


def _draw_on_rays(
    layers: Layers,
    b: Batch,
    where: Tensor,
    origin: raycast.Vec,
    direction: raycast.Vec,
    add: Callable[[Layers, raycast.Vec, raycast.Vec], None],
) -> None:
    """Run `add` on the rays `where` only."""
    pack = PackedRays(where)
    part = Layers(*(pack.take(getattr(layers, f)) for f in FIELDS))
    add(part, origin, tuple(pack.take(w) for w in direction))
    for f in FIELDS:
        setattr(layers, f, pack.put(getattr(part, f), getattr(layers, f)))


def _shadow(b: Batch, heads: Heads, hit: raycast.Vec, rotation: Tensor) -> Tensor:
    """Key light after the head's own shadow, traced on every second ray and spread."""
    light = torch.einsum("nij,ni->nj", rotation, b["key_dir"])
    coarse = tuple(k[:, ::2, ::2] for k in hit)
    lit = raycast.cast_shadow(heads, coarse, light, b["shadow_soft"])
    lit = 1 - per_sample(b["shadow_dark"]) * (1 - lit)
    return F.interpolate(lit[:, None], size=hit[0].shape[-2:], mode="bilinear", align_corners=False)[:, 0]
