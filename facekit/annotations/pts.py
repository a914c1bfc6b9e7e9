"""The .pts files of 300-W (ibug): `version: 1`, `n_points: 68`, and between braces one `x y` a line.

The points have no names: their order is that of the label set. ibug wrote them in Matlab, where the centre of the
top-left pixel is (1,1) (https://github.com/menpo/menpo/issues/160), hence ORIGIN = 1. `nan nan` is a point that is not
labelled, as Menpo writes it.
"""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

from .records import number, shown

ORIGIN = 1.0
_HEAD = re.compile(r"\s*(?:version\s*:|n_points\s*:)", re.IGNORECASE)
_SIGN = "expected `n_points:` and the number of points, 1 or more"


def is_pts(text: str) -> bool:
    """Whether a file that begins so is a .pts file."""
    return _HEAD.match(text) is not None


def points_of_pts(text: str, origin: float = ORIGIN) -> NDArray[np.float64]:
    """A file's text as (K,2) float64, NaN = not labelled. origin: the file's x and y of the top-left pixel's centre.

    Raises ValueError for a head without a count, missing braces, a count that the lines do not have, anything but two
    finite numbers (or two nan) in a line.
    """
    head, brace, rest = text.partition("{")
    body, end, after = rest.partition("}")
    if not brace or not end:
        missing = "}" if brace else "{"
        raise ValueError(f'no "{missing}" came, expected the points between braces: the file is cut off, copy it again')
    if after.strip():
        raise ValueError(f'{shown(after.strip())} came after "}}", expected nothing: keep one face a file')
    wanted = _count(head)
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    if len(lines) != wanted:
        fix = "copy the file again, or correct n_points"
        raise ValueError(f"{len(lines)} points came, expected {wanted} as n_points says: {fix}")
    return np.array([_point(line, i) for i, line in enumerate(lines)], np.float64) - origin


def pts_of_points(points: NDArray[np.float32], origin: float = ORIGIN) -> str:
    """(K,2) as a file's text; `points_of_pts` gives back the same numbers."""
    moved = points.astype(np.float64) + origin
    lines = "".join(f"{float(x)!r} {float(y)!r}\n" for x, y in moved)
    return f"version: 1\nn_points: {len(points)}\n{{\n{lines}}}\n"


def _count(head: str) -> int:
    found = re.search(r"n_points\s*:[ \t]*(\S*)", head, re.IGNORECASE)
    if found is None:
        raise ValueError(f"no n_points came, {_SIGN}: add it before the brace")
    word = found.group(1)
    if not re.fullmatch(r"[+-]?\d{1,9}", word) or int(word) < 1:
        raise ValueError(f"n_points: {shown(word)} came, {_SIGN}: correct it")
    return int(word)


def _point(line: str, i: int) -> tuple[float, float]:
    words = line.replace(",", " ").split()
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != 2 or math.isnan(values[0]) != math.isnan(values[1]):
        fix = "write `nan nan` for a point that is not labelled"
        raise ValueError(f"{shown(line)} came for point {i}, expected two numbers x y: {fix}")
    if math.isnan(values[0]):
        return math.nan, math.nan
    return number(values[0], f"x of point {i}"), number(values[1], f"y of point {i}")
