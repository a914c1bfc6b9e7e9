"""What predict returns: frozen results in the original image's pixels, that draw, show and save themselves.

Coordinates: (x, y) = (0, 0) is the centre of the top-left pixel of the image that came in.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..annotations.run_lengths import mask_to_runs
from ..labels import (
    AttributeSet,
    LandmarkSet,
    SegmentationSet,
    convert_landmarks,
    landmark_set,
    segmentation_map,
    segmentation_set,
)
from . import drawing
from .drawable import (
    Box,
    Drawable,
    about_frame,
    box_numbers,
    frame_dict,
    json_number,
    png_bytes,
    rgb_array,
    same_size,
    store,
    write_whole,
)

__all__ = ["Attributes", "Box", "Drawable", "Faces", "Landmarks", "ImageResult", "Segmentation"]


@dataclass(frozen=True, eq=False, repr=False)
class Landmarks(Drawable):
    """Landmarks of one face: points (K,2) float32, scores (K,) float32 in [0,1], the set that names them, the image
    (H,W,3) uint8 and the face's box, None where the whole image was used. NaN points are unknown."""

    points: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: LandmarkSet
    image: NDArray[np.uint8]
    box: Box | None = None

    def __post_init__(self) -> None:
        points, scores = np.asarray(self.points, np.float32), np.asarray(self.scores, np.float32)
        if points.shape != (len(self.labels), 2) or scores.shape != (len(self.labels),):
            raise ValueError(
                f"points {points.shape} and scores {scores.shape} came, but set {self.labels.name!r} needs "
                f"({len(self.labels)}, 2) and ({len(self.labels)},)"
            )
        store(self, points=points, scores=scores, image=rgb_array(self.image), box=box_numbers(self.box))

    def __repr__(self) -> str:
        return f"Landmarks({len(self.labels)} points of set {self.labels.name!r}, {about_frame(self)})"

    def draw_on(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return drawing.draw_landmarks(same_size(canvas, self.image), self.points, self.labels)

    def to(self, target: LandmarkSet | str) -> Landmarks:
        """The same face in another set's points, by name; those that neither exist nor follow are NaN, score 0."""
        target = landmark_set(target)
        points = convert_landmarks(self.points, self.labels, target)
        scores = np.nan_to_num(convert_landmarks(self.scores[:, None], self.labels, target)[:, 0], nan=0.0)
        return Landmarks(points, scores, target, self.image, self.box)

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "landmarks",
            "labels": self.labels.name,
            "names": list(self.labels.points),
            "points": [None if not np.isfinite(p).all() else [json_number(v) for v in p] for p in self.points],
            "scores": [json_number(v) for v in self.scores],
            **frame_dict(self),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation(Drawable):
    """Parts of one face: mask (H,W) uint8 of class ids (255 = ignore), the set that names them, the image (H,W,3)
    uint8 and the face's box, None where the whole image was used. naked: what a label adapter was given, or None."""

    mask: NDArray[np.uint8]
    labels: SegmentationSet
    image: NDArray[np.uint8]
    box: Box | None = None
    naked: Segmentation | None = None

    def __post_init__(self) -> None:
        mask, image = np.asarray(self.mask), rgb_array(self.image)
        if mask.shape != image.shape[:2]:
            raise ValueError(f"a mask of shape {mask.shape} came, but the image is {image.shape[:2]}")
        wrong = sorted(set(np.unique(mask).tolist()) - set(range(len(self.labels))) - {self.labels.ignore})
        if wrong:
            known = f"0..{len(self.labels) - 1} and {self.labels.ignore} for ignore"
            raise ValueError(f"the mask holds ids {wrong[:5]}, but set {self.labels.name!r} has {known}")
        store(self, mask=mask.astype(np.uint8), image=image, box=box_numbers(self.box))

    def __repr__(self) -> str:
        shown = ", ".join(name for name, _ in drawing.legend_entries([self.mask], self.labels)) or "background only"
        return f"Segmentation({shown}; set {self.labels.name!r}, {about_frame(self)})"

    def draw(self, legend: bool = False) -> NDArray[np.uint8]:
        """The image under translucent classes; legend=True adds a strip to its right that names the colours."""
        drawn = self.draw_on(self.image)
        return drawing.add_legend(drawn, drawing.legend_entries([self.mask], self.labels)) if legend else drawn

    def draw_on(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return drawing.draw_mask(same_size(canvas, self.image), self.mask, self.labels)

    def to(self, target: SegmentationSet | str) -> Segmentation:
        """The same face in another set's classes (labels.segmentation_map); 255 where that set has no such class."""
        target = segmentation_set(target)
        return Segmentation(segmentation_map(self.labels, target)[self.mask], target, self.image, self.box)

    def save_mask(self, path: str | os.PathLike[str]) -> None:
        """Writes the ids as a palette PNG: programs read the numbers, people see the colours; ignored pixels are white.

        Missing folders are made. Raises ValueError for a suffix other than .png.
        """
        target = Path(path)
        if target.suffix.lower() != ".png":
            raise ValueError(f"{target.name} came: masks are saved as .png, which keeps every id")
        image = drawing.palette_image(self.mask, self.labels)
        write_whole(target, lambda file: image.save(file, format="PNG"))

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "segmentation",
            "labels": self.labels.name,
            "classes": list(self.labels.classes),
            "palette": [list(colour) for colour in self.labels.palette],
            "runs": mask_to_runs(self.mask),
            **({} if self.naked is None else {"naked": self.naked.to_dict()}),
            **frame_dict(self),
        }

    def _repr_png_(self) -> bytes:
        return png_bytes(self.show(legend=True))


@dataclass(frozen=True, eq=False, repr=False)
class ImageResult(Drawable):
    """A new image (H,W,3) uint8, stylised or without shadows, the one it came from, and the face's box, None where
    the whole image was used."""

    output: NDArray[np.uint8]
    image: NDArray[np.uint8]
    box: Box | None = None

    def __post_init__(self) -> None:
        output, image = rgb_array(self.output), rgb_array(self.image)
        if output.shape != image.shape:
            raise ValueError(f"a new image of shape {output.shape} came, but the original is {image.shape}")
        store(self, output=output, image=image, box=box_numbers(self.box))

    def __repr__(self) -> str:
        return f"Image({about_frame(self)})"

    @property
    def picture(self) -> NDArray[np.uint8]:
        """Return ``output`` under its name of the last release."""
        warnings.warn(
            "the field 'picture' was renamed, expected 'output'; use that name", DeprecationWarning, stacklevel=2
        )
        return self.output

    def draw(self, compare: bool = False) -> NDArray[np.uint8]:
        """The new image; compare=True puts the original to its left."""
        return np.concatenate([self.image, self.output], axis=1) if compare else self.output.copy()

    def draw_on(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        changed = (self.output != self.image).any(axis=2, keepdims=True)
        return np.where(changed, self.output, same_size(canvas, self.image))

    def to_dict(self) -> dict[str, Any]:
        return {"kind": "picture", **frame_dict(self)}


@dataclass(frozen=True, eq=False, repr=False)
class Attributes(Drawable):
    """What a face is like: probabilities (A,) float32 in [0,1], the set that names them, the image (H,W,3) uint8 and
    the face's box, None where the whole image was used. NaN probabilities are unknown."""

    probabilities: NDArray[np.float32]
    labels: AttributeSet
    image: NDArray[np.uint8]
    box: Box | None = None

    def __post_init__(self) -> None:
        probabilities = np.asarray(self.probabilities, np.float32)
        if probabilities.shape != (len(self.labels),):
            needed = f"set {self.labels.name!r} needs ({len(self.labels)},)"
            raise ValueError(f"probabilities of shape {probabilities.shape} came, but {needed}: one an attribute")
        store(self, probabilities=probabilities, image=rgb_array(self.image), box=box_numbers(self.box))

    def __repr__(self) -> str:
        return f"Attributes({', '.join(f'{name} {100 * p:.0f} %' for name, p in self.top(3))}, {about_frame(self)})"

    def top(self, n: int | None = None) -> list[tuple[str, float]]:
        """(name, probability) of the n most likely attributes, most likely first; all where n is None."""
        order = np.argsort(-self.probabilities, kind="stable")[:n]
        return [(self.labels.names[i], float(self.probabilities[i])) for i in order]

    def present(self, threshold: float = 0.5) -> list[str]:
        """Names of the attributes at least that probable, most likely first."""
        return [name for name, p in self.top() if p >= threshold]

    def draw(self, panel: bool = True) -> NDArray[np.uint8]:
        """The face's box, and a strip of bars to the right of the image; panel=False writes the three most likely of
        what is present into the image."""
        if not panel:
            return self.draw_on(self.image)
        image = self.image if self.box is None else drawing.draw_box(self.image, self.box)
        return drawing.add_bars(image, [(drawing.readable(name), p) for name, p in self.top()])

    def draw_on(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        (h, w), box = self.image.shape[:2], self.box
        lines = [f"{drawing.readable(name)} {100 * p:.0f} %" for name, p in self.top(3) if p >= 0.5]
        return drawing.draw_box(same_size(canvas, self.image), box or (-0.5, -0.5, w - 0.5, h - 0.5), lines)

    def to_dict(self) -> dict[str, Any]:
        values = dict(zip(self.labels.names, map(json_number, self.probabilities), strict=True))
        return {"kind": "attributes", "labels": self.labels.name, "probabilities": values, **frame_dict(self)}


R = TypeVar("R", bound=Drawable)

_ONE_FACE = "predict() now returns Faces for every searched image, also for one face: use faces[0].{}"


class Faces(list[R], Drawable):
    """The results of all faces in one image, maybe none: a list that draws, shows and saves them together.

    `facekit.predict` returned the result itself for an image with one face in earlier versions. For one more release,
    `Faces` with one face has the attributes of that face, with a DeprecationWarning.

    Args:
        results: Results of the same image.
        image: That image, RGB uint8 of shape (H, W, 3). It may be left out where there is a result to take it from.

    Raises:
        ValueError: If results are of images of different sizes, or there is neither a result nor an image.
    """

    def __init__(self, results: Iterable[R] = (), image: NDArray[np.uint8] | None = None) -> None:
        super().__init__(results)
        if image is None and not self:
            raise ValueError("no results and no image came: pass image=, so that an empty list can be drawn")
        self.image = rgb_array(image if image is not None else self[0].image)
        sizes = sorted({result.image.shape[:2] for result in self} | {self.image.shape[:2]})
        if len(sizes) > 1:
            raise ValueError(f"results of images of sizes {sizes} came: Faces are those of one image")

    def __repr__(self) -> str:
        return f"Faces({list.__repr__(self)})"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or (self and not hasattr(self[0], name)):
            raise AttributeError(f"'Faces' object has no attribute {name!r}")
        if len(self) != 1:
            count = f"{len(self)} faces were" if self else "no face was"
            fix = f"expected one for .{name}; take it from each face: [face.{name} for face in faces]"
            raise AttributeError(f"{count} found in this image, {fix}")
        warnings.warn(_ONE_FACE.format(name), DeprecationWarning, stacklevel=2)
        return getattr(self[0], name)

    def draw(self, legend: bool = False, **options: Any) -> NDArray[np.uint8]:
        """Draw every face's result on the image.

        Args:
            legend: Whether to name the colours of segmentations in a strip at the right.
            options: Those of a single face's `draw`, for an image with one face (deprecated).
        """
        if options and len(self) == 1:
            names = ", ".join(f"{name}=..." for name in options)
            warnings.warn(_ONE_FACE.format(f"draw({names})"), DeprecationWarning, stacklevel=2)
        elif options:
            names = ", ".join(options)
            raise TypeError(f"draw() of {len(self)} faces got {names}, expected legend= only; draw each face for these")
        one = self[0] if len(self) == 1 else None
        if isinstance(one, Segmentation):
            return one.draw(legend, **options)
        if one is not None:
            return one.draw(**options)
        drawn = self.draw_on(self.image)
        entries: dict[str, drawing.Colour] = {}
        for part in self:
            if isinstance(part, Segmentation):
                entries |= dict(drawing.legend_entries([part.mask], part.labels))
        return drawing.add_legend(drawn, list(entries.items())) if legend and entries else drawn

    def draw_on(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        canvas = same_size(canvas, self.image).copy()
        for result in self:
            canvas = result.draw_on(canvas)
        return canvas

    def to_dict(self) -> dict[str, Any]:
        """Return the faces as plain lists, ready for JSON.

        For one more release, one face's own keys (such as "points") also stand beside "faces".
        """
        faces = [r.to_dict() for r in self]
        own = faces[0] if len(faces) == 1 else {}
        return {**own, "kind": "faces", "faces": faces, "size": list(self.image.shape[:2])}

    def _repr_png_(self) -> bytes:
        return png_bytes(self.show(legend=True))
