"""From an image to the square that a network sees: whole image, found face, or a crop by landmarks, tanh-warped or
not."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .detection.face_finder import Face, check_boxes, find_faces, landmark_box
from .detection.haar import haar_faces
from .geometry.affine import (
    Crop,
    box_of_points,
    crop_matrix,
    fit_matrix,
    invert,
    similarity_from_points,
    transform_points,
)
from .geometry.tanh_warp import ALPHA, MEAN_FACE, MEAN_FACE_SIDE, TanhCrop
from .labels import LANDMARKS_68, LandmarkSet, landmark_set

ALIGN = ("none", "box", "landmarks", "mean", "tanh", "ffhq", "haar")
# Those that bring a face by eyes, nose and mouth to a place of their own.
POINT_FRAMED = ("mean", "tanh", "ffhq")
# Of five points; two would do for a similarity, but two of one eye and the nose say little about a face.
_LEAST_POINTS = 3

# Points (68,2) in the image, from the face in the given crop: image, matrix, side.
Pointer = Callable[[NDArray[np.uint8], NDArray[np.float64]], NDArray[np.floating]]


@dataclass(frozen=True)
class Frame:
    """One face of an image: its upright square in the image's pixels, turned by `roll` degrees; None is the whole
    image. alpha: of the tanh-warp around that square, or None for the square alone."""

    box: tuple[float, float, float, float] | None = None
    roll: float = 0.0
    alpha: float | None = None

    def matrix(self, image_size: tuple[int, int], side: int) -> Crop:
        """From the image's pixels to those of a crop of `side` px: (3,3), or tanh-warped."""
        plain = self.plain(image_size, side)
        return plain if self.box is None or self.alpha is None else TanhCrop(plain, side, self.alpha)

    def plain(self, image_size: tuple[int, int], side: int) -> NDArray[np.float64]:
        """(3,3) from the image's pixels to those of a crop of `side` px that is not warped."""
        return fit_matrix(image_size, side) if self.box is None else crop_matrix(self.box, side, self.roll)


def check_align(align: str) -> str:
    if align not in ALIGN:
        raise ValueError(f"align={align!r}: expected one of {', '.join(map(repr, ALIGN))}")
    return align


def warping(align: str) -> float | None:
    """The alpha that faces are tanh-warped by, where `align` says so."""
    return ALPHA if align == "tanh" else None


def five_points(points: NDArray[np.floating], labels: LandmarkSet) -> NDArray[np.float64] | None:
    """Left and right eye, nose tip, left and right corner of the mouth (5,2), NaN where not labelled, of points (K,2).

    An eye is the mean of its labelled points. None where the set does not name eyes, nose tip and mouth corners.
    """
    places: list[list[int]] = []
    for i, side in enumerate(("left", "right")):
        begins = (f"{side}_eye_", f"{side}_pupil")
        own = [k for k, name in enumerate(labels.points) if name == f"{side}_eye" or name.startswith(begins)]
        places.append(list(labels.eyes[i]) if labels.eyes else own)
    for name in ("nose_tip", "left_mouth_corner", "right_mouth_corner"):
        places.append([labels.index(name)] if name in labels.points else [])
    if not all(places):
        return None
    groups = [np.asarray(points[place], np.float64) for place in places]
    labelled = [group[np.isfinite(group).all(1)] for group in groups]
    return np.stack([group.mean(0) if len(group) else np.full(2, np.nan) for group in labelled])


def mean_face_frame(points: NDArray[np.floating], labels: LandmarkSet, alpha: float | None = ALPHA) -> Frame | None:
    """The frame in which a face's five points lie closest to FaRL's mean face, warped by alpha.

    points: (K,2), NaN = not labelled. None where the set does not name the five, or fewer than three are labelled.
    """
    five = five_points(points, labels)
    if five is None or np.isfinite(five).all(1).sum() < _LEAST_POINTS:
        return None
    to_mean = similarity_from_points(five, MEAN_FACE)
    middle = (MEAN_FACE_SIDE - 1) / 2
    x, y = (float(v) for v in transform_points(np.array([middle, middle]), invert(to_mean)))
    half = MEAN_FACE_SIDE / 2 / float(np.hypot(*to_mean[:2, 0]))
    roll = -math.degrees(math.atan2(to_mean[1, 0], to_mean[0, 0]))
    return Frame((x - half, y - half, x + half, y + half), roll, alpha)


