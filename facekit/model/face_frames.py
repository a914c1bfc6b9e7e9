"""Find the faces of an image, with the embedded landmark model where an alignment needs points."""

from __future__ import annotations

import functools
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from ..alignment import FaceBoxes, FaceFramer, Frame
from ..results import Landmarks
from ..zoo import embedded_file
from .model_reader import read_parts
from .trained_model import TrainedModel


@functools.lru_cache(maxsize=2)
def embedded_model(name: str) -> TrainedModel:
    """Return an embedded model on the best device."""
    return TrainedModel(**vars(read_parts(embedded_file(name)))).to(None)


def landmarks_68(image: np.ndarray, frames: list[Frame]) -> list[NDArray[np.floating]]:
    """Predict 68 landmarks of each face with the embedded model, all faces in one batch.

    Args:
        image: RGB uint8, shape (H, W, 3).
        frames: The frames of the faces.

    Returns:
        Points (68, 2) in pixels of the image for each face.
    """
    results = embedded_model("landmarks").predict_frames(image, frames)
    return [result.points for result in results if isinstance(result, Landmarks)]


def find_frames(image: np.ndarray, align: str, faces: FaceBoxes | None) -> list[Frame]:
    """Return the frames of the faces in an image, best first.

    Args:
        image: RGB uint8, shape (H, W, 3).
        align: As in `facekit.adapt`.
        faces: Boxes (x0, y0, x1, y1) in pixels, or None to search.
    """
    return FRAMER.frames(image, align, faces)


def find_frames_by_align(image: np.ndarray, aligns: Collection[str], faces: FaceBoxes | None) -> dict[str, list[Frame]]:
    """Return the frames of several alignments, with one search for faces.

    Args:
        image: RGB uint8, shape (H, W, 3).
        aligns: Alignments as in `facekit.adapt`.
        faces: Boxes (x0, y0, x1, y1) in pixels, or None to search.

    Returns:
        What `find_frames` returns, by alignment.
    """
    return FRAMER.frames_by_align(image, aligns, faces)


FRAMER = FaceFramer(landmarks_68)
