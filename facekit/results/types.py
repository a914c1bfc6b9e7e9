"""Results of predictions: frozen, in the original image's pixels; (0, 0) is the centre of its top-left pixel."""

from __future__ import annotations

import functools
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..annotations.run_lengths import mask_to_runs
from ..labels import (
    LandmarkSet,
    SegmentationSet,
    convert_landmarks,
    landmark_set,
    segmentation_map,
    segmentation_set,
)
from ..labels.palettes import palette_image
from . import drawing
from .attribute_probabilities import Attributes
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
from .visibility import visible_points

__all__ = ["Attributes", "Box", "Drawable", "ImageResult", "Landmarks", "Segmentation"]


@dataclass(frozen=True, eq=False, repr=False)
class Landmarks(Drawable):
    """Landmarks of one face.

    Attributes:
        points: (K,2) float32 in the image's pixels; NaN points are unknown.
        scores: (K,) float32 in [0, 1].
        labels: The set that names the points.
        image: (H,W,3) uint8 RGB.
        box: The face's box (x0, y0, x1, y1); None if the whole image was used.

    Raises:
        ValueError: If shapes do not fit the set.
    """

    points: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: LandmarkSet
    image: NDArray[np.uint8]
    box: Box | None = None

    def __post_init__(self) -> None:
        points, scores = np.asarray(self.points, np.float32), np.asarray(self.scores, np.float32)
        if points.shape != (len(self.labels), 2) or scores.shape != (len(self.labels),):
            raise ValueError(
                f"set {self.labels.name!r}: expected points ({len(self.labels)}, 2) and scores ({len(self.labels)},), "
                f"got {points.shape} and {scores.shape}"
            )
        store(self, points=points, scores=scores, image=rgb_array(self.image), box=box_numbers(self.box))

    def __repr__(self) -> str:
        return f"Landmarks({len(self.labels)} points of set {self.labels.name!r}, {about_frame(self)})"

    def draw_on(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw the points on a copy of an image of the same size, (H,W,3) uint8. Hidden points are faded rings."""
        # Frames are 1.6 times as large as the face.
        size = None if self.box is None else max(self.box[2] - self.box[0], self.box[3] - self.box[1]) / 1.6
        return drawing.draw_landmarks(same_size(canvas, self.image), self.points, self.labels, self.visible, size)

    @property
    def visible(self) -> NDArray[np.bool_]:
        """Estimate which points are visible, (K,) bool; see `results.visibility`.

        Hidden are points of the far side of a turned head, and points with a score below 0.2.
        """
        return visible_points(self.points, self.labels, self.scores)

    def to(self, target: LandmarkSet | str) -> Landmarks:
        """Convert the points to another set, by their names.

        Args:
            target: A landmark set, or its name.

        Returns:
            The same face. Points that can neither be copied nor derived are NaN, with score 0.
        """
        target = landmark_set(target)
        points = convert_landmarks(self.points, self.labels, target)
        scores = np.nan_to_num(convert_landmarks(self.scores[:, None], self.labels, target)[:, 0], nan=0.0)
        return Landmarks(points, scores, target, self.image, self.box)

    def to_dict(self) -> dict[str, Any]:
        """Return the names, points and scores, ready for JSON."""
        return {
            "kind": "landmarks",
            "labels": self.labels.name,
            "names": list(self.labels.points),
            "points": [None if not np.isfinite(p).all() else [json_number(v) for v in p] for p in self.points],
            "scores": [json_number(v) for v in self.scores],
            "visible": self.visible.tolist(),
            **frame_dict(self),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation(Drawable):
    """Parts of one face.

    Attributes:
        mask: (H,W) uint8 class ids, 255 = ignore.
        labels: The set that names the classes.
        image: (H,W,3) uint8 RGB.
        box: The face's box (x0, y0, x1, y1); None if the whole image was used.
        unadapted: The parts that a label adapter got as input; None without one.

    Raises:
        ValueError: If the mask has another size than the image, or holds other ids.
    """

    mask: NDArray[np.uint8]
    labels: SegmentationSet
    image: NDArray[np.uint8]
    box: Box | None = None
    unadapted: Segmentation | None = None

    def __post_init__(self) -> None:
        mask, image = np.asarray(self.mask), rgb_array(self.image)
        if mask.shape != image.shape[:2]:
            raise ValueError(f"mask: expected the image's size {image.shape[:2]}, got shape {mask.shape}")
        n = len(self.labels)
        if mask.size and not 0 <= mask.min() <= mask.max() < n:  # seldom: np.unique of a large mask is slow
            wrong = sorted(set(np.unique(mask).tolist()) - set(range(n)) - {self.labels.ignore})
        else:
            wrong = []
        if wrong:
            ids = f"0..{n - 1} and {self.labels.ignore} for ignore"
            raise ValueError(f"mask: expected ids {ids} of set {self.labels.name!r}, got ids {wrong[:5]}")
        store(self, mask=mask.astype(np.uint8), image=image, box=box_numbers(self.box))

    def __repr__(self) -> str:
        shown = ", ".join(name for name, _ in drawing.legend_entries([self.mask], self.labels)) or "background only"
        return f"Segmentation({shown}; set {self.labels.name!r}, {about_frame(self)})"

    def draw(self, legend: bool = False) -> NDArray[np.uint8]:
        """Draw the classes as translucent colours on the image.

        Args:
            legend: Whether to add a strip at the right that names the colours.

        Returns:
            (H,W,3) uint8 RGB, wider with a legend.
        """
        drawn = self.draw_on(self.image)
        return drawing.add_legend(drawn, drawing.legend_entries([self.mask], self.labels)) if legend else drawn

    def draw_on(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw the mask on a copy of an image of the same size, (H,W,3) uint8."""
        return drawing.draw_mask(same_size(canvas, self.image), self.mask, self.labels)

    def to(self, target: SegmentationSet | str) -> Segmentation:
        """Convert the mask to the classes of another set; see `labels.segmentation_map`.

        Args:
            target: A segmentation set, or its name.

        Returns:
            The same face; 255 at pixels whose class the set does not have. ``unadapted`` keeps its own classes.
        """
        target = segmentation_set(target)
        return replace(self, mask=segmentation_map(self.labels, target)[self.mask], labels=target)

    def save_mask(self, path: str | os.PathLike[str]) -> None:
        """Write the mask as a palette PNG: its values are the ids, its colours those of the set.

        Ignored pixels are white. Missing folders are made.

        Args:
            path: A file .png.

        Raises:
            ValueError: For another suffix, or a path that cannot be written.
        """
        target = Path(path)
        if target.suffix.lower() != ".png":
            raise ValueError(f"{target.name}: expected a file .png, which keeps every id; change the suffix")
        image = palette_image(self.mask, self.labels)
        write_whole(target, lambda file: image.save(file, format="PNG"))

    @property
    def naked(self) -> Segmentation | None:
        """Return ``unadapted`` under its name of the last release."""
        warnings.warn(
            "the field 'naked' was renamed, expected 'unadapted'; use that name", DeprecationWarning, stacklevel=2
        )
        return self.unadapted

    def to_dict(self) -> dict[str, Any]:
        """Return the classes, colours and the mask as runs, ready for JSON."""
        return {
            "kind": "segmentation",
            "labels": self.labels.name,
            "classes": list(self.labels.classes),
            "palette": [list(colour) for colour in self.labels.palette],
            "runs": mask_to_runs(self.mask),
            # The key of files that were written before the field was renamed.
            **({} if self.unadapted is None else {"naked": self.unadapted.to_dict()}),
            **frame_dict(self),
        }

    def _repr_png_(self) -> bytes:
        return png_bytes(self.show(legend=True))


@dataclass(frozen=True, eq=False, repr=False)
class ImageResult(Drawable):
    """An image that a model made of an image: stylised, or without shadows.

    Attributes:
        pixels: The new pixels, (h,w,3) uint8 RGB: those of the whole image, or of a rectangle of it.
        image: The original image, (H,W,3) uint8 RGB.
        box: The face's box (x0, y0, x1, y1); None if the whole image was used.
        corner: Column and row (x, y) of the rectangle's first pixel in the image.
        coverage: How far new pixels replace the original ones, (h,w) uint8: 0 keeps the original pixel, 255 is the new
            one. None is 255 everywhere.

    Raises:
        ValueError: If the rectangle is not inside the image, or the coverage has another size.
    """

    pixels: NDArray[np.uint8]
    image: NDArray[np.uint8]
    box: Box | None = None
    corner: tuple[int, int] = (0, 0)
    coverage: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        pixels, image = rgb_array(self.pixels), rgb_array(self.image)
        corner = int(self.corner[0]), int(self.corner[1])
        (h, w), (height, width), (x, y) = pixels.shape[:2], image.shape[:2], corner
        if not (0 <= x <= width - w and 0 <= y <= height - h):
            raise ValueError(
                f"pixels: expected a rectangle inside the image {(height, width)}, got {(h, w)} at column {x}, row {y}"
            )
        if self.coverage is not None and self.coverage.shape != (h, w):
            raise ValueError(f"coverage: expected the pixels' size {(h, w)}, got {self.coverage.shape}")
        store(self, pixels=pixels, image=image, box=box_numbers(self.box), corner=corner)

    def __repr__(self) -> str:
        return f"Image({about_frame(self)})"

    @property
    def region(self) -> tuple[slice, slice]:
        """Rows and columns of the image that the new pixels replace."""
        (x, y), (h, w) = self.corner, self.pixels.shape[:2]
        return slice(y, y + h), slice(x, x + w)

    @functools.cached_property
    def output(self) -> NDArray[np.uint8]:
        """The whole new image, (H,W,3) uint8 RGB. It is put together when it is first read."""
        if self.pixels.shape == self.image.shape and self.coverage is None:
            return self.pixels
        output = self.image.copy()
        output[self.region] = self._over(self.image)
        return output

    def _over(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the rectangle of an image with the new pixels over it, as far as they cover it."""
        if self.coverage is None:
            return self.pixels
        old = canvas[self.region].astype(np.float32)
        alpha = self.coverage[..., None].astype(np.float32) / 255
        return np.rint(old + (self.pixels - old) * alpha).astype(np.uint8)

    @property
    def picture(self) -> NDArray[np.uint8]:
        """Return ``output`` under its name of the last release."""
        warnings.warn(
            "the field 'picture' was renamed, expected 'output'; use that name", DeprecationWarning, stacklevel=2
        )
        return self.output

    def draw(self, compare: bool = False) -> NDArray[np.uint8]:
        """Return the new image.

        Args:
            compare: Whether to put the original to its left.
        """
        return np.concatenate([self.image, self.output], axis=1) if compare else self.output.copy()

    def draw_on(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw the new pixels on a copy of an image of the same size, (H,W,3) uint8, as far as they cover it."""
        drawn = same_size(canvas, self.image).copy()
        changed = (self.pixels != self.image[self.region]).any(axis=2, keepdims=True)
        np.copyto(drawn[self.region], self._over(drawn), where=changed)
        return drawn

    def to_dict(self) -> dict[str, Any]:
        """Return the size and box, ready for JSON."""
        return {"kind": "picture", **frame_dict(self)}
