"""From a picture to the square that a network sees: whole picture, found face, or a crop by landmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .detection import Face, check_boxes, find_faces, landmark_box
from .geometry import box_of_points, crop_matrix, fit_matrix, roll_of_points
from .labels import LANDMARKS_68, LandmarkSet

ALIGN = ("none", "box", "landmarks")

# Points (68,2) in the picture, from the face in the given crop: picture, matrix, side.
Pointer = Callable[[NDArray[np.uint8], NDArray[np.float64]], NDArray[np.floating]]


@dataclass(frozen=True)
class Frame:
    """One face of a picture: its upright square in the picture's pixels, turned by `roll` degrees; None is the whole
    picture."""

    box: tuple[float, float, float, float] | None = None
    roll: float = 0.0

    def matrix(self, picture_size: tuple[int, int], side: int) -> NDArray[np.float64]:
        """(3,3) from the picture's pixels to those of a crop of `side` px."""
        if self.box is None:
            return fit_matrix(picture_size, side)
        return crop_matrix(self.box, side, self.roll)


def check_align(align: str) -> str:
    if align not in ALIGN:
        raise ValueError(f"align={align!r}: expected one of {', '.join(map(repr, ALIGN))}")
    return align


def frame_points(points: NDArray[np.floating], labels: LandmarkSet) -> Frame:
    """The square of the 300-W crops (1.6 times the points' box), upright for the face where the set has eyes."""
    roll = roll_of_points(points, labels) if labels.eyes or labels.eye_corners else 0.0
    if not np.isfinite(roll):
        roll = 0.0
    x0, y0, x1, y1 = (float(v) for v in box_of_points(points, roll=roll))
    return Frame((x0, y0, x1, y1), float(roll))


def frames_of(picture: NDArray[np.uint8], align: str, faces: object, pointer: Pointer | None) -> list[Frame]:
    """The faces to look at in one picture, best first.

    align: "none" (one frame, the whole picture, unless faces are given), "box" (faces as found or given), "landmarks"
    (then cropped again by the 68 points that `pointer` finds in the first crop). faces: the user's own boxes, or None
    to search.
    """
    check_align(align)
    if faces is None and align == "none":
        return [Frame()]
    found: list[Face] = find_faces(picture) if faces is None else check_boxes(faces, picture.shape[:2])
    frames = [Frame(landmark_box(face), face.roll) for face in found]
    if align == "landmarks":
        assert pointer is not None
        frames = [frame_points(pointer(picture, f.matrix(picture.shape[:2], 128)), LANDMARKS_68) for f in frames]
    return frames
