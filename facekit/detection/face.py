"""Boxes of faces: found ones, the user's own ones, and the square that models are trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..geometry.affine import Matrix, transform_points

# From a face's box to the 1.6 x landmark box square of `box_of_points`: medians over the labels of 2,012 faces of 300-W
# (without `lfpw_test`). On the 224 faces of `lfpw_test` this square's centre is off by 0.2 % of its side; a square from
# the five points is off by 5 %, even with exact points.
_FRAME_SCALE = 1.415
_FRAME_DROP = 0.026


@dataclass(frozen=True)
class Face:
    """A face in an image.

    Attributes:
        box: (x0, y0, x1, y1) in pixels, from forehead to chin and from ear to ear; (0, 0) is the centre of the
            top-left pixel.
        roll: Rotation of the box about its centre in degrees, positive = clockwise in the image; see
            `geometry.crop_matrix`.
        score: Confidence in [0, 1].
        points: (x, y) of the left and the right eye in the image, the tip of the nose, and the left and the right
            corner of the mouth; None if they are not known.

    Raises:
        ValueError: If the box has no area, or a value is not finite.
    """

    box: tuple[float, float, float, float]
    roll: float = 0.0
    score: float = 1.0
    points: tuple[tuple[float, float], ...] | None = None

    def __post_init__(self) -> None:
        box = tuple(float(v) for v in self.box)
        if len(box) != 4 or not all(map(math.isfinite, (*box, self.roll))) or box[0] >= box[2] or box[1] >= box[3]:
            raise ValueError(f"face: expected a box of finite x0 < x1 and y0 < y1, got {box} with roll {self.roll}")
        object.__setattr__(self, "box", box)


def check_rgb(image: Any, name: str) -> None:
    """Raise ValueError, in the name of a function, for anything but an image (H,W,3) uint8."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"{name}: expected RGB (H,W,3) uint8, got {got}; load files by facekit.images.load_image")


def landmark_box(face: Face) -> tuple[float, float, float, float]:
    """Return the square that models are trained on, from a face's box.

    It estimates 1.6 x the landmarks' bounding box, as in the crops of 300-W.

    Args:
        face: A face of `find_faces` or of the user.

    Returns:
        (x0, y0, x1, y1) in the image's pixels, to be rotated by ``face.roll`` about its own centre.
    """
    x0, y0, x1, y1 = face.box
    side = math.sqrt((x1 - x0) * (y1 - y0))
    # The square's centre lies below the box's, along the vertical axis of the rotated face.
    drop, roll = _FRAME_DROP * side, math.radians(face.roll)
    cx, cy = (x0 + x1) / 2 - drop * math.sin(roll), (y0 + y1) / 2 + drop * math.cos(roll)
    half = _FRAME_SCALE * side / 2
    return (cx - half, cy - half, cx + half, cy + half)


def moved_box(box: ArrayLike, matrix: Matrix) -> tuple[float, float, float, float]:
    """Map a box by a similarity: its centre is mapped, its sides are scaled, and it stays upright.

    Args:
        box: (x0, y0, x1, y1).
        matrix: (3,3) similarity.

    Returns:
        (x0, y0, x1, y1) in the new coordinates.
    """
    x0, y0, x1, y1 = (float(v) for v in np.asarray(box))
    cx, cy = transform_points([(x0 + x1) / 2, (y0 + y1) / 2], matrix)
    scale = math.sqrt(abs(float(np.linalg.det(matrix[:2, :2]))))
    half_w, half_h = (x1 - x0) * scale / 2, (y1 - y0) * scale / 2
    return (float(cx) - half_w, float(cy) - half_h, float(cx) + half_w, float(cy) + half_h)


def check_boxes(faces: Any, size: tuple[int, int]) -> list[Face]:
    """Check the user's `faces=` and return them as a list.

    Args:
        faces: A `Face`, a box (x0, y0, x1, y1), or a list or an array (N,4) of these.
        size: (height, width) of the image.

    Returns:
        The faces, in the given order.

    Raises:
        ValueError: If a box has no area, another format, or lies outside the image.
    """
    if isinstance(faces, Face):
        faces = [faces]
    elif not isinstance(faces, (Sequence, np.ndarray)) or isinstance(faces, str):
        raise ValueError(
            f"faces: expected boxes (x0, y0, x1, y1) or facekit.detection.Face, got {faces!r}; pass a list"
        )
    elif len(faces) == 4 and all(np.ndim(v) == 0 and not isinstance(v, (Face, str)) for v in faces):
        faces = [faces]
    return [_checked(face, i, size) for i, face in enumerate(faces)]


def _checked(face: Any, i: int, size: tuple[int, int]) -> Face:
    """Return one item of `check_boxes`; ``i`` is its index."""
    height, width = size
    if not isinstance(face, Face):
        try:
            box = np.asarray(face, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"face {i}: expected four numbers (x0, y0, x1, y1) or a Face, got {face!r}") from None
        if box.shape != (4,):
            raise ValueError(f"face {i}: expected four numbers (x0, y0, x1, y1) or a Face, got shape {box.shape}")
        x0, y0, x1, y1 = (float(v) for v in box)
        if not np.isfinite(box).all() or x0 >= x1 or y0 >= y1:
            hint = "; boxes are corners, not (x, y, width, height)" if np.isfinite(box).all() else ""
            got = f"({x0:g}, {y0:g}, {x1:g}, {y1:g})"
            raise ValueError(f"face {i}: expected a box of finite x0 < x1 and y0 < y1, got {got}{hint}")
        face = Face((x0, y0, x1, y1))
    x0, y0, x1, y1 = face.box
    if x1 <= -0.5 or y1 <= -0.5 or x0 >= width - 0.5 or y0 >= height - 0.5:
        raise ValueError(
            f"face {i}: got the box ({x0:g}, {y0:g}, {x1:g}, {y1:g}) outside the image of {width} x {height} pixels, "
            "expected one inside; pass boxes in the pixels of the image that came in"
        )
    return face
