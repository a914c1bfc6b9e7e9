"""YuNet, OpenCV's face detector (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector").

Its file is no part of this package: `facekit download yunet` fetches it into the cache. It is
``models/face_detection_yunet/face_detection_yunet_2023mar.onnx`` of https://github.com/opencv/opencv_zoo, licence MIT.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.cache_folder import cache_folder
from .found_faces import COLUMNS, Rows

FILE = "face_detection_yunet_2023mar.onnx"
# Checksum and size that the repository itself states, in its Git LFS pointer.
SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
SIZE = 232_589

LEAST_SCORE = 0.7
_OVERLAP = 0.3
_MOST_FACES = 5000
# Height over width of a face's box in its own frame. YuNet's boxes are upright rectangles around the rotated face.
_SHAPE = 1.21

_local = threading.local()


def yunet_file() -> Path | None:
    """Return the path of YuNet's file in the cache, or None if it was not downloaded."""
    path = cache_folder() / "weights" / FILE
    return path if path.is_file() else None


def check_sha256(path: Path) -> None:
    """Check that a file is the published one.

    Raises:
        ValueError: If its checksum is another one.
    """
    got = hashlib.sha256(path.read_bytes()).hexdigest()
    if got != SHA256:
        raise ValueError(
            f"{path}: expected the published file with sha256 {SHA256[:12]}..., got {got[:12]}...; delete it and run "
            "'facekit download yunet'"
        )


def yunet_rows(images: Sequence[NDArray[np.uint8]]) -> list[Rows]:
    """Find faces.

    Args:
        images: (h,w,3) uint8 RGB each.

    Returns:
        Rows of faces for each image, see `found_faces`.

    Raises:
        FileNotFoundError: If YuNet's file is not in the cache.
        ValueError: If the file is not the published one.
    """
    detector = _detector()
    return [_search(detector, image) for image in images]


def _search(detector: cv2.FaceDetectorYN, image: NDArray[np.uint8]) -> Rows:
    """Return the rows of one image."""
    h, w = image.shape[:2]
    detector.setInputSize((w, h))
    found = detector.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    if found is None:
        return np.zeros((0, COLUMNS))
    found = np.asarray(found, np.float64).reshape(-1, COLUMNS)
    rows = np.empty_like(found)
    side = np.sqrt(found[:, 2] * found[:, 3])
    rows[:, 0] = found[:, 14]
    # YuNet counts from the corner of the top-left pixel.
    rows[:, 1:3] = found[:, :2] + found[:, 2:4] / 2 - 0.5
    rows[:, 3], rows[:, 4] = side / np.sqrt(_SHAPE), side * np.sqrt(_SHAPE)
    rows[:, 5:] = found[:, 4:14] - 0.5
    return rows


def _detector() -> cv2.FaceDetectorYN:
    """Load the detector, once per thread, as it holds its own working memory."""
    path = yunet_file()
    if path is None:
        raise FileNotFoundError(
            f"detector='yunet': {cache_folder() / 'weights' / FILE} does not exist; run 'facekit download yunet', or "
            "use detector='embedded'"
        )
    loaded: dict[Path, cv2.FaceDetectorYN] = _local.__dict__.setdefault("detectors", {})
    if path not in loaded:
        check_sha256(path)
        loaded[path] = cv2.FaceDetectorYN.create(str(path), "", (320, 320), LEAST_SCORE, _OVERLAP, _MOST_FACES)
    return loaded[path]
