"""Rows of found faces: the working image they are searched in, suppression of repetitions, conversion to `Face`.

A row has 15 numbers: score; centre x and y, width and height of the box in the frame of the face; five points x and y
(left and right eye in the image, nose tip, left and right corner of the mouth). Both detectors return such rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .face import Face

Rows = NDArray[np.float64]
"""(N,15) rows of faces."""

POINTS = 5
COLUMNS = 5 + 2 * POINTS

# Longest side of the image during the search, pixels. `min_size` raises it up to the limit, so that faces have at least
# SMALLEST pixels.
SIDE = 640
_LIMIT = 1600
SMALLEST = 20
# Longest side in the second search, for faces that fill the image, and the border around it.
COARSE_SIDE = 160
COARSE_BORDER = 32
# Faces (square root of the area) above this are left to the second search, and below that to the first, pixels.
_LARGEST = 400.0
_COARSE_SMALLEST = 28.0
# Faces lower than this part of the image's longest side need this score. Both were chosen on WIDER FACE, FASSEG and
# dlib's photos.
_LARGE_PART = 0.25
_LEAST_SCORE_OF_SMALL = 0.7
# The border has ImageNet's mean colour.
_BORDER = (124, 116, 104)
# Of two boxes with more overlap, or one of which lies in the other so far, the better one is kept.
_OVERLAP = 0.4
_INSIDE = 0.7


def search_twice(
    image: NDArray[np.uint8],
    min_size: float | None,
    detect: Callable[[Sequence[NDArray[np.uint8]]], list[Rows]],
    place_points: Callable[[NDArray[np.uint8], Rows], Rows] | None = None,
) -> list[Face]:
    """Search an image at a working size, and once more at a quarter of it for faces that fill the image.

    Args:
        image: (H,W,3) uint8 RGB.
        min_size: Height of the smallest face in pixels, or None.
        detect: A detector, from images (h,w,3) uint8 RGB, whose sides are multiples of 32, to rows in their pixels.
        place_points: Places the points of rows in the pixels of the image anew, or None.

    Returns:
        The faces, best first.
    """
    longest = max(image.shape[:2])
    side = SIDE if min_size is None else min(_LIMIT, max(SIDE, longest * SMALLEST / min_size))
    # A larger factor than 2 would only show the squares of the pixels.
    fine, scale = resized(image, min(side / longest, 2.0))
    coarse, coarse_scale = resized(fine, min(COARSE_SIDE / max(fine.shape[:2]), 1.0))
    rows, large = detect([bordered(fine, 0), bordered(coarse, COARSE_BORDER)])
    rows = in_original_pixels(rows, scale, 0)
    large_scale = (coarse_scale[0] * scale[0], coarse_scale[1] * scale[1])
    large = in_original_pixels(large, large_scale, COARSE_BORDER)
    rows = rows[sides(rows) * math.sqrt(scale[0] * scale[1]) <= _LARGEST]
    large = large[sides(large) * math.sqrt(large_scale[0] * large_scale[1]) >= _COARSE_SMALLEST]
    rows = without_repetitions(np.concatenate([rows, large]))
    # There are far more places for small faces, and so more false ones.
    small_face = rows[:, 4] < _LARGE_PART * longest
    rows = rows[~small_face | (rows[:, 0] >= _LEAST_SCORE_OF_SMALL)]
    smallest = SMALLEST / math.sqrt(scale[0] * scale[1]) if min_size is None else min_size
    rows = rows[rows[:, 4] >= smallest]
    if place_points is not None:
        rows = place_points(image, rows)
    return [face_of_row(row) for row in rows]


def resized(image: NDArray[np.uint8], scale: float) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Resize an image.

    Args:
        image: (H,W,3) uint8.
        scale: Pixels of the result per pixel of the image.

    Returns:
        The result, and its exact scale across and down, which differs because sides are whole numbers.
    """
    h, w = image.shape[:2]
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    if size == (w, h):
        return image, (1.0, 1.0)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(image, size, interpolation=how)
    return np.asarray(small, np.uint8), (size[0] / w, size[1] / h)


def bordered(image: NDArray[np.uint8], border: int) -> NDArray[np.uint8]:
    """Add a border, and more at the right and the bottom until both sides are multiples of 32."""
    h, w = image.shape[:2]
    below, right = (-(n + 2 * border) % 32 + border for n in (h, w))
    if not (border or below or right):
        return image
    return np.asarray(
        cv2.copyMakeBorder(image, border, below, border, right, cv2.BORDER_CONSTANT, value=_BORDER), np.uint8
    )


def in_original_pixels(rows: Rows, scale: tuple[float, float], border: int) -> Rows:
    """Map rows from a resized and bordered image to the original one."""
    mapped = rows.copy()
    for first, factor in enumerate(scale):
        for column in (1 + first, *range(5 + first, COLUMNS, 2)):
            mapped[:, column] = (rows[:, column] - border + 0.5) / factor - 0.5
        mapped[:, 3 + first] = rows[:, 3 + first] / math.sqrt(scale[0] * scale[1])
    return mapped


def sides(rows: Rows) -> NDArray[np.float64]:
    """Return the square root of each box's area."""
    return np.asarray(np.sqrt(rows[:, 3] * rows[:, 4]))


def without_repetitions(rows: Rows) -> Rows:
    """Keep the best of boxes that overlap (non-maximum suppression).

    Args:
        rows: (N,15).

    Returns:
        The rows that are kept, best first.
    """
    rows = rows[np.argsort(-rows[:, 0], kind="stable")]
    low, high = rows[:, 1:3] - rows[:, 3:5] / 2, rows[:, 1:3] + rows[:, 3:5] / 2
    area = rows[:, 3] * rows[:, 4]
    kept: list[int] = []
    left = np.ones(len(rows), bool)
    for i in range(len(rows)):
        if not left[i]:
            continue
        kept.append(i)
        both = np.clip(np.minimum(high[i], high) - np.maximum(low[i], low), 0, None).prod(1)
        overlap = both / (area[i] + area - both)
        left &= (overlap <= _OVERLAP) & (both / np.minimum(area[i], area) <= _INSIDE)
    return rows[kept]


def roll_of_points(points: NDArray[np.float64]) -> float:
    """Return the roll of a face.

    It is the mean of two directions: from eye to eye, and at right angles to the line from the eyes down to the mouth.
    In a profile the eyes alone are too close to each other for a direction.

    Args:
        points: (5,2) as in a row.

    Returns:
        Degrees, positive = clockwise in the image.
    """
    across, down = points[1] - points[0], points[3:].mean(0) - points[:2].mean(0)
    x = across + np.array([down[1], -down[0]])
    return math.degrees(math.atan2(x[1], x[0]))


def face_of_row(row: NDArray[np.float64]) -> Face:
    """Convert a row to a face."""
    score, x, y, w, h = (float(v) for v in row[:5])
    points = row[5:].reshape(POINTS, 2)
    box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
    return Face(box, roll_of_points(points), min(score, 1.0), tuple((float(px), float(py)) for px, py in points))
