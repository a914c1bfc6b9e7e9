"""Find faces as "In the Wild Face Parsing in Synthetic-Data Trained Models" does (section 3.3.1).

Haar cascades run one after the other until one of them finds a face; the roll comes from the eyes. This is for the
paper's experiments. On small faces `find_faces`, where the cascades vote, misses fewer faces and makes fewer false
ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..geometry.affine import crop_matrix, invert
from .cascades import Boxes, check_rgb, eye_roll, haar_cascade, holds_centre, working_copy
from .face import Face, moved_box

# (cascade, scale step, neighbours, sideways shift of the face's centre in windows), in the order of the paper's code.
# Medians of the windows on a face in 150 crops of 300w, 9 photos of dlib_faces and 60 of facesynthetics, against the
# 1.6 x landmark box square: 1.40 times as large, 0.078 lower (680 frontal ones); 1.34, 0.090, 0.107 to a side (125 of
# the profile). `landmark_box` has 1.43 and 0.063. This difference is smaller than the median deviations of the windows
# (0.07 and 0.02), so it frames these faces, too: with constants of their own the corners come 0.01 of a side closer.
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
    gray, _ = working_copy(image, None)
    back = invert(crop_matrix((-0.5, -0.5, image.shape[1] - 0.5, image.shape[0] - 0.5), gray.shape))
    boxes = _first_found(gray)
    faces: list[Face] = []
    for box in boxes[np.argsort(boxes[:, 0] - boxes[:, 2], kind="stable")]:
        face = Face(moved_box(box, back), eye_roll(gray, box) or 0.0)
        # A box whose centre lies in a larger one is of the same face.
        if not any(holds_centre(larger.box, face.box) for larger in faces):
            faces.append(face)
    return faces


def _first_found(gray: NDArray[np.uint8]) -> Boxes:
    """Return the boxes (N,4) of the first cascade that finds any, in the first round with one; (0,4) without any."""
    for part in _ROUNDS:
        smallest = max(_SMALLEST, round(part * min(gray.shape)))
        for name, step, neighbours, shift in _CASCADES:
            windows = haar_cascade(name).detectMultiScale(
                gray, scaleFactor=step, minNeighbors=neighbours, minSize=(smallest, smallest)
            )
            if len(windows):
                boxes = np.asarray(windows, dtype=np.float64)
                boxes[:, 0] += shift * boxes[:, 2]
                boxes[:, 2:] += boxes[:, :2]
                return boxes - 0.5
    return np.zeros((0, 4))
