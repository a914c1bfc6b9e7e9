"""Generated faces: an embedded data set of rendered 3D heads with exact labels for every task.

Image ``i`` of a seed is the same on every machine and in every batch (to within rounding).

Example:
    >>> faces = GeneratedFaces(seed=0, size=128)
    >>> face = faces[7]  # GeneratedFace: image, mask, landmarks, attributes, caption, ...
    >>> batch = faces.batch(range(32), want=("image", "mask", "landmarks68"))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.global_state import default_settings
from ...core.parallel_jobs import parallel_map
from .annotator import annotate_mask, annotate_points, points_visible
from .background import render_background
from .camera import develop
from .companions import add_companions
from .face_attributes import ATTRIBUTES, attributes
from .face_captions import caption
from .generated_face import GeneratedFace
from .identity_parameters import Params, sample_identity
from .image_parameters import sample_image_parameters
from .parallel import map_in_parts
from .parameter_tensors import stack_parameters
from .random_streams import ANNOTATION, CAPTION, CAPTURE, IDENTITY, random_stream
from .raycast import FAR
from .renderer import Rendered, SharedMaps, render
from .settings import Range, check_index, check_request, check_settings
from .styles import STYLES, paint

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


class GeneratedFaces:
    """A sequence of rendered faces, indexed from 0 to ``length - 1``.

    Args:
        seed: Any non-negative integer. Each seed is another data set.
        size: Side of the square images in pixels, 16 to 1024.
        domain: "studio" has plain backgrounds and exact labels. "wild" varies camera and background, adds other
            people, and gives the labels the errors and habits of human annotators.
        device: Device of the renderer. None is the CPU.
        length: Number of images. An image is rendered only when it is requested.
        yaw: Range in degrees, within -75 to 75.
        pitch: Range in degrees, within -25 to 25.
        roll: Range in degrees, within -30 to 30.
        identity: Number of the only person in the images. With None there are many people.
        faces_per_identity: Number of consecutive images of the same person.
        framing: Side of the image divided by the side of the box around the 68 points, 1 to 6. The crops of 300-W
            have 1.6.
        supersample: Rays per pixel and axis, 1 to 4. None chooses by size.

    Raises:
        ValueError: If an argument is outside its range.

    Example:
        >>> faces = GeneratedFaces(seed=0, size=128, domain="wild", yaw=(-30, 30))
        >>> faces[7].image.shape
        (128, 128, 3)
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
            raise ValueError(f"expected domain to be one of {', '.join(DOMAINS)}, got {domain!r}")
        check_settings(size, framing, supersample, {"yaw": (yaw, 75.0), "pitch": (pitch, 25.0), "roll": (roll, 30.0)})
        if seed < 0 or length < 1 or faces_per_identity < 1:
            raise ValueError(
                f"expected seed >= 0, length >= 1 and faces_per_identity >= 1, "
                f"got {seed}, {length} and {faces_per_identity}"
            )
        if identity is not None and identity < 0:
            raise ValueError(f"expected identity to be None or >= 0, got {identity}")
        self.seed, self.size, self.domain, self.length = seed, size, domain, length
        self.device = torch.device("cpu" if device is None else device)
        self.yaw, self.pitch, self.roll = yaw, pitch, roll
        self.identity, self.faces_per_identity, self.framing = identity, faces_per_identity, framing
        self.samples = round(size * (supersample or (1.5 if size <= 160 else 1.25)))
        self.samples += self.samples % 2
        self._shared: SharedMaps | None = None

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[GeneratedFace]:
        return (self[i] for i in range(self.length))

    def __getitem__(self, index: int) -> GeneratedFace:
        index = check_index(index, self.length, "faces")
        b = self.batch([index], want=[name for name in WANTS if name not in STYLES and name != "depth"])

        def image(name: str) -> np.ndarray:
            return b[name][0].permute(1, 2, 0).contiguous().cpu().numpy()

        points = {f"{kind}{k}": b[f"{kind}{k}"][0].cpu().numpy() for kind in ("landmarks", "visible") for k in POINTS}
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
            **points,
        )

    def parameters(self, index: int) -> Params:
        """Return every number that defines an image, by name.

        The names serve for study and are not a stable interface.

        Args:
            index: Index of the image.

        Returns:
            Name -> number, string, array or dictionary of weights.

        Raises:
            IndexError: If the index is outside the set.
        """
        index = check_index(index, self.length, "faces")
        p = sample_identity(random_stream(self.seed, IDENTITY, self.identity_of(index)))
        rng = random_stream(self.seed, CAPTURE, index)
        p.update(sample_image_parameters(rng, p, self.domain, self.yaw, self.pitch, self.roll))
        p["place"] = np.zeros(4)
        return p

    def identity_of(self, index: int) -> int:
        """Return the number of the person in an image.

        Args:
            index: Index of the image, 0 or more.

        Returns:
            Number of the person.
        """
        return self.identity if self.identity is not None else index // self.faces_per_identity

    @default_settings()
    def batch(self, indices: Iterable[int], want: Sequence[str] = ("image", "mask", "landmarks68")) -> dict[str, Any]:
        """Render many images at once. This is faster than indexing one by one.

        The names that ``want`` may contain:

        - ``image``, ``shadow_free``, ``comic``, ``pencil``: (N, 3, H, W) uint8 RGB
        - ``mask``: (N, H, W) uint8, class ids of FACEKIT_27
        - ``depth``: (N, H, W) float32, millimetres to the camera, inf on the background
        - ``landmarks68``, ``landmarks44``, ``landmarks98``: (N, K, 2) float32 pixels (x, y)
        - ``visible68``, ``visible44``, ``visible98``: (N, K) bool
        - ``attributes``: (N, 36) bool, in the order of ATTRIBUTES
        - ``pose``: (N, 3) degrees (yaw, pitch, roll)
        - ``identity``: (N,) int64
        - ``caption``: list of N strings

        Args:
            indices: Indices of the images.
            want: Names of the outputs.

        Returns:
            Name -> tensor on the device of the set, or the list of captions.

        Raises:
            ValueError: If a name is unknown or no index is given.
            IndexError: If an index is outside the set.
        """
        checked = [check_index(int(i), self.length, "faces") for i in indices]
        check_request(checked, tuple(want), WANTS)
        if self._shared is None:
            map_size = 160 if self.size <= 160 else 320
            self._shared = parallel_map([map_size], lambda side: SharedMaps.build(self.device, side))[0]
        parts = map_in_parts(checked, self.samples**2, self.device, lambda part: self._render_part(part, want))
        return {
            name: list(chain.from_iterable(part[name] for part in parts))
            if name == "caption"
            else torch.cat([part[name] for part in parts])
            for name in want
        }

    @torch.no_grad()
    def _render_part(self, indices: list[int], want: Sequence[str]) -> dict[str, Any]:
        """Compute the outputs of some images; the arguments and the result are those of ``batch``."""
        parameters = [self.parameters(i) for i in indices]
        out: dict[str, Any] = {}
        if "attributes" in want:
            truths = [attributes(p) for p in parameters]
            out["attributes"] = torch.tensor([[t[name] for name in ATTRIBUTES] for t in truths], device=self.device)
        if "caption" in want:
            out["caption"] = [
                caption(p, random_stream(self.seed, CAPTION, i)) for p, i in zip(parameters, indices, strict=True)
            ]
        if "pose" in want:
            out["pose"] = torch.tensor([[p["yaw"], p["pitch"], p["roll"]] for p in parameters], device=self.device)
        if "identity" in want:
            out["identity"] = torch.tensor([self.identity_of(i) for i in indices], device=self.device)
        if set(want) - set(out):
            self._add_rendered(indices, parameters, want, out)
        return out

    def _add_rendered(
        self, indices: list[int], parameters: list[Params], want: Sequence[str], out: dict[str, Any]
    ) -> None:
        """Add the outputs that need rays to ``out``."""
        assert self._shared is not None
        b = stack_parameters(parameters, self.device)
        rendered = render(b, self._shared, self.size, self.samples, self.framing, with_unshadowed=True)
        ids = self._resize(rendered.ids.float()).to(torch.uint8)
        if {"image", "shadow_free", *STYLES} & set(want):
            self._add_images(indices, parameters, b, rendered, ids, want, out)
        out["mask"] = annotate_mask(b, self._shared.bank, ids) if self.domain == "wild" else ids
        self._add_points(indices, rendered, want, out)
        if "depth" in want:
            depth = self._resize(rendered.depth)
            out["depth"] = torch.where(depth < FAR, depth, torch.full_like(depth, torch.inf))

    def _resize(self, value: Tensor) -> Tensor:
        """Resize (N, S, S) to the size of the image by nearest neighbour."""
        return F.interpolate(value[:, None], size=(self.size, self.size), mode="nearest-exact")[:, 0]

    def _add_images(
        self,
        indices: list[int],
        parameters: list[Params],
        b: dict[str, Tensor],
        rendered: Rendered,
        ids: Tensor,
        want: Sequence[str],
        out: dict[str, Any],
    ) -> None:
        """Add the image, its version without foreign shadows and the artistic styles to ``out``."""
        assert self._shared is not None
        bank = self._shared.bank
        background = add_companions(
            render_background(b, bank, self.samples),
            indices,
            parameters,
            seed=self.seed,
            domain=self.domain,
            size=self.size,
            samples=self.samples,
            framing=self.framing,
            shared=self._shared,
        )
        covered = (rendered.depth < FAR)[:, None]
        image = develop(b, bank, torch.where(covered, rendered.light, background), self.size)
        shadow_free = image
        if {"shadow_free", *STYLES} & set(want):
            shadowed = torch.nonzero(b["foreign"] > 0)[:, 0]
            if len(shadowed):
                assert rendered.unshadowed is not None
                light = torch.where(covered, rendered.unshadowed, background)[shadowed]
                clean = develop({name: value[shadowed] for name, value in b.items()}, bank, light, self.size)
                shadow_free = image.index_copy(0, shadowed, clean)
        out.update(image=image, shadow_free=shadow_free)
        for style in STYLES:
            if style in want:
                out[style] = paint(style, shadow_free, ids)

    def _add_points(self, indices: list[int], rendered: Rendered, want: Sequence[str], out: dict[str, Any]) -> None:
        """Add landmarks and their visibility to ``out``."""
        for number, k in enumerate(POINTS):
            points = rendered.points[k]
            if f"visible{k}" in want:
                out[f"visible{k}"] = points_visible(points, rendered.point_depth[k], rendered.depth, self.size)
            if f"landmarks{k}" in want:
                if self.domain == "wild":
                    streams = [random_stream(self.seed, ANNOTATION + number, i) for i in indices]
                    noise = np.stack([rng.standard_normal((int(k), 2)) for rng in streams]).astype(np.float32)
                    points = annotate_points(points, rendered.points["68"], torch.from_numpy(noise).to(points.device))
                out[f"landmarks{k}"] = points
