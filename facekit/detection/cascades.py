"""OpenCV's Haar cascades, and what both face finders share around them."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..geometry.affine import crop_matrix
from ..geometry.affine_crop import AffineCrop

Boxes = NDArray[np.float64]

WINDOW = 24
"""Side of the smallest window in the working copy, pixels."""

# Longest side of the image during the search: by default faces below 24/640 of it are not found; `min_size` raises it
# up to the limit.
_WORK_SIDE = 640
_WORK_LIMIT = 1600

_local = threading.local()


def check_rgb(image: Any, name: str) -> None:
    """Raise ValueError, in the name of a function, for anything but an image (H,W,3) uint8."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"{name}: expected RGB (H,W,3) uint8, got {got}; load files by facekit.images.load_image")


def working_copy(image: NDArray[np.uint8], min_size: float | None) -> tuple[NDArray[np.uint8], float]:
    """Convert an image to the grey copy that is searched.

    Args:
        image: (H,W,3) uint8 RGB.
        min_size: Side of the smallest face in pixels, or None.

    Returns:
        The copy (h,w) uint8, and its scale: pixels of the copy per pixel of the image.
    """
    longest = max(image.shape[:2])
    side = _WORK_SIDE if min_size is None else min(_WORK_LIMIT, max(_WORK_SIDE, longest * WINDOW / min_size))
    # A larger factor than 2 would only show the squares of the pixels.
    scale = min(side / longest, 2.0)
    h, w = max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale))
    gray = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(gray, (w, h), interpolation=how), dtype=np.uint8), scale


def haar_cascade(name: str) -> cv2.CascadeClassifier:
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


def eye_roll(gray: NDArray[np.uint8], box: Boxes) -> float | None:
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
    windows = haar_cascade("eye").detectMultiScale(
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


def holds_centre(outer: Sequence[float], inner: Sequence[float]) -> bool:
    """Return whether the centre of a box lies in another box."""
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] < x < outer[2] and outer[1] < y < outer[3]
