"""Parts of faces that a person paints."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from ..images.types import Images
from ..labels import SegmentationSet, segmentation_set
from ..model import Model
from ..results import Drawable, Segmentation
from ..results.drawing import readable
from . import painting
from .face_labels import FaceLabels


class PartLabels(FaceLabels):
    """Masks of a label set on images, painted by brush, polygon and fill. Pixels without paint are background.

    Args:
        images: As in `facekit.adapt`.
        names: A label set, its name, or a list of classes, background first.
        masks: Masks to begin with, N arrays (H, W) of class ids.
        model: A model, its file or the name of a ready model, whose predictions can be taken as a start.
        on_view: Function that is called when anything that the canvas shows has changed.

    Raises:
        ImageError: If an image cannot be read.
        ValueError: If names or masks are wrong.

    Example:
        >>> labels = PartLabels(images, ["background", "hair", "mouth"])
        >>> labels.brush([(20, 30), (40, 30)], 9, "hair")
    """

    task: Literal["landmarks", "segmentation"] = "segmentation"
    _label_set: SegmentationSet

    def __init__(
        self,
        images: Images,
        names: SegmentationSet | str | Sequence[str],
        masks: Sequence[ArrayLike] | NDArray[Any] | None = None,
        model: Model | str | os.PathLike[str] | None = None,
        on_view: Callable[[], None] = lambda: None,
    ):
        FaceLabels.__init__(self, images, segmentation_set(names), masks, model, on_view)

    @property
    def names(self) -> SegmentationSet:
        """The label set, as ``names`` of `facekit.adapt`."""
        return self._label_set

    @property
    def masks(self) -> list[NDArray[np.uint8]]:
        """Masks of all images, N arrays (H, W) uint8 of class ids. Copies."""
        return [mask.copy() for mask in self._labels]

    def brush(self, path: ArrayLike, size: float, part: int | str) -> None:
        """Paint one stroke.

        Args:
            path: Points x, y of the stroke in pixels, (P, 2).
            size: Diameter of the brush in pixels.
            part: Index or name of the class. The background erases.

        Raises:
            ValueError: If there is no such class, or the path or size is wrong.
        """
        if not 1 <= size <= 10_000:
            raise ValueError(f"expected a brush of 1 to 10000 pixels, got size={size}; choose another size")
        self._store(painting.stroke(self._labels[self.index], _path(path, 1), size, self._index(part)))

    def polygon(self, corners: ArrayLike, part: int | str) -> None:
        """Fill a polygon.

        Args:
            corners: Corners x, y in pixels, (P, 2), at least three.
            part: Index or name of the class.

        Raises:
            ValueError: If there is no such class, or fewer than three corners.
        """
        self._store(painting.polygon(self._labels[self.index], _path(corners, 3), self._index(part)))

    def fill(self, x: float, y: float, part: int | str) -> None:
        """Give a class to the connected region of one class around a pixel, such as the inside of an outline.

        Args:
            x: Column in pixels.
            y: Row in pixels.
            part: Index or name of the class.

        Raises:
            ValueError: If there is no such class.
        """
        self._store(painting.fill(self._labels[self.index], x, y, self._index(part)))

    def _index(self, part: int | str) -> int:
        """Return the id of a class, or raise ValueError."""
        if isinstance(part, str):
            return self.names.index(part)
        if not 0 <= part < len(self.names):
            raise ValueError(f"expected a class from 0 to {len(self.names) - 1}, got {part}; choose one of these")
        return int(part)

    def _empty(self, index: int) -> NDArray[np.uint8]:
        return np.zeros(self.images[index].shape[:2], np.uint8)

    def _checked(self, label: Any, index: int) -> NDArray[np.uint8]:
        try:
            return Segmentation(np.asarray(label), self.names, self.images[index]).mask.copy()
        except ValueError as error:
            raise ValueError(f"image {index}: {error}") from None

    def _is_label(self, label: NDArray[Any]) -> bool:
        return bool(label.any())

    def _stacked(self, labels: list[NDArray[Any]]) -> list[NDArray[np.uint8]]:
        return [label.copy() for label in labels]

    def _converted(self, result: Drawable) -> NDArray[np.uint8]:
        if not isinstance(result, Segmentation):
            raise ValueError(f"expected a model of parts, got one of {type(result).__name__}; pass another model")
        same = result.labels.classes == self.names.classes
        mask = result.mask if same else result.to(self.names).mask
        # Classes of the model that this set does not have are background.
        known = np.where(mask == self.names.ignore, 0, mask).astype(np.uint8)
        if not known.any():
            listing = ", ".join(result.labels.classes[1:7])
            raise ValueError(f"image {self.index}: expected some of these parts, and the model ({listing}) found none")
        return known

    def drawn(self, index: int) -> NDArray[np.uint8]:
        """Return an image with its parts drawn on it, RGB (H, W, 3) uint8."""
        return Segmentation(self._labels[index], self.names, self.images[index]).draw()

    def overlay(self) -> NDArray[np.uint8]:
        """Return the paint of the current image in the size of the browser, RGBA (H, W, 4) uint8."""
        mask = self._labels[self.index]
        colours = np.zeros((256, 4), np.uint8)
        colours[1 : len(self.names)] = [(*colour, 255) for colour in self.names.palette[1:]]
        small = Image.fromarray(mask).resize(self._shown_size(), Image.Resampling.NEAREST)
        return colours[np.asarray(small)]

    def _shown(self) -> dict[str, Any]:
        done = f"{len(self.labelled)} of {len(self.images)} images have paint"
        return {
            "names": [readable(name) for name in self.names.classes],
            "colours": ["#{:02x}{:02x}{:02x}".format(*colour) for colour in self.names.palette],
            "text": f"Image {self.index + 1} · paint the parts · {done}",
        }

    def _actions(self) -> dict[str, Callable[..., None]]:
        return {"brush": self.brush, "polygon": self.polygon, "fill": self.fill}


def _path(points: ArrayLike, least: int) -> NDArray[np.float64]:
    """Return the points of a path, or raise ValueError."""
    path = np.asarray(points, np.float64)
    if path.ndim != 2 or path.shape[1] != 2 or len(path) < least or not np.isfinite(path).all():
        raise ValueError(
            f"expected at least {least} finite points (P, 2), got shape {path.shape}; pass x and y of each"
        )
    return path
