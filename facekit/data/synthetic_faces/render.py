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
from .anatomy import CENTRE, MOUTH_Y, Canon, average_head, from_disc, look_up
from .eyes import paint_eyes
from .light import foreign_shadow, shade
from .noise import CLOUD, STRANDS, noise_bank, read_noise
from .pack import Pack
from .parts import HAIR, HAT, face_parts
from .points import place_points
from .shape import mode_maps
from .skin import colour, paint_face, paint_mouth
from .surface import Batch, Heads, build_heads, close_mouth, column, detail_maps, lips_apart

FRAMING_UP = (
    0.06  # how far the crop's middle lies above the middle of the 68 points, as a share of the crop: 300-W's habit
)


@dataclass(frozen=True)
class Studio:
    """Everything that all faces share, on one device."""

    canon: Canon
    details: Tensor
    modes: Tensor
    bank: Tensor
    size: int

    @staticmethod
    def on(device: torch.device, map_size: int) -> Studio:
        return Studio(
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


def render(b: Batch, studio: Studio, size: int, samples: int, framing: float, want_free: bool) -> Rendered:
    """Render a batch of parameters at `samples` x `samples` rays for an image of `size` pixels."""
    bank = studio.bank
    heads = build_heads(b, studio.canon, studio.details, studio.modes, bank, studio.size)
    turn = raycast.rotation(b["yaw"], b["pitch"], b["roll"])
    follow = b["body_follow"]
    body_turn = raycast.rotation(b["yaw"] * follow, b["pitch"] * 0.15, b["roll"] * 0.25)
    placed = place_points(b, heads, turn)
    camera = {name: raycast.to_camera(placed[name], turn) for name in ("68", "98", "44")}
    view = frame(camera["68"], b["distance"], size, framing, b["crop_scale"], b["crop_shift"])
    view = torch.where(
        b["place"][:, :1] > 0,
        b["place"][:, 1:] * torch.stack((view[:, 0], torch.ones_like(view[:, 0]), torch.ones_like(view[:, 0])), 1),
        view,
    )
    slopes = raycast.pixel_slopes(view, size, samples)
    origin, way = raycast.rays(turn, b["distance"], slopes)
    start = raycast.first_guess(_surface_points(heads), turn, b["distance"], view, size, samples)
    layers, at_head = _head_layer(
        b, heads, bank, start, origin, way, turn, column(size / samples * b["distance"] / view[:, 0])
    )
    centre = placed["eyes"].new_tensor(CENTRE)
    paint_eyes(layers, b, at_head, origin, way, turn, placed["eyes"] - centre)
    _packed(
        layers,
        b,
        raycast.near_ears(b, turn, slopes),
        origin,
        way,
        lambda part, o, w: body.add_ears(part, b, o, w, turn),
    )
    body_origin, body_way = raycast.rays(body_turn, b["distance"], slopes)
    low = column(b["distance"]) * (slopes[1] - 0.25 * slopes[0].abs()) < -20.0
    _packed(layers, b, low, body_origin, body_way, lambda part, o, w: body.add_body(part, b, bank, o, w, body_turn))
    brimmed = torch.nonzero(b["hat_brim"] > 0)[:, 0]
    if len(brimmed):
        _some(layers, b, brimmed, origin, way, turn, body.add_brim)
    met = layers.depth < raycast.FAR
    hit = tuple(
        o + w * torch.where(met, layers.depth, b["distance"][:, None, None]) for o, w in zip(origin, way, strict=True)
    )
    lit = _shadow(b, heads, hit, turn)
    glass = None
    worn = torch.nonzero(b["glasses"] > 0)[:, 0]
    if len(worn):
        glass = _some(
            layers,
            b,
            worn,
            origin,
            way,
            turn,
            body.add_glasses,
            placed["eyes"][worn] - centre,
            placed["68"][worn, 27] - centre,
        )
    sx, sy = slopes
    toward = torch.stack((-sx, -sy, torch.ones_like(sx)), 1)
    toward = toward * torch.rsqrt((toward * toward).sum(1, keepdim=True))
    nothing = torch.ones(1, device=start.device)
    free = shade(b, layers.albedo, layers.normal, toward, layers.open, lit, layers.shine, layers.fleshy, nothing)
    if glass is not None:
        reflect = (toward[:, 1] * 2 + layers.normal[:, 1] * 0.3 + 0.12 + 0.5 * toward[:, 0]).clamp(0, 1)
        free = torch.where(
            glass[:, None], free * 0.93 + 0.25 * reflect[:, None] * b["sh"][:, :1, :1, None].clamp_min(0) * 0.2, free
        )
    light = free
    if bool((b["foreign"] > 0).any()):
        place = torch.einsum("nij,njhw->nihw", turn, torch.stack(hit, 1))
        light = free * foreign_shadow(b, bank, place)
    points = {k: raycast.project(p, b["distance"], view) for k, p in camera.items()}
    depths = {k: b["distance"][:, None] - p[..., 2] for k, p in camera.items()}
    return Rendered(light, free if want_free else None, layers.ids, layers.depth, points, depths)


def _surface_points(heads: Heads) -> Tensor:
    d = torch.stack(from_disc(*heads.uv), -1).reshape(1, -1, 3)
    return d * heads.radius.flatten(1)[..., None]


def _some(
    layers: body.Layers,
    b: Batch,
    index: Tensor,
    origin: raycast.Vec,
    way: raycast.Vec,
    turn: Tensor,
    add: Callable[..., Any],
    *more: Tensor,
) -> Tensor | None:
    """Run `add` on the faces `index` only and write them back; returns its mask over the whole batch where it gives
    one."""
    part = body.Layers(*(getattr(layers, f)[index] for f in body.FIELDS))
    given = add(
        part,
        {k: v[index] for k, v in b.items()},
        tuple(o[index] for o in origin),
        tuple(w[index] for w in way),
        turn[index],
        *more,
    )
    for f in body.FIELDS:
        setattr(layers, f, getattr(layers, f).index_copy(0, index, getattr(part, f)))
    if given is None:
        return None
    out = torch.zeros_like(layers.depth, dtype=torch.bool)
    return out.index_copy(0, index, given)


def _packed(
    layers: body.Layers,
    b: Batch,
    where: Tensor,
    origin: raycast.Vec,
    way: raycast.Vec,
    add: Callable[[body.Layers, raycast.Vec, raycast.Vec], None],
) -> None:
    """Run `add` on the rays `where` only."""
    pack = Pack(where)
    part = body.Layers(*(pack.take(getattr(layers, f)) for f in body.FIELDS))
    add(part, origin, tuple(pack.take(w) for w in way))
    for f in body.FIELDS:
        setattr(layers, f, pack.put(getattr(part, f), getattr(layers, f)))


def _head_layer(
    b: Batch,
    heads: Heads,
    bank: Tensor,
    start: Tensor,
    origin: raycast.Vec,
    way: raycast.Vec,
    turn: Tensor,
    pixel_mm: Tensor,
) -> tuple[body.Layers, tuple[Tensor, Tensor]]:
    rays = Pack(start < raycast.FAR * 0.5)
    way = tuple(rays.take(w) for w in way)
    depth, u, v = raycast.march(heads, origin, way, rays.take(start))
    features = look_up(heads.features, u, v)
    normal = torch.einsum("nij,njhw->nihw", turn, F.normalize(features[:, :3], dim=1))
    p = tuple(o + w * depth.clamp_max(1e4) for o, w in zip(origin, way, strict=True))
    albedo, hair_open, wisps = _hair(b, bank, p, features[:, 8])
    hair, hat = features[:, 4] + 0.25 * column(b["hair_edge"]) * wisps > 0.2, features[:, 5] > 0
    met = depth < raycast.FAR
    if bool(hat.any()):
        knit = read_noise(bank, torch.atan2(p[0], p[2]) * 0.9, p[1] / 110.0, (STRANDS,))[0]
        albedo = torch.where(hat[:, None], colour(b["hat_rgb"]) * (1 + 0.10 * knit)[:, None], albedo)
    open_ = features[:, 3] * torch.where(hair, hair_open, torch.ones_like(hair_open))
    ids = torch.where(hat, HAT, HAIR).to(torch.uint8)
    shine = torch.where(hat, 0.05, column(b["hair_gloss"]) * 0.35)
    fleshy = torch.zeros_like(depth)
    bare = Pack(met & ~hair & ~hat)
    skin_rgb, skin_shine, flesh, skin_ids, eye, lid_up = _face(
        b, heads, bank, bare.take(u), bare.take(v), bare.take(features[:, 6]), bare.take(features[:, 7]), pixel_mm
    )
    albedo, shine, fleshy = bare.put(skin_rgb, albedo), bare.put(skin_shine, shine), bare.put(flesh, fleshy)
    ids = bare.put(skin_ids, ids) * met
    eye, lid_up = bare.put(eye, -9.0), bare.put(lid_up, 0.0)
    layers = body.Layers(
        rays.put(depth, raycast.FAR),
        rays.put(normal),
        rays.put(albedo),
        rays.put(open_),
        rays.put(shine),
        rays.put(fleshy),
        rays.put(ids),
    )
    return layers, (rays.put(eye, -9.0), rays.put(lid_up))


def _face(
    b: Batch, heads: Heads, bank: Tensor, u: Tensor, v: Tensor, du: Tensor, dv: Tensor, pixel_mm: Tensor
) -> tuple[Tensor, ...]:
    """Albedo, shine, skin share, ids, inside of eye and height over the lid for bare places of the head."""
    x, y, z = look_up(heads.canon.xyz[None], u - du, v - dv).unbind(1)
    yc, gap = close_mouth(b, x, y)
    parts = face_parts(b, x, yc, z, gap)
    albedo, shine, hairy = paint_face(b, bank, x, yc, z, parts, pixel_mm)
    inside = (gap > 0) & (z > 40)
    if bool(inside.any()):
        mouth = Pack(inside)
        mx, my = mouth.take(x), mouth.take(y)
        albedo = mouth.put(paint_mouth(b, mx, my, gap_below(b, mx, my)), albedo)
    eye = torch.where(z > 40, parts.eye, torch.full_like(parts.eye, -9.0))
    return albedo, shine, 1 - hairy, parts.ids, eye, parts.lid_up


def gap_below(b: Batch, x: Tensor, y: Tensor) -> Tensor:
    """Millimetres below the upper lip's edge, for places inside the mouth (heights before closing)."""
    return lips_apart(b, x)[0] - (y - MOUTH_Y)


def _hair(b: Batch, bank: Tensor, p: raycast.Vec, depth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hair colour (N, 3, S, S), shade and strand noise at points p around CENTRE: strands run down from the crown."""
    x, y, z = p
    around = torch.atan2(x, z + 12.0) / 6.2832
    curl = column(b["hair_curl"])
    wave = 0.012 * curl * torch.sin(y / 6.0) + 0.05 * torch.sin(y / 45.0 + 4 * around) * (1 - curl)
    s, cloud = read_noise(
        bank, around * 4.0 + wave + column(b["hair_shift"][:, 0]), y / 380.0 + z / 600.0, (STRANDS, CLOUD)
    )[:2]
    lumps = read_noise(bank, x / 110.0 + column(b["hair_shift"][:, 1]), y / 110.0 + z / 130.0, (CLOUD,))[0]
    streak = column(b["hair_streak"]) * (0.30 * s * (1 - 0.4 * curl) + 0.12 * cloud + curl * 0.40 * lumps)
    root = 0.72 + 0.28 * (depth / 14).clamp(0, 1)
    band = torch.exp(-(((y - 62 + 6 * s) / 16) ** 2)) * 0.25 * column(b["hair_gloss"]) * (1 - curl)
    rgb = colour(b["hair_rgb"]) * (torch.exp(streak) * (1 + band))[:, None]
    return rgb, root * torch.exp(0.12 * s + 0.2 * curl * lumps).clamp(0.4, 1.25), s


def _shadow(b: Batch, heads: Heads, hit: raycast.Vec, turn: Tensor) -> Tensor:
    """Key light after the head's own shadow, traced on every second ray and spread."""
    light = torch.einsum("nij,ni->nj", turn, b["key_dir"])
    some = tuple(k[:, ::2, ::2] for k in hit)
    lit = raycast.cast_shadow(heads, some, light, b["shadow_soft"])
    lit = 1 - column(b["shadow_dark"]) * (1 - lit)
    return F.interpolate(lit[:, None], size=hit[0].shape[-2:], mode="bilinear", align_corners=False)[:, 0]
