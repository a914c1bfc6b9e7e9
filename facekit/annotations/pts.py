"""Read and write the .pts files of 300-W (ibug).

A file holds `version: 1`, `n_points: 68`, and between braces one `x y` per line. The points have no names: their order
is that of the label set. ibug wrote them in Matlab, where the centre of the top-left pixel is (1, 1)
(https://github.com/menpo/menpo/issues/160), so ORIGIN = 1. `nan nan` is a point that is not labelled, as Menpo writes
it.
"""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

from .values import finite_number, short_repr

ORIGIN = 1.0
_HEAD = re.compile(r"\s*(?:version\s*:|n_points\s*:)", re.IGNORECASE)
_EXPECTED = "expected `n_points:` and the number of points, 1 or more"


def is_pts(text: str) -> bool:
    """Return whether the beginning of a file is that of a .pts file."""
    return _HEAD.match(text) is not None


def parse_pts(text: str, origin: float = ORIGIN) -> NDArray[np.float64]:
    """Return the points of a .pts file.

    Args:
        text: The text of the file.
        origin: x and y of the centre of the top-left pixel in the file.

    Returns:
        Array of shape (K, 2), float64, x and y in pixels; NaN: not labelled.

    Raises:
        ValueError: If the number of points or a brace is missing; the number of lines differs; or a line does not hold
            two finite numbers or two nan.
    """
    head, brace, rest = text.partition("{")
    body, end, after = rest.partition("}")
    if not brace or not end:
        missing = "}" if brace else "{"
        raise ValueError(f'expected the points between braces, got no "{missing}"; the file is cut off, copy it again')
    if after.strip():
        raise ValueError(f'expected nothing after "}}", got {short_repr(after.strip())}; keep one face per file')
    count = _parse_count(head)
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    if len(lines) != count:
        fix = "copy the file again, or correct n_points"
        raise ValueError(f"expected {count} points by its n_points, got {len(lines)}; {fix}")
    return np.array([_parse_point(line, i) for i, line in enumerate(lines)], np.float64) - origin


def points_to_pts(points: NDArray[np.float32], origin: float = ORIGIN) -> str:
    """Return points as the text of a .pts file. `parse_pts` gives back the same numbers.

    Args:
        points: Array of shape (K, 2), x and y in pixels; NaN: not labelled.
        origin: x and y of the centre of the top-left pixel in the file.

    Returns:
        The text.
    """
    moved = points.astype(np.float64) + origin
    lines = "".join(f"{float(x)!r} {float(y)!r}\n" for x, y in moved)
    return f"version: 1\nn_points: {len(points)}\n{{\n{lines}}}\n"


def _parse_count(head: str) -> int:
    """Return the number of points that the head declares."""
    match = re.search(r"n_points\s*:[ \t]*(\S*)", head, re.IGNORECASE)
    if match is None:
        raise ValueError(f"{_EXPECTED}, got no n_points; add it before the brace")
    word = match.group(1)
    if not re.fullmatch(r"[+-]?\d{1,9}", word) or int(word) < 1:
        raise ValueError(f"{_EXPECTED}, got n_points: {short_repr(word)}; correct it")
    return int(word)


def _parse_point(line: str, i: int) -> tuple[float, float]:
    """Return x and y of point i."""
    words = line.replace(",", " ").split()
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != 2 or math.isnan(values[0]) != math.isnan(values[1]):
        fix = "write `nan nan` for a point that is not labelled"
        raise ValueError(f"expected two numbers x y for point {i}, got {short_repr(line)}; {fix}")
    if math.isnan(values[0]):
        return math.nan, math.nan
    return finite_number(values[0], f"x of point {i}"), finite_number(values[1], f"y of point {i}")
