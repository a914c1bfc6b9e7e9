"""Faces as "In the Wild Face Parsing in Synthetic-Data Trained Models", section 3.3.1, finds and turns them.

One Haar cascade after the other until one sees something; the roll from the eyes. For the paper's experiments: where
faces are small, `facekit.detection`, whose cascades vote, misses and invents fewer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..geometry.affine import crop_matrix, invert
from .face_finder import Boxes, Face, check_rgb, eye_roll, haar_cascade, holds_middle, moved_box, working_copy

# (cascade, scale step, neighbours, sideways shift of the face's middle in windows), in the order of the paper's code.
# Medians of the windows that hit a face in 150 crops of 300w, 9 photos of dlib_faces and 60 of facesynthetics, against
# the 1.6 x landmark box square: 1.40 times as large, .078 lower (680 frontal ones); 1.34, .090, .107 to a side (125 of
# the profile). `detection.landmark_box` has 1.43 and .063, which is closer than two windows are to each other (median
# deviations .07 and .02), so it frames these too: with constants of their own the corners come .01 of a side closer.
_CASCADES = (
    ("frontalface_alt2", 1.05, 2, 0.0),
    ("profileface", 1.05, 2, -0.11),
    ("frontalface_default", 1.05, 3, 0.0),
    ("frontalface_alt", 1.03, 1, 0.0),
)
# The smallest window of each round as a part of the image's shorter side, and in pixels of the working copy. The
# paper's code has (about) the first round alone, for crops of one face: there it makes 0 false windows in 150 images
# of 300w where the second alone makes 14. The second finds the faces of photographs.
_ROUNDS = (1 / 2, 0.0)
_SMALLEST = 24


def haar_faces(image: NDArray[np.uint8]) -> list[Face]:
    """The faces in an RGB image (H,W,3) uint8, largest first; an empty list where there is none (section 3.3.1).

    They are those that the first cascade that sees any sees; the paper takes the largest. box: as in `find_faces`, for
    `landmark_box`. roll: of the line from one eye to the other, where both are seen in the box's upper half; else 0.
    (The paper's law of cosines, cos x = (b^2 + c^2 - a^2) / 2bc, is for the triangle of the eyes and the point that is
    level with one and plumb with the other. The angle there is right, so x = atan2(a, b).) score: 1, as cascades give
    none. Raises ValueError for anything but such an array.
    """
    check_rgb(image, "haar_faces")
    gray, _ = working_copy(image, None)
    back = invert(crop_matrix((-0.5, -0.5, image.shape[1] - 0.5, image.shape[0] - 0.5), gray.shape))
    boxes = _first_seen(gray)
    faces: list[Face] = []
    for box in boxes[np.argsort(boxes[:, 0] - boxes[:, 2], kind="stable")]:
        face = Face(moved_box(box, back), eye_roll(gray, box) or 0.0)
        # A box whose middle lies in a larger one is a second look at the same face.
        if not any(holds_middle(larger.box, face.box) for larger in faces):
            faces.append(face)
    return faces


def _first_seen(gray: NDArray[np.uint8]) -> Boxes:
    """Boxes (N,4) of the first cascade that sees any, in the first round in which one does; (0,4) without any."""
    for part in _ROUNDS:
        smallest = max(_SMALLEST, round(part * min(gray.shape)))
        for name, step, neighbours, shift in _CASCADES:
            found = haar_cascade(name).detectMultiScale(
                gray, scaleFactor=step, minNeighbors=neighbours, minSize=(smallest, smallest)
            )
            if len(found):
                boxes = np.asarray(found, dtype=np.float64)
                boxes[:, 0] += shift * boxes[:, 2]
                boxes[:, 2:] += boxes[:, :2]
                return boxes - 0.5
    return np.zeros((0, 4))
