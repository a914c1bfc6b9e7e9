"""Find faces as "In the Wild Face Parsing in Synthetic-Data Trained Models" does (section 3.3.1).

OpenCV's Haar cascades run one after the other until one of them finds a face; the roll comes from the eyes. This is for
the paper's experiments. `find_faces` misses fewer faces and makes fewer false ones.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..geometry.affine import crop_matrix, invert
from ..geometry.affine_crop import AffineCrop
from .face import Face, check_rgb, moved_box

Boxes = NDArray[np.float64]

# (cascade, scale step, neighbours, sideways shift of the face's centre in windows), in the order of the paper's code.
# The shifts are medians over 125 windows on a face in crops of 300w, photos of dlib_faces and facesynthetics.
_CASCADES = (
    ("frontalface_alt2", 1.05, 2, 0.0),
    ("profileface", 1.05, 2, -0.11),
    ("frontalface_default", 1.05, 3, 0.0),
    ("frontalface_alt", 1.03, 1, 0.0),
)
# The smallest window of each round as a fraction of the image's shorter side, and in pixels of the working copy. The
# paper's code has (about) the first round only, for crops of one face: there it makes 0 false windows in 150 images of
# 300w, where the second round alone makes 14. The second round finds the faces of photographs.
_ROUNDS = (1 / 2, 0.0)
_SMALLEST = 24
# Longest side of the working copy, pixels. A larger factor than 2 would only show the squares of the image's pixels.
_WORK_SIDE = 640
_LARGEST_FACTOR = 2.0

# From a window to the box of a face: side (square root of the area), how far the centre lies lower, over the window's
# side, and height over width. `landmark_box` then gives a square 1.43 times as large as the window and 0.063 of its
# side lower. Medians over the windows in 150 crops of 300w, 9 photos of dlib_faces and 60 of facesynthetics are 1.40
# and 0.078 (680 frontal ones), 1.34 and 0.090 (125 of the profile); single windows deviate by 0.07 and 0.02.
_BOX_SIDE = 1.0106
_BOX_DROP = 0.0367
_BOX_SHAPE = 1.21

_local = threading.local()


def haar_faces(image: NDArray[np.uint8]) -> list[Face]:
    """Find the faces in an image (section 3.3.1): those of the first cascade that finds any.

    The paper uses the largest one. Its law of cosines, cos x = (b^2 + c^2 - a^2) / 2bc, is for the triangle of the eyes
    and the point that is level with one and plumb with the other. The angle there is right, so x = atan2(a, b).

    Args:
        image: (H,W,3) uint8 RGB.

    Returns:
        The faces, largest first; an empty list if there is none. The box is one for `landmark_box`. The roll is that of
        the line between the eyes if both are found in the box's upper half, else 0. The score is 1, as these cascades
        give none.

    Raises:
        ValueError: If the image has another type or shape.
    """
    check_rgb(image, "haar_faces")
    gray = _working_copy(image)
    back = invert(crop_matrix((-0.5, -0.5, image.shape[1] - 0.5, image.shape[0] - 0.5), gray.shape))
    boxes = _first_found(gray)
    faces: list[Face] = []
    for box in boxes[np.argsort(boxes[:, 0] - boxes[:, 2], kind="stable")]:
        roll = _eye_roll(gray, box) or 0.0
        face = Face(moved_box(_face_box(box, roll), back), roll)
        # A box whose centre lies in a larger one is of the same face.
        if not any(_holds_centre(larger.box, face.box) for larger in faces):
            faces.append(face)
    return faces


def _face_box(window: Boxes, roll: float) -> Boxes:
    """Return the box (4,) of a face from a cascade's window (4,); ``roll`` is the face's, degrees."""
    side, turn = window[2] - window[0], math.radians(roll)
    centre = (window[:2] + window[2:]) / 2 + _BOX_DROP * side * np.array([-math.sin(turn), math.cos(turn)])
    half = _BOX_SIDE * side / 2 * np.array([_BOX_SHAPE**-0.5, _BOX_SHAPE**0.5])
    return np.concatenate([centre - half, centre + half])


def _first_found(gray: NDArray[np.uint8]) -> Boxes:
    """Return the boxes (N,4) of the first cascade that finds any, in the first round with one; (0,4) without any."""
    for part in _ROUNDS:
        smallest = max(_SMALLEST, round(part * min(gray.shape)))
        for name, step, neighbours, shift in _CASCADES:
            windows = _haar_cascade(name).detectMultiScale(
                gray, scaleFactor=step, minNeighbors=neighbours, minSize=(smallest, smallest)
            )
            if len(windows):
                boxes = np.asarray(windows, dtype=np.float64)
                boxes[:, 0] += shift * boxes[:, 2]
                boxes[:, 2:] += boxes[:, :2]
                return boxes - 0.5
    return np.zeros((0, 4))


def _working_copy(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the grey copy (h,w) uint8 of an image (H,W,3) that is searched."""
    scale = min(_WORK_SIDE / max(image.shape[:2]), _LARGEST_FACTOR)
    h, w = max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale))
    gray = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(gray, (w, h), interpolation=how), dtype=np.uint8)


