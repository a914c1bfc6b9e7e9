"""Compare the left and right points of faces."""

from __future__ import annotations

import numpy as np

from facekit import labels as lb


def left_of_right(points: np.ndarray, s: lb.LandmarkSet) -> np.ndarray:
    """Return for each pair of points (..., K, 2) whether the left one lies further left, (..., P) bool."""
    pairs = [(i, s.index("right_" + n[5:])) for i, n in enumerate(s.points) if n.startswith("left_")]
    a, b = np.array(pairs).T
    return np.asarray(points[..., a, 0] < points[..., b, 0])
