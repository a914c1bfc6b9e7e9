"""Generated faces: an endless, embedded data set of rendered 3D heads with exact labels for every task.

    faces = GeneratedFaces(seed=0, size=128)
    face = faces[7]                                     # GeneratedFace: image, mask, points, attributes, caption, ...
    batch = faces.batch(range(32), want=("image", "mask", "landmarks68"))

Image `i` of a seed is the same everywhere and whatever else is in its batch (to within rounding).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.global_state import default_settings
from .annotate import annotate_mask, annotate_points, points_visible
from .image import backdrop, blur, develop
from .people import Params, sample_identity
from .raycast import FAR
from .render import Rendered, Studio, render
from .sheet import spread, stack
from .shots import Range, check_view, sample_shot
from .styles import STYLES, paint
from .words import ATTRIBUTES, attributes, caption

DOMAINS = ("studio", "wild")
POINTS = ("68", "44", "98")
WANTS = (
    "image",
    "mask",
    "shadow_free",
    "depth",
    *(f"landmarks{k}" for k in POINTS),
    *(f"visible{k}" for k in POINTS),
    "attributes",
    "caption",
    "pose",
    "identity",
    *STYLES,
)
_IDENTITY, _SHOT, _WORDS, _COMPANION = 1, 2, 3, 4  # independent random streams of one seed


@dataclass(frozen=True)
class GeneratedFace:
    """One image with all its labels. Points are (x, y) pixels, (0, 0) the centre of the top-left pixel; they may
    lie outside the image.

    image, shadow_free: (H, W, 3) uint8 RGB; mask: (H, W) uint8, FACEKIT_27; landmarksK: (K, 2) float32; visibleK:
    (K,) bool;
    attributes: CelebA's names; yaw, pitch, roll: degrees, positive to the viewer's right, up, clockwise in the image.
    """

    index: int
    image: np.ndarray
    mask: np.ndarray
    landmarks68: np.ndarray
    landmarks44: np.ndarray
    landmarks98: np.ndarray
    visible68: np.ndarray
    visible44: np.ndarray
    visible98: np.ndarray
    attributes: dict[str, bool]
    caption: str
    shadow_free: np.ndarray
    yaw: float
    pitch: float
    roll: float
    identity: int
    _source: GeneratedFaces = field(repr=False, compare=False)

    @property
    def styles(self) -> dict[str, np.ndarray]:
        """The image in two artistic styles, {"comic": (H, W, 3) uint8, "pencil": ...}; painted when asked for."""
        painted = self._source.batch([self.index], want=STYLES)
        return {name: painted[name][0].permute(1, 2, 0).cpu().numpy() for name in STYLES}


class GeneratedFaces:
    """Rendered faces, indexed from 0 to length - 1.

    seed: any non-negative integer. size: side of the square images, 16..1024 px. domain: "studio" (clean, exact
    labels) or "wild" (camera and background variety, other people around, labels smoothed and biased the way annotators
    do). device: None is the CPU. length: how many there are (they cost nothing until asked for). yaw, pitch, roll:
    ranges of degrees, within +-75, +-25, +-30.
    identity: show this one person only; faces_per_identity: so many consecutive images show one person. framing: the
    image's side over the side of the box around the 68 points (300-W's crops: 1.6). supersample: rays per pixel and
    axis; None chooses by size. Raises ValueError for anything else.
    """

    @default_settings()
    def __init__(
        self,
        seed: int = 0,
        size: int = 128,
        domain: str = "studio",
        device: str | torch.device | None = None,
        length: int = 1_000_000,
        *,
        yaw: Range = (-75.0, 75.0),
        pitch: Range = (-25.0, 25.0),
        roll: Range = (-30.0, 30.0),
        identity: int | None = None,
        faces_per_identity: int = 1,
        framing: float = 1.6,
        supersample: float | None = None,
    ) -> None:
        if domain not in DOMAINS:
            raise ValueError(f"domain {domain!r} is unknown: choose one of {', '.join(DOMAINS)}")
        check_view(size, framing, supersample, {"yaw": (yaw, 75.0), "pitch": (pitch, 25.0), "roll": (roll, 30.0)})
        if seed < 0 or length < 1 or faces_per_identity < 1:
            raise ValueError(
                f"seed must be >= 0, length and faces_per_identity >= 1, but "
                f"{seed}, {length}, {faces_per_identity} came"
            )
        if identity is not None and identity < 0:
            raise ValueError(f"identity must be None or >= 0, but {identity} came")
        self.seed, self.size, self.domain, self.length = seed, size, domain, length
        self.device = torch.device("cpu" if device is None else device)
        self.yaw, self.pitch, self.roll = yaw, pitch, roll
        self.identity, self.faces_per_identity, self.framing = identity, faces_per_identity, framing
        self.samples = round(size * (supersample or (1.5 if size <= 160 else 1.25)))
        self.samples += self.samples % 2
        self._studio: Studio | None = None

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[GeneratedFace]:
        return (self[i] for i in range(self.length))

    def __getitem__(self, index: int) -> GeneratedFace:
        index = self._checked(index)
        b = self.batch([index], want=[w for w in WANTS if w not in STYLES and w != "depth"])

        def image(name: str) -> np.ndarray:
            return b[name][0].permute(1, 2, 0).contiguous().cpu().numpy()

        labels = {f"{kind}{k}": b[f"{kind}{k}"][0].cpu().numpy() for kind in ("landmarks", "visible") for k in POINTS}
        yaw, pitch, roll = b["pose"][0].tolist()
        return GeneratedFace(
            index=index,
            image=image("image"),
            mask=b["mask"][0].cpu().numpy(),
            attributes=dict(zip(ATTRIBUTES, b["attributes"][0].tolist(), strict=True)),
            caption=b["caption"][0],
            shadow_free=image("shadow_free"),
            yaw=yaw,
            pitch=pitch,
            roll=roll,
            identity=int(b["identity"][0]),
            _source=self,
            **labels,
        )

    def parameters(self, index: int) -> Params:
        """Every number that draws image `index`, by name (for study; the names are not a stable interface)."""
        index = self._checked(index)
        who = self.identity_of(index)
        p = sample_identity(self._random(_IDENTITY, who))
        p.update(sample_shot(self._random(_SHOT, index), p, self.domain, self.yaw, self.pitch, self.roll))
        p["place"] = np.zeros(4)
        return p

    def identity_of(self, index: int) -> int:
        """Which person image `index` shows."""
        return self.identity if self.identity is not None else index // self.faces_per_identity

    @default_settings()
    def batch(self, indices: Iterable[int], want: Sequence[str] = ("image", "mask", "landmarks68")) -> dict[str, Any]:
        """Many images at once, the fast way: a dictionary with the names in `want`, tensors on the set's device.

        image, shadow_free, comic, pencil: (N, 3, H, W) uint8; mask: (N, H, W) uint8; depth: (N, H, W) float32 mm to the
        camera, inf on the background; landmarksK: (N, K, 2) float32; visibleK: (N, K) bool; attributes: (N, 36) bool in
        the order of ATTRIBUTES; pose: (N, 3) degrees (yaw, pitch, roll); identity: (N,) int64; caption: list of str.
        Raises ValueError for an unknown name or index.
        """
        indices = [self._checked(int(i)) for i in indices]
        unknown = [w for w in want if w not in WANTS]
        if unknown or not indices:
            raise ValueError(
                f"cannot give {', '.join(unknown)}: ask for some of {', '.join(WANTS)}"
                if unknown
                else "no indices came: pass at least one"
            )
        pixels = 350_000 if self.device.type == "cpu" else 8_000_000
        threads = torch.get_num_threads() if self.device.type == "cpu" else 1
        step = max(1, min(pixels // self.samples**2, -(-len(indices) // threads)))
        if self._studio is None:
            detail = 160 if self.size <= 160 else 320
            self._studio = spread([detail], lambda side: Studio.on(self.device, side))[0]
        parts = [indices[i : i + step] for i in range(0, len(indices), step)]
        if self.device.type == "cpu":
            chunks = spread(parts, lambda part: self._chunk(part, want))
        else:
            chunks = [self._chunk(part, want) for part in parts]
        return {
            w: sum((c[w] for c in chunks), []) if w == "caption" else torch.cat([c[w] for c in chunks]) for w in want
        }

    def _checked(self, index: int) -> int:
        if not -self.length <= index < self.length:
            raise IndexError(f"index {index} is outside the {self.length} faces of this set")
        return index % self.length

    def _random(self, stream: int, number: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, stream, number])))

    @torch.no_grad()
    def _chunk(self, indices: list[int], want: Sequence[str]) -> dict[str, Any]:
        people = [self.parameters(i) for i in indices]
        out: dict[str, Any] = {}
        if "attributes" in want:
            said = [attributes(p) for p in people]
            out["attributes"] = torch.tensor([[s[name] for name in ATTRIBUTES] for s in said], device=self.device)
        if "caption" in want:
            out["caption"] = [caption(p, self._random(_WORDS, i)) for p, i in zip(people, indices, strict=True)]
        if "pose" in want:
            out["pose"] = torch.tensor([[p["yaw"], p["pitch"], p["roll"]] for p in people], device=self.device)
        if "identity" in want:
            out["identity"] = torch.tensor([self.identity_of(i) for i in indices], device=self.device)
        if set(want) - set(out):
            self._draw(indices, people, want, out)
        return out

    def _draw(self, indices: list[int], people: list[Params], want: Sequence[str], out: dict[str, Any]) -> None:
        assert self._studio is not None
        b = stack(people, self.device)
        shots = render(b, self._studio, self.size, self.samples, self.framing, want_free=True)
        ids = F.interpolate(shots.ids[:, None].float(), size=(self.size, self.size), mode="nearest-exact")[:, 0].to(
            torch.uint8
        )
        rough = self.domain == "wild"
        bank = self._studio.bank
        pictured = {"image", "shadow_free", *STYLES} & set(want)
        if pictured:
            behind = backdrop(b, bank, self.samples)
            behind = self._add_companions(indices, people, behind)
            there = (shots.depth < FAR)[:, None]
            image = develop(b, bank, torch.where(there, shots.light, behind), self.size)
            free = image
            if "shadow_free" in want or set(STYLES) & set(want):
                shadowed = torch.nonzero(b["foreign"] > 0)[:, 0]
                if len(shadowed):
                    assert shots.free is not None
                    some = {k: v[shadowed] for k, v in b.items()}
                    clean = develop(some, bank, torch.where(there, shots.free, behind)[shadowed], self.size)
                    free = image.index_copy(0, shadowed, clean)
            out.update(image=image, shadow_free=free)
            for style in STYLES:
                if style in want:
                    out[style] = paint(style, free, ids)
        out["mask"] = annotate_mask(b, bank, ids) if rough else ids
        self._points(indices, shots, want, out, rough)
        if "depth" in want:
            depth = F.interpolate(shots.depth[:, None], size=(self.size, self.size), mode="nearest-exact")[:, 0]
            out["depth"] = torch.where(depth < FAR, depth, torch.full_like(depth, torch.inf))

    def _points(
        self, indices: list[int], shots: Rendered, want: Sequence[str], out: dict[str, Any], rough: bool
    ) -> None:
        for k in POINTS:
            if f"visible{k}" in want:
                out[f"visible{k}"] = points_visible(shots.points[k], shots.point_depth[k], shots.depth, self.size)
            if f"landmarks{k}" in want:
                points = shots.points[k]
                if rough:
                    noise = np.stack(
                        [self._random(_WORDS + 10 + POINTS.index(k), i).standard_normal((int(k), 2)) for i in indices]
                    ).astype(np.float32)
                    points = annotate_points(points, shots.points["68"], torch.from_numpy(noise).to(points.device))
                out[f"landmarks{k}"] = points

    def _add_companions(self, indices: list[int], people: list[Params], behind: Tensor) -> Tensor:
        """Other people, half the resolution, out of focus, painted behind the main person."""
        owners = [n for n, p in enumerate(people) for _ in range(p["companions"])]
        if not owners:
            return behind
        guests: list[Params] = []
        seen: dict[int, int] = {}
        for n in owners:
            seen[n] = seen.get(n, 0) + 1
            rng = self._random(_COMPANION + 100 * seen[n], indices[n])
            p = sample_identity(rng)
            p.update(sample_shot(rng, p, self.domain, (-60.0, 60.0), (-15.0, 15.0), (-15.0, 15.0)))
            for name in ("sh", "key_dir", "key_rgb", "rim", "distance"):
                p[name] = people[n][name]
            side = (1 if rng.random() < 0.5 else -1) * (1 if seen[n] == 1 else -1)
            p["place"] = np.array(
                [
                    1.0,
                    rng.uniform(0.55, 0.95),
                    self.size * (0.5 + side * rng.uniform(0.48, 0.66)),
                    self.size * rng.uniform(0.25, 0.6),
                ]
            )
            guests.append(p)
        b = stack(guests, self.device)
        assert self._studio is not None
        samples = self.samples // 2
        samples += samples % 2
        shots = render(b, self._studio, self.size, samples, self.framing, want_free=False)
        there = (shots.depth < FAR).float()[:, None]
        soft = blur(
            torch.cat((shots.light * there, there), 1), torch.full((len(owners),), samples / 110, device=self.device)
        )
        soft = F.interpolate(soft, size=behind.shape[-2:], mode="bilinear", align_corners=False)
        for k, n in enumerate(owners):
            behind = behind.index_copy(
                0, torch.tensor([n], device=self.device), (behind[n] * (1 - soft[k, 3:]) + soft[k, :3])[None]
            )
        return behind