def ffhq_frame(points: NDArray[np.floating], labels: LandmarkSet) -> Frame | None:
    """The square that FFHQ's and CelebA-HQ's images show of a face, turned with it (Karras et al., ICLR 2018,
    appendix C, and FFHQ's published code): what StyleGANs and their encoders learned from.

    points: (K,2), NaN = not labelled. None where the set does not name eyes and mouth corners, or one is not labelled.
    """
    five = five_points(points, labels)
    if five is None or not np.isfinite(five[[0, 1, 3, 4]]).all():
        return None
    eyes, mouth = five[:2].mean(0), five[3:].mean(0)
    between, down = five[1] - five[0], mouth - eyes
    x = between + np.array([down[1], -down[0]])  # along the eyes, and across the way down to the mouth
    half = max(2.0 * float(np.hypot(*between)), 1.8 * float(np.hypot(*down)))
    centre = eyes + 0.1 * down
    return Frame((*(centre - half), *(centre + half)), math.degrees(math.atan2(x[1], x[0])))


def point_frame(points: NDArray[np.floating], labels: LandmarkSet, align: str) -> Frame | None:
    """The frame of a face by `align`, one of POINT_FRAMED; None where its points do not tell."""
    if align == "ffhq":
        return ffhq_frame(points, labels)
    return mean_face_frame(points, labels, warping(align))


def roll_of_points(points: ArrayLike, labels: LandmarkSet | str) -> float:
    """How far the face leans, in degrees, positive = clockwise in the image, from one eye to the other.

    points: (K, 2). Raises ValueError where the set has no eyes or they are not labelled.
    """
    labels = landmark_set(labels)
    p = np.asarray(points, dtype=np.float64)
    groups: list[tuple[Sequence[int], Sequence[int]]] = []
    if labels.eyes is not None:
        groups.append(labels.eyes)
    if labels.eye_corners is not None:
        groups.append(((labels.eye_corners[0],), (labels.eye_corners[1],)))
    for left, right in groups:
        dx, dy = p[list(right)].mean(0) - p[list(left)].mean(0)
        if math.isfinite(dx) and math.isfinite(dy) and (dx, dy) != (0.0, 0.0):
            return math.degrees(math.atan2(dy, dx))
    raise ValueError(f"set {labels.name!r} has no labelled eyes here, so the face's roll is unknown: pass roll=0")


def frame_points(points: NDArray[np.floating], labels: LandmarkSet) -> Frame:
    """The square of the 300-W crops (1.6 times the points' box), upright for the face where the set has eyes."""
    roll = roll_of_points(points, labels) if labels.eyes or labels.eye_corners else 0.0
    if not np.isfinite(roll):
        roll = 0.0
    x0, y0, x1, y1 = (float(v) for v in box_of_points(points, roll=roll))
    return Frame((x0, y0, x1, y1), float(roll))


def frames_by_way(
    image: NDArray[np.uint8], ways: Collection[str], faces: object, pointer: Pointer | None
) -> dict[str, list[Frame]]:
    """The faces to look at in one image, best first, by each of several aligns.

    align: "none" (one frame, the whole image, unless faces are given), "box" (faces as found or given), "landmarks"
    (then cropped again by the 68 points that `pointer` finds in the first crop), "mean" (by these points brought to the
    mean face), "tanh" (and tanh-warped), "ffhq" (by these points framed as in FFHQ), "haar" (faces as "In the Wild Face
    Parsing ..." finds them, largest first).
    faces: the user's own boxes, or None to search. Searched and pointed once for all aligns that do so alike.
    """
    given = None if faces is None else check_boxes(faces, image.shape[:2])

    @functools.cache
    def boxed(search: Callable[[NDArray[np.uint8]], list[Face]]) -> list[Frame]:
        return [Frame(landmark_box(face), face.roll) for face in (search(image) if given is None else given)]

    @functools.cache
    def pointed() -> list[NDArray[np.floating]]:
        assert pointer is not None
        return [pointer(image, frame.plain(image.shape[:2], 128)) for frame in boxed(find_faces)]

    def frames(align: str) -> list[Frame]:
        if given is None and align == "none":
            return [Frame()]
        if align == "landmarks":
            return [frame_points(points, LANDMARKS_68) for points in pointed()]
        if align in POINT_FRAMED:
            found = [point_frame(points, LANDMARKS_68, align) for points in pointed()]
            return [frame for frame in found if frame is not None]
        return list(boxed(haar_faces if align == "haar" else find_faces))

    return {align: frames(check_align(align)) for align in ways}


def frames_of(image: NDArray[np.uint8], align: str, faces: object, pointer: Pointer | None) -> list[Frame]:
    """`frames_by_way` for one align."""
    return frames_by_way(image, [align], faces, pointer)[align]
