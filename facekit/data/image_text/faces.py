"""Finding the faces of a pair's image: boxes and the five points that ALIGN needs."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from ...detection.face_finder import find_faces
from ...model import find_frames as frames_in
from ...model import ready_model
from .pair import Pair, boxes_of, five_points

# FaRL (section 3.1) keeps images whose detector, RetinaFace, gives a face more than .9. Ours is a logistic regression
# over OpenCV's cascades, so its score is a probability as well: above .9 were the best faces of all 40 images of
# CelebA-HQ looked at, of 36 of 38 of 300-W, and of one of 16 images without a face.
SCORE = 0.9
# The side at which find_faces searches: larger images cost disk and decoding, and the views are of 224 px.
LONGEST = 640


def shrink(pair: Pair, longest: int = LONGEST) -> Pair:
    """The pair with its image's longest side at most `longest` px. One whose faces are known stays as it is."""
    h, w = pair.image.shape[:2]
    if max(h, w) <= longest or pair.points is not None:
        return pair
    scale = longest / max(h, w)
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    small = np.asarray(cv2.resize(pair.image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return dataclasses.replace(pair, image=small, encoded=None)


def with_faces(pair: Pair, score: float = SCORE) -> Pair:
    """The pair with boxes and points of all faces that score more than `score`; (0,4) and (0,5,2) where none does."""
    sure = [face for face in find_faces(pair.image) if face.score > score]
    frames = frames_in(pair.image, "landmarks", sure)
    results = ready_model("landmarks").predict_frames(pair.image, frames)
    points = np.array([result.points for result in results], np.float32).reshape(len(results), 68, 2)  # type: ignore[attr-defined]
    return dataclasses.replace(pair, boxes=boxes_of(points), points=five_points(points))
