"""Framing of faces: from an image to the squares that a network takes as input.

A frame is the whole image, the box of a face, or a square that landmarks define; `Frame.crop` makes the crop of it.
`FaceFramer` finds the frames of an image. The tanh-warp and the mean face are FaRL's
(https://arxiv.org/abs/2112.03109).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .core.arguments import check_choice
from .detection.face import Face, check_boxes, landmark_box
from .detection.face_finder import find_faces
from .detection.haar import haar_faces
from .geometry.affine import (
    Matrix,
    box_of_points,
    crop_matrix,
    fit_matrix,
    invert,
    similarity_from_points,
    transform_points,
)
from .geometry.affine_crop import AffineCrop
from .geometry.crop import Crop
from .geometry.tanh_crop import TanhCrop
from .geometry.tanh_warp import ALPHA, MEAN_FACE, MEAN_FACE_SIDE, WIDE_SCALE
from .labels import LANDMARKS_68, LandmarkSet, landmark_set

ALIGN = ("none", "box", "landmarks", "mean", "mean-wide", "tanh", "ffhq", "haar")
# The user's own faces: a face, a box (x0, y0, x1, y1) in pixels, or a list or array (N,4) of these. For several images
# one of these per image, None where faces are to be searched.
FaceBoxes = Face | ArrayLike | Sequence[Face | ArrayLike | Sequence[Face | ArrayLike] | None]
# The aligns that bring eyes, nose and mouth of a face to fixed places.
POINT_FRAMED = ("mean", "mean-wide", "tanh", "ffhq")
# Of the five points. Two suffice for a similarity, but one eye and the nose alone place a face badly.
_LEAST_POINTS = 3


@dataclass(frozen=True)
class Frame:
    """The square of one face in an image, or the whole image.

    Attributes:
        box: (x0, y0, x1, y1) in the image's pixels, before the rotation; None is the whole image.
        roll: Rotation of the box about its centre in degrees, positive = clockwise in the image.
        alpha: Factor of the tanh-warp around the square; None is no warp.
    """

    box: tuple[float, float, float, float] | None = None
    roll: float = 0.0
    alpha: float | None = None

    def crop(self, image_size: tuple[int, int], side: int) -> Crop:
        """Return the frame's square crop.

        Args:
            image_size: (height, width) of the image.
            side: Side of the crop in pixels.

        Returns:
            An `AffineCrop`, or a `TanhCrop` where the frame has a box and an alpha.
        """
        plain = self.plain(image_size, side)
        return AffineCrop(plain, side) if self.box is None or self.alpha is None else TanhCrop(plain, side, self.alpha)

    def plain(self, image_size: tuple[int, int], side: int) -> Matrix:
        """Return the matrix from the image to the crop without the warp.

        Args:
            image_size: (height, width) of the image in pixels.
            side: Side of the crop in pixels.

        Returns:
            Float64 (3, 3).
        """
        return fit_matrix(image_size, side) if self.box is None else crop_matrix(self.box, side, self.roll)


Pointer = Callable[[NDArray[np.uint8], list[Frame]], list[NDArray[np.floating]]]
"""A landmark model: from an image (H,W,3) and the frames of faces to the 68 points (68,2) of each, in its pixels."""


class FaceFramer:
    """Finds the frames of the faces in images.

    Attributes:
        pointer: The landmark model that the align "landmarks" and those of `POINT_FRAMED` need, or None.
    """

    def __init__(self, pointer: Pointer | None = None):
        self.pointer = pointer

    def frames(self, image: NDArray[np.uint8], align: str, boxes: FaceBoxes | None = None) -> list[Frame]:
        """Return the frames of the faces in one image, best first.

        Args:
            image: (H,W,3) uint8 RGB.
            align: How to frame a face:
                "none": one frame, the whole image, unless boxes are given;
                "box": the box of the face;
                "landmarks": cropped again by the 68 points that the pointer finds in the first crop;
                "mean": these points brought to the mean face;
                "mean-wide": like "mean", with the face at 0.8 of its size, as facer's landmark models frame it;
                "tanh": like "mean", and tanh-warped;
                "ffhq": framed by these points as in FFHQ;
                "haar": faces as "In the Wild Face Parsing ..." finds them, largest first.
            boxes: The user's own boxes (see `check_boxes`), or None to search for faces.

        Returns:
            One frame per face; an empty list if there is none.

        Raises:
            ValueError: If ``align`` has another name, or a box is invalid.
        """
        return self.frames_by_align(image, [align], boxes)[align]

    def frames_by_align(
        self, image: NDArray[np.uint8], aligns: Collection[str], boxes: FaceBoxes | None = None
    ) -> dict[str, list[Frame]]:
        """Return the frames of one image by several aligns; the search and the landmark model run once.

        Args:
            image: As in `frames`.
            aligns: Names as in `frames`.
            boxes: As in `frames`.

        Returns:
            The frames of each align.

        Raises:
            ValueError: As `frames`.
        """
        checked_boxes = None if boxes is None else check_boxes(boxes, image.shape[:2])

        @functools.cache
        def boxed(search: Callable[[NDArray[np.uint8]], list[Face]]) -> list[Frame]:
            return [
                Frame(landmark_box(face), face.roll)
                for face in (search(image) if checked_boxes is None else checked_boxes)
            ]

        @functools.cache
        def pointed() -> list[NDArray[np.floating]]:
            assert self.pointer is not None
            return self.pointer(image, boxed(find_faces))

        def frames(align: str) -> list[Frame]:
            if checked_boxes is None and align == "none":
                return [Frame()]
            if align == "landmarks":
                return [frame_points(points, LANDMARKS_68) for points in pointed()]
            if align in POINT_FRAMED:
                framed = [point_frame(points, LANDMARKS_68, align) for points in pointed()]
                return [frame for frame in framed if frame is not None]
            return list(boxed(haar_faces if align == "haar" else find_faces))

        return {align: frames(check_align(align)) for align in aligns}


def check_align(align: str) -> str:
    """Return ``align``. Raises ValueError if it is not one of `ALIGN`."""
    check_choice(align, "align", ALIGN)
    return align


def warping(align: str) -> float | None:
    """Return the alpha of the tanh-warp for an align, or None where it does not warp."""
    return ALPHA if align == "tanh" else None


def five_points(points: NDArray[np.floating], labels: LandmarkSet) -> NDArray[np.float64] | None:
    """Return the five points of a face that the mean face has.

    Args:
        points: (K,2) in the image's pixels, NaN = not labelled.
        labels: The set that names the points.

    Returns:
        Left and right eye, nose tip, left and right corner of the mouth (5,2), NaN = not labelled. An eye is the mean
        of its labelled points. None if the set does not name eyes, nose tip and mouth corners.
    """
    places: list[list[int]] = []
    for i, side in enumerate(("left", "right")):
        prefixes = (f"{side}_eye_", f"{side}_pupil")
        named = [k for k, name in enumerate(labels.points) if name == f"{side}_eye" or name.startswith(prefixes)]
        places.append(list(labels.eyes[i]) if labels.eyes else named)
    for name in ("nose_tip", "left_mouth_corner", "right_mouth_corner"):
        places.append([labels.index(name)] if name in labels.points else [])
    if not all(places):
        return None
    groups = [np.asarray(points[place], np.float64) for place in places]
    labelled = [group[np.isfinite(group).all(1)] for group in groups]
    return np.stack([group.mean(0) if len(group) else np.full(2, np.nan) for group in labelled])


def mean_face_frame(
    points: NDArray[np.floating], labels: LandmarkSet, alpha: float | None = ALPHA, scale: float = 1.0
) -> Frame | None:
    """Return the frame in which the five points of a face lie closest to FaRL's mean face.

    Args:
        points: (K,2) in the image's pixels, NaN = not labelled.
        labels: The set that names the points.
        alpha: Factor of the tanh-warp; None is no warp.
        scale: Size of the face in the frame; 1 is that of FaRL's mean face.

    Returns:
        The frame. None if the set does not name the five points, or fewer than three of them are labelled.
    """
    five = five_points(points, labels)
    if five is None or np.isfinite(five).all(1).sum() < _LEAST_POINTS:
        return None
    to_mean = similarity_from_points(five, MEAN_FACE)
    middle = (MEAN_FACE_SIDE - 1) / 2
    x, y = (float(v) for v in transform_points(np.array([middle, middle]), invert(to_mean)))
    half = MEAN_FACE_SIDE / 2 / float(np.hypot(*to_mean[:2, 0])) / scale
    roll = -math.degrees(math.atan2(to_mean[1, 0], to_mean[0, 0]))
    return Frame((x - half, y - half, x + half, y + half), roll, alpha)


def ffhq_frame(points: NDArray[np.floating], labels: LandmarkSet) -> Frame | None:
    """Return the square that FFHQ's and CelebA-HQ's images show of a face, rotated with it.

    StyleGANs and their encoders are trained on such images. Karras et al., "Progressive Growing of GANs", ICLR 2018
    (https://arxiv.org/abs/1710.10196), appendix C, and FFHQ's published code.

    Args:
        points: (K,2) in the image's pixels, NaN = not labelled.
        labels: The set that names the points.

    Returns:
        The frame. None if the set does not name eyes and mouth corners, or one of them is not labelled.
    """
    five = five_points(points, labels)
    if five is None or not np.isfinite(five[[0, 1, 3, 4]]).all():
        return None
    eyes, mouth = five[:2].mean(0), five[3:].mean(0)
    between, down = five[1] - five[0], mouth - eyes
    x = between + np.array([down[1], -down[0]])  # along the eyes, and at right angles to the line down to the mouth
    half = max(2.0 * float(np.hypot(*between)), 1.8 * float(np.hypot(*down)))
    centre = eyes + 0.1 * down
    return Frame((*(centre - half), *(centre + half)), math.degrees(math.atan2(x[1], x[0])))


def point_frame(points: NDArray[np.floating], labels: LandmarkSet, align: str) -> Frame | None:
    """Return the frame of a face by its points.

    Args:
        points: (K,2) in the image's pixels, NaN = not labelled.
        labels: The set that names the points.
        align: One of `POINT_FRAMED`.

    Returns:
        The frame, or None if points that it needs are not named or not labelled.
    """
    if align == "ffhq":
        return ffhq_frame(points, labels)
    return mean_face_frame(points, labels, warping(align), WIDE_SCALE if align == "mean-wide" else 1.0)


def roll_of_points(points: ArrayLike, labels: LandmarkSet | str) -> float:
    """Return the lean of a face: the direction from one eye to the other.

    Args:
        points: (K,2) in the image's pixels.
        labels: The set that names the points, or its name.

    Returns:
        Degrees, positive = clockwise in the image.

    Raises:
        ValueError: If the set has no eyes, or they are not labelled.
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
    raise ValueError(f"set {labels.name!r}: expected labelled eyes for the face's roll, got none; pass roll=0")


def frame_points(points: NDArray[np.floating], labels: LandmarkSet) -> Frame:
    """Return the square of the 300-W crops around a face.

    Args:
        points: (K,2) in the image's pixels, NaN = not labelled.
        labels: The set that names the points.

    Returns:
        A frame of 1.6 times the points' bounding box (see `box_of_points`). It follows the face's roll if the set has
        eyes.

    Raises:
        ValueError: If there are fewer than 2 different points, or the set's eyes are not labelled.
    """
    roll = roll_of_points(points, labels) if labels.eyes or labels.eye_corners else 0.0
    x0, y0, x1, y1 = (float(v) for v in box_of_points(points, roll=roll))
    return Frame((x0, y0, x1, y1), float(roll))
