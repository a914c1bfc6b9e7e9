"""Landmarks that a person sets one after another."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..images.types import Images
from ..labels import LandmarkSet, colours_for, landmark_set
from ..model import Model
from ..results import Drawable, Landmarks
from ..results.drawing import readable
from .face_labels import FaceLabels
from .mirror_axis import mirror_missing


class PointLabels(FaceLabels):
    """Points of a label set on images. They are set one after another, and can be moved, mirrored and undone.

    Args:
        images: As in `facekit.adapt`.
        names: A label set, its name, or a list of names. Left-right pairs follow from the names.
        points: Points to begin with, (N, K, 2) in pixels, NaN for missing ones.
        model: A model, its file or the name of a ready model, whose predictions can be taken as a start.
        on_view: Function that is called when anything that the canvas shows has changed.

    Raises:
        ImageError: If an image cannot be read.
        ValueError: If names or points are wrong.

    Example:
        >>> labels = PointLabels(images, ["left_eye", "right_eye", "nose_tip"])
        >>> labels.place(30, 40)
    """

    task: Literal["landmarks", "segmentation"] = "landmarks"
    _label_set: LandmarkSet

    def __init__(
        self,
        images: Images,
        names: LandmarkSet | str | Sequence[str],
        points: ArrayLike | None = None,
        model: Model | str | os.PathLike[str] | None = None,
        on_view: Callable[[], None] = lambda: None,
    ):
        self._current: int | None = 0
        given = None if points is None else np.asarray(points, np.float32)
        FaceLabels.__init__(self, images, landmark_set(names), given, model, on_view)

    @property
    def names(self) -> LandmarkSet:
        """The label set, as ``names`` of `facekit.adapt`."""
        return self._label_set

    @property
    def points(self) -> NDArray[np.float32]:
        """Points of all images, (N, K, 2) in pixels, NaN for missing ones. A copy."""
        return np.stack(self._labels)

    def place(self, x: float, y: float) -> None:
        """Set the current point, and continue with the next missing one.

        Args:
            x: Column in pixels. 0 is the centre of the leftmost pixel.
            y: Row in pixels.

        Raises:
            ValueError: If all points are set, or the place is outside the image.
        """
        if self._current is None:
            raise ValueError("all points are set, expected a missing one; drag a point, or choose its name first")
        self.move(self._current, x, y)

    def move(self, point: int | str, x: float, y: float) -> None:
        """Set or move one point, and continue with the next missing one.

        Args:
            point: Its index or name.
            x: Column in pixels.
            y: Row in pixels.

        Raises:
            ValueError: If there is no such point, or the place is outside the image.
        """
        k = self._index(point)
        height, width = self.images[self.index].shape[:2]
        if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
            raise ValueError(f"expected a place in the image of {width} x {height}, got ({x:g}, {y:g}); click inside")
        label = self._labels[self.index].copy()
        label[k] = x, y
        self._current = self._next_missing(label, k)
        self._store(label)

    def select(self, point: int | str) -> None:
        """Choose the point that the next click sets.

        Args:
            point: Its index or name.
        """
        self._current = self._index(point)
        self.on_view()

    def skip(self) -> None:
        """Leave the current point missing (NaN), and continue with the next missing one."""
        if self._current is not None:
            self._current = self._next_missing(self._labels[self.index], self._current)
            self.on_view()

    def mirror(self) -> None:
        """Place the missing points whose partner is set, by the left-right pairs of the label set.

        The axis follows from complete pairs and from points in the middle of the face, such as the nose.
        """
        height, width = self.images[self.index].shape[:2]
        label = mirror_missing(self._labels[self.index], self.names.flip, width)
        label = label.clip(-0.5, (width - 0.5, height - 0.5)).astype(np.float32)
        self._current = self._next_missing(label, -1)
        self._store(label)

    def go(self, index: int) -> None:
        """Show another image.

        Args:
            index: Its index. Indices beyond the ends continue at the other end.
        """
        self._current = self._next_missing(self._labels[index % len(self.images)], -1)
        super().go(index)

    def _changed(self, index: int) -> None:
        label = self._labels[index]
        if self._current is None or np.isfinite(label[self._current, 0]):
            self._current = self._next_missing(label, -1)
        super()._changed(index)

    def undo(self) -> None:
        """Take back the last change, of any image. The canvas shows that image, and the next click sets that point."""
        self._current = None
        super().undo()

    def _next_missing(self, label: NDArray[np.float32], after: int) -> int | None:
        """Return the next missing point, around the end; None if all are set."""
        missing = np.flatnonzero(np.isnan(label[:, 0])).tolist()
        return next((k for k in missing if k > after), missing[0] if missing else None)

    def _index(self, point: int | str) -> int:
        """Return the index of a point, or raise ValueError."""
        if isinstance(point, str) and point in self.names.points:
            return self.names.points.index(point)
        if not isinstance(point, str) and 0 <= point < len(self.names):
            return int(point)
        listing = ", ".join(self.names.points[:10])
        raise ValueError(f"expected an index below {len(self.names)} or a name ({listing}), got {point!r}")

    def _empty(self, index: int) -> NDArray[np.float32]:
        return np.full((len(self.names), 2), np.nan, np.float32)

    def _checked(self, label: Any, index: int) -> NDArray[np.float32]:
        points = np.array(label, np.float32)
        if points.shape != (len(self.names), 2):
            raise ValueError(f"image {index}: expected points ({len(self.names)}, 2), got {points.shape}")
        points[np.isnan(points).any(1)] = np.nan
        return points

    def _is_label(self, label: NDArray[Any]) -> bool:
        return bool(np.isfinite(label).any())

    def _stacked(self, labels: list[NDArray[Any]]) -> NDArray[np.float32]:
        return np.stack(labels)

    def _converted(self, result: Drawable) -> NDArray[np.float32]:
        if not isinstance(result, Landmarks):
            raise ValueError(f"expected a model of landmarks, got one of {type(result).__name__}; pass another model")
        same = result.labels.points == self.names.points
        points = result.points if same else result.to(self.names).points
        if np.isnan(points).all():
            raise ValueError(
                f"expected a model with some of the points {_listing(self.names.points)}, got one with "
                f"{_listing(result.labels.points)}; choose another model, or label by hand"
            )
        return np.where(np.isnan(points), self._labels[self.index], points).astype(np.float32)

    def drawn(self, index: int) -> NDArray[np.uint8]:
        """Return an image with its points drawn on it, RGB (H, W, 3) uint8."""
        points = self._labels[index]
        scores = np.isfinite(points[:, 0]).astype(np.float32)
        return Landmarks(points, scores, self.names, self.images[index]).draw()

    def _shown(self) -> dict[str, Any]:
        points, names = self._labels[self.index], [readable(name) for name in self.names.points]
        count = int(np.isfinite(points[:, 0]).sum())
        todo = "all points are set" if self._current is None else f"click the {names[self._current]}"
        return {
            "names": names,
            "colours": ["#{:02x}{:02x}{:02x}".format(*c) for c in colours_for(["", *self.names.points])[1:]],
            "points": [None if np.isnan(p[0]) else p.tolist() for p in points],
            "edges": [list(edge) for edge in self.names.edges],
            "current": self._current,
            "text": f"Image {self.index + 1} of {len(self.images)} · {todo} · {count} of {len(names)} points",
        }

    def _actions(self) -> dict[str, Callable[..., None]]:
        return {
            "place": self.place,
            "move": self.move,
            "select": self.select,
            "skip": self.skip,
            "mirror": self.mirror,
        }


def _listing(names: Sequence[str]) -> str:
    """Return the first names, for a message."""
    return ", ".join(names[:6]) + (" ..." if len(names) > 6 else "")
