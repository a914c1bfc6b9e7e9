"""Paint on masks: strokes of a brush, polygons, filled regions. Every function returns a new mask."""

from __future__ import annotations

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
    points = _fixed(path)
    radius = max(size / 2, 0.5)
    for point in points:
        cv2.circle(result, point, round(radius * 2**_SHIFT), class_id, -1, cv2.LINE_8, _SHIFT)
    for a, b in zip(points, points[1:], strict=False):
        cv2.line(result, a, b, class_id, max(1, round(size)), cv2.LINE_8, _SHIFT)
    return result


def polygon(mask: Mask, corners: ArrayLike, class_id: int) -> Mask:
    """Fill a polygon.

    Args:
        mask: Class ids, (H, W) uint8.
        corners: Corners x, y in pixels, (P, 2), at least three.
        class_id: The class.
    """
    result = mask.copy()
    cv2.fillPoly(result, [np.array(_fixed(corners), np.int32)], class_id, cv2.LINE_8, _SHIFT)
    return result


def fill(mask: Mask, x: float, y: float, class_id: int) -> Mask:
    """Give a class to the connected region of one class around a pixel.

    Args:
        mask: Class ids, (H, W) uint8.
        x: Column of the pixel.
        y: Row of the pixel.
        class_id: The class.
    """
    result = np.ascontiguousarray(mask)
    if result is mask:
        result = mask.copy()
    column, row = (int(np.clip(round(v), 0, side - 1)) for v, side in ((x, mask.shape[1]), (y, mask.shape[0])))
    cv2.floodFill(result, None, (column, row), class_id)
    return result


def _fixed(path: ArrayLike) -> list[tuple[int, int]]:
    """Return points in OpenCV's fixed-point numbers."""
    points = np.asarray(path, np.float64).reshape(-1, 2).clip(-1e5, 1e5)
    return [(int(x), int(y)) for x, y in np.rint(points * 2**_SHIFT)]
