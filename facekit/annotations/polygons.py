"""Convert outlines to pixels. A pixel belongs to a shape if its centre does.

(0, 0) is the centre of the top-left pixel. A centre exactly on an outline belongs to the shape on its right, or below
it. So shapes with a common edge neither overlap nor leave a gap. Shapes may extend beyond the image.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .values import Size

# Limits of one band of rows, which keep memory small: crossings of edges with rows, and rows.
_CROSSINGS = 1_000_000
_ROWS = 512


def fill_polygon(points: NDArray[np.float64], size: Size) -> NDArray[np.bool_]:
    """Fill a closed polygon by the even-odd rule: a region that is covered twice is outside.

    Args:
        points: Corners, shape (n, 2), n >= 3, x and y in pixels.
        size: (H, W) of the image.

    Returns:
        Array of shape (H, W), bool.

    Raises:
        ValueError: If there are fewer than 3 points, or the polygon lies wholly outside the image.
    """
    if len(points) < 3:
        got = f"a polygon of {len(points)} points"
        raise ValueError(f"expected a polygon of 3 points or more, got {got}; draw it again, or delete it")
    _check_inside(points.min(0), points.max(0), size)
    height, width = size
    start, end = points, np.roll(points, -1, axis=0)
    # Every edge is computed from its upper end. Otherwise two shapes with a common edge could differ by a pixel.
    upwards = (start[:, 1] > end[:, 1])[:, None]
    (x0, y0), (x1, y1) = np.where(upwards, end, start).T, np.where(upwards, start, end).T
    first, last = (np.clip(np.ceil(y), 0, height).astype(np.int64) for y in (y0, y1))
    inside = np.zeros(size, dtype=bool)
    for top, bottom in _bands(first, last, height):
        edges = np.flatnonzero((first < bottom) & (last > top))
        starts, ends = first[edges].clip(top), last[edges].clip(max=bottom)
        counts = np.maximum(ends - starts, 0)
        edge = np.repeat(edges, counts)
        rows = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(starts, counts)
        crossings = x0[edge] + (rows - y0[edge]) / (y1 - y0)[edge] * (x1 - x0)[edge]
        columns = np.clip(np.ceil(crossings), 0, width).astype(np.int64)
        places = (rows - top) * (width + 1) + columns
        toggles = np.bincount(places, minlength=(bottom - top) * (width + 1)).reshape(-1, width + 1)
        inside[top:bottom] = np.cumsum(toggles, axis=1)[:, :width] % 2
    return inside


def fill_rectangle(corners: NDArray[np.float64], size: Size) -> NDArray[np.bool_]:
    """Fill an upright rectangle.

    Args:
        corners: Two opposite corners, shape (2, 2), x and y in pixels.
        size: (H, W) of the image.

    Returns:
        Array of shape (H, W), bool.

    Raises:
        ValueError: If there are not 2 points, or the rectangle lies wholly outside the image.
    """
    if len(corners) != 2:
        got = f"a rectangle of {len(corners)} points"
        raise ValueError(f"expected a rectangle of 2 opposite corners, got {got}; draw it again")
    (x0, y0), (x1, y1) = corners
    return fill_polygon(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]), size)


def fill_circle(points: NDArray[np.float64], size: Size) -> NDArray[np.bool_]:
    """Fill a circle.

    Args:
        points: The centre and a point on the circle, shape (2, 2), x and y in pixels.
        size: (H, W) of the image.

    Returns:
        Array of shape (H, W), bool.

    Raises:
        ValueError: If there are not 2 points, or the circle lies wholly outside the image.
    """
    if len(points) != 2:
        got = f"a circle of {len(points)} points"
        raise ValueError(f"expected a circle of its centre and a point on it, got {got}; draw it again")
    (x, y), rim = points[0], points[1]
    radius = float(np.hypot(*(rim - points[0])))
    _check_inside(points[0] - radius, points[0] + radius, size)
    rows, columns = np.ogrid[: size[0], : size[1]]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def fill_ellipse(
    centre: NDArray[np.float64], radii: NDArray[np.float64], degrees: float, size: Size
) -> NDArray[np.bool_]:
    """Fill an ellipse.

    Args:
        centre: x and y in pixels, shape (2,).
        radii: Radius along its own x and y axis in pixels, above 0, shape (2,).
        degrees: Clockwise rotation about its centre.
        size: (H, W) of the image.

    Returns:
        Array of shape (H, W), bool.

    Raises:
        ValueError: If a radius is not above 0, or the ellipse lies wholly outside the image.
    """
    if min(radii) <= 0:
        raise ValueError(f"expected radii of an ellipse above 0, got {radii[0]:g}, {radii[1]:g}; draw it again")
    _check_inside(centre - max(radii), centre + max(radii), size)
    rows, columns = np.ogrid[: size[0], : size[1]]
    angle = np.deg2rad(degrees)
    along = (columns - centre[0]) * np.cos(angle) + (rows - centre[1]) * np.sin(angle)
    across = (rows - centre[1]) * np.cos(angle) - (columns - centre[0]) * np.sin(angle)
    return np.asarray((along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1)


def rotate(points: NDArray[np.float64], pivot: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    """Rotate points clockwise about a pivot. x points to the right and y down.

    Args:
        points: Array of shape (n, 2).
        pivot: Array of shape (2,).
        degrees: Angle.

    Returns:
        Array of shape (n, 2).
    """
    angle = np.deg2rad(degrees)
    (dx, dy) = (points - pivot).T
    x = dx * np.cos(angle) - dy * np.sin(angle)
    y = dx * np.sin(angle) + dy * np.cos(angle)
    return np.stack([x, y], axis=1) + pivot


def _bands(first: NDArray[np.int64], last: NDArray[np.int64], height: int) -> list[tuple[int, int]]:
    """Return bands of rows (from, to) in which all edges together cross about _CROSSINGS rows."""
    up = np.bincount(first, minlength=height + 1)
    down = np.bincount(np.maximum(last, first), minlength=height + 1)
    total = np.cumsum(np.cumsum(up - down)[:height])
    rows = np.flatnonzero(np.diff(total // _CROSSINGS)) + 1
    # Large images with few edges need a limit of rows as well.
    edges = sorted({0, *rows.tolist(), *range(0, height, _ROWS), height})
    return list(pairwise(edges))


def _check_inside(low: NDArray[np.float64], high: NDArray[np.float64], size: Size) -> None:
    """Raise ValueError if a box from low to high lies wholly outside the image."""
    height, width = size
    if high[0] < -0.5 or high[1] < -0.5 or low[0] > width - 0.5 or low[1] > height - 0.5:
        got = f"one from x={low[0]:g}, y={low[1]:g} to x={high[0]:g}, y={high[1]:g}"
        fix = "check that the labels belong to this image in its present size"
        raise ValueError(f"expected a shape within the image, {width} wide and {height} high, got {got}; {fix}")
