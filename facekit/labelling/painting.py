"""Paint on masks: strokes of a brush, polygons, filled regions. Every function returns a new mask."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Mask = NDArray[np.uint8]
# OpenCV draws at fractions of a pixel: coordinates are integers times 2**-_SHIFT.
_SHIFT = 4


def stroke(mask: Mask, path: ArrayLike, size: float, class_id: int) -> Mask:
    """Draw a stroke of a round brush.

    Args:
        mask: Class ids, (H, W) uint8.
        path: Points x, y of the stroke in pixels, (P, 2), at least one.
        size: Diameter of the brush in pixels, at least 1.
        class_id: The class.
    """
    result = mask.copy()
    points = np.asarray(path, np.float64).reshape(-1, 2)
    radius = max(size / 2, 0.5)
    for start, end in itertools.pairwise([points[0], *points]):
        low = np.maximum(np.floor(np.minimum(start, end) - radius), 0).astype(int)
        high = np.ceil(np.maximum(start, end) + radius).astype(int) + 1
        window = result[low[1] : max(high[1], 0), low[0] : max(high[0], 0)]
        rows, columns = np.mgrid[low[1] : low[1] + window.shape[0], low[0] : low[0] + window.shape[1]]
        along, x, y = end - start, columns - start[0], rows - start[1]
        # The nearest place of the segment, 0 at its start and 1 at its end.
        part = np.clip((x * along[0] + y * along[1]) / max(along @ along, 1e-9), 0, 1)
        window[(x - part * along[0]) ** 2 + (y - part * along[1]) ** 2 <= radius**2] = class_id
    return result


def polygon(mask: Mask, corners: ArrayLike, class_id: int) -> Mask:
    """Fill a polygon.

    Args:
        mask: Class ids, (H, W) uint8.
        corners: Corners x, y in pixels, (P, 2), at least three.
        class_id: The class.
    """
    result = mask.copy()
    fixed = np.rint(np.asarray(corners, np.float64).clip(-1e5, 1e5) * 2**_SHIFT).astype(np.int32)
    cv2.fillPoly(result, [fixed], class_id, cv2.LINE_8, _SHIFT)
    return result


def fill(mask: Mask, x: float, y: float, class_id: int) -> Mask:
    """Give a class to the connected region of one class around a pixel.

    Args:
        mask: Class ids, (H, W) uint8.
        x: Column of the pixel.
        y: Row of the pixel.
        class_id: The class.
    """
    result = mask.copy()
    column, row = (int(np.clip(round(v), 0, side - 1)) for v, side in ((x, mask.shape[1]), (y, mask.shape[0])))
    cv2.floodFill(result, None, (column, row), class_id)
    return result