def _haar_cascade(name: str) -> cv2.CascadeClassifier:
    """Load a Haar cascade, once per thread, as a CascadeClassifier holds its own working memory.

    Args:
        name: As in OpenCV's file haarcascade_NAME.xml.

    Raises:
        RuntimeError: If OpenCV was installed without the file.
    """
    loaded: dict[str, cv2.CascadeClassifier] = _local.__dict__.setdefault("cascades", {})
    if name not in loaded:
        folder = getattr(getattr(cv2, "data", None), "haarcascades", None)
        path = Path(folder or "") / f"haarcascade_{name}.xml"
        if folder is None or not path.is_file():
            raise RuntimeError(
                f"OpenCV {cv2.__version__}: expected its Haar cascades, got none ({path.name} is missing); install "
                "'opencv-python-headless>=4.10,<5', or pass faces= with your own boxes"
            )
        loaded[name] = cv2.CascadeClassifier(str(path))
    return loaded[name]


def _eye_roll(gray: NDArray[np.uint8], box: Boxes) -> float | None:
    """Measure the direction from one eye to the other in the upper half of a face.

    Args:
        gray: Working copy (h,w).
        box: Box of the face (4,) in its pixels.

    Returns:
        Degrees, positive = clockwise in the image; None unless both eyes are found at plausible places.
    """
    side = box[2] - box[0]
    size = (60, 120)
    matrix = crop_matrix((box[0], box[1] + 0.15 * side, box[2], box[1] + 0.65 * side), size)
    upper = AffineCrop(matrix, size).image(gray, border="replicate")
    windows = _haar_cascade("eye").detectMultiScale(
        upper, scaleFactor=1.1, minNeighbors=3, minSize=(18, 18), maxSize=(48, 48)
    )
    eyes = np.asarray(windows, dtype=np.float64).reshape(-1, 4)
    centres = eyes[:, :2] + eyes[:, 2:] / 2
    best, roll = 30.0, None
    for left in centres:
        for right in centres:
            dx, dy = right - left
            # The eyes are 0.3 to 0.6 of a Haar box apart, on both sides of its middle, at two fifths of its height.
            if not 36 <= dx <= 72 or abs(dy) > 0.6 * dx or not left[0] < 60 < right[0]:
                continue
            misfit = abs(dx - 48) + abs((left[0] + right[0]) / 2 - 60) + abs((left[1] + right[1]) / 2 - 29)
            if misfit < best:
                best, roll = misfit, math.degrees(math.atan2(dy, dx))
    return roll


def _holds_centre(outer: Sequence[float], inner: Sequence[float]) -> bool:
    """Return whether the centre of a box lies in another box."""
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] < x < outer[2] and outer[1] < y < outer[3]
