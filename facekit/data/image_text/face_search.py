"""Search for the faces in a pair's image: boxes, and the five points that FaRL's ALIGN augmentation takes.

Paper: General Facial Representation Learning in a Visual-Linguistic Manner, https://arxiv.org/abs/2112.03109.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ...detection.face import Face
from ...detection.face_finder import find_faces
from .pair import Pair, boxes_of, five_points

# An image (H,W,3) uint8 RGB and n faces found in it -> their 68 points (n,68,2) float32 x,y in the image's pixels.
PointFinder = Callable[[NDArray[np.uint8], Sequence[Face]], NDArray[np.float32]]

# FaRL (section 3.1) keeps images in which its detector, RetinaFace, scores a face above 0.9. The score of the embedded
# finder is a probability as well (see `detection.embedded`).
SCORE = 0.9
# Side at which find_faces searches, px. Larger images cost disk space and decoding time, and a view has only 224 px.
LONGEST = 640


def shrink(pair: Pair, longest: int = LONGEST) -> Pair:
    """Resize a pair's image so that its longest side has at most `longest` px.

    Args:
        pair: The pair. If it has faces already, it is returned unchanged.
        longest: Most px of the longest side.

    Returns:
        The pair with the resized image, or the same pair.
    """
    h, w = pair.image.shape[:2]
    if max(h, w) <= longest or pair.points is not None:
        return pair
    scale = longest / max(h, w)
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    small = np.asarray(cv2.resize(pair.image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return dataclasses.replace(pair, image=small, encoded=None)


def with_faces(pair: Pair, find_points: PointFinder, score: float = SCORE) -> Pair:
    """Add the boxes and points of all faces that score more than `score`.

    Args:
        pair: The pair.
        find_points: Function that finds the 68 points of the faces: (H,W,3) uint8 RGB and n faces -> (n,68,2) float32.
        score: Least score of a face, 0 to 1, exclusive.

    Returns:
        The pair with boxes (F,4) and points (F,5,2). F is 0 if no face scores more.
    """
    faces = [face for face in find_faces(pair.image) if face.score > score]
    points = find_points(pair.image, faces)
    return dataclasses.replace(pair, boxes=boxes_of(points), points=five_points(points))
