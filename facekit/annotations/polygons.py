"""From outlines to pixels: a pixel belongs to a shape if its centre does.

Coordinates are ours, (0,0) the centre of the top-left pixel. A centre exactly on an outline belongs to the shape on its
right (or below it), so shapes with a common edge neither overlap nor leave a gap. Shapes may reach out of the image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .records import Size

_CROSSINGS = 1_000_000
_ROWS = 512


def fill_polygon(points: NDArray[np.float64], size: Size) -> NDArray[np.bool_]:
    """The inside of a closed polygon (n,2), n >= 3, as (H,W): even-odd, so where it crosses itself twice is outside.

    Raises ValueError for fewer than 3 points, or a polygon wholly outside the image.
    """
    if len(points) < 3:
        raise ValueError(f"a polygon of {len(points)} points came, expected 3 or more: draw it again, or delete it")
    _check_inside(points.min(0), points.max(0), size)
    height, width = size
    start, end = points, np.roll(points, -1, axis=0)
    # The same arithmetic whichever way round a shared edge is drawn, or its two shapes could differ by a pixel.
    turned = (start[:, 1] > end[:, 1])[:, None]
    (x0, y0), (x1, y1) = np.where(turned, end, start).T, np.where(turned, start, end).T
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


def _bands(first: NDArray[np.int64], last: NDArray[np.int64], height: int) -> list[tuple[int, int]]:
    """Rows from and to, in which all edges together cross about _CROSSINGS rows, so that memory stays small."""
    up = np.bincount(first, minlength=height + 1)
    down = np.bincount(np.maximum(last, first), minlength=height + 1)
    total = np.cumsum(np.cumsum(up - down)[:height])
    rows = np.flatnonzero(np.diff(total // _CROSSINGS)) + 1
    # Not more than so many rows at once either, for large images with few edges.
    edges = sorted({0, *rows.tolist(), *range(0, height, _ROWS), height})
    return list(zip(edges[:-1], edges[1:], strict=True))


def fill_rectangle(corners: NDArray[np.float64], size: Size) -> NDArray[np.bool_]:
    """The rectangle between two opposite corners (2,2) as (H,W). Errors as `fill_polygon`, and for another count."""
    if len(corners) != 2:
        raise ValueError(f"a rectangle of {len(corners)} points came, expected 2 opposite corners: draw it again")
    (x0, y0), (x1, y1) = corners
    return fill_polygon(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]), size)


def fill_circle(points: NDArray[np.float64], size: Size) -> NDArray[np.bool_]:
    """The disc around points[0] through points[1] as (H,W). Errors as `fill_polygon`, and for another count."""
    if len(points) != 2:
        raise ValueError(f"a circle of {len(points)} points came, expected its centre and a point on it: draw it again")
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
        centre: x, y in pixels.
        radii: Along its own x and y axis, in pixels, above 0.
        degrees: By how much it is turned clockwise about its centre.
        size: (H, W).

    Returns:
        (H, W) bool.
    """
    if min(radii) <= 0:
        raise ValueError(f"an ellipse with radii {radii[0]:g}, {radii[1]:g} came, expected both above 0: draw it again")
    _check_inside(centre - max(radii), centre + max(radii), size)
    rows, columns = np.ogrid[: size[0], : size[1]]
    turn = np.deg2rad(degrees)
    along = (columns - centre[0]) * np.cos(turn) + (rows - centre[1]) * np.sin(turn)
    across = (rows - centre[1]) * np.cos(turn) - (columns - centre[0]) * np.sin(turn)
    return np.asarray((along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1)


def turned(points: NDArray[np.float64], pivot: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    """Return points (n,2) turned clockwise about a pivot (2,), x to the right and y down."""
    turn = np.deg2rad(degrees)
    (dx, dy) = (points - pivot).T
    return np.stack([dx * np.cos(turn) - dy * np.sin(turn), dx * np.sin(turn) + dy * np.cos(turn)], axis=1) + pivot


def _check_inside(low: NDArray[np.float64], high: NDArray[np.float64], size: Size) -> None:
    height, width = size
    if high[0] < -0.5 or high[1] < -0.5 or low[0] > width - 0.5 or low[1] > height - 0.5:
        came = f"a shape from x={low[0]:g}, y={low[1]:g} to x={high[0]:g}, y={high[1]:g} came"
        fix = "check that the labels belong to this image in its present size"
        raise ValueError(f"{came}, expected it within the image, {width} wide and {height} high: {fix}")
