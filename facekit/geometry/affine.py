"""Affine transforms of the plane as 3x3 matrices over pixel-centre coordinates.

(x, y) = (0, 0) is the centre of the top-left pixel. A box (x0, y0, x1, y1) bounds an area, so it runs between pixel
edges. The whole image (h, w) is the box (-0.5, -0.5, w - 0.5, h - 0.5), and x1 - x0 is its width in pixels. A size is
(height, width), or one number for a square. The matrix of a crop maps the image's pixels to the crop's pixels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Size = int | tuple[int, ...]
Matrix = NDArray[np.float64]


def crop_matrix(box: ArrayLike, size: Size, roll: float = 0.0) -> Matrix:
    """Return the matrix from an image to a crop that a box fills.

    Args:
        box: (x0, y0, x1, y1) in the image's pixels.
        size: Size of the crop in pixels.
        roll: Rotation of the box about its centre in degrees, positive = clockwise in the image. A face that leans
            by ``roll`` is upright in the crop.

    Returns:
        (3,3) float64, image -> crop.

    Raises:
        ValueError: If the box has no area, or a value is not finite.
    """
    x0, y0, x1, y1 = (float(v) for v in np.asarray(box, dtype=np.float64).reshape(-1))
    h, w = size_pair(size)
    if not all(map(math.isfinite, (x0, y0, x1, y1, roll))) or x1 <= x0 or y1 <= y0:
        raise ValueError(
            f"expected a box of finite x0 < x1 and y0 < y1, got {(x0, y0, x1, y1)} with roll {roll}, which has no area"
        )
    sx, sy = w / (x1 - x0), h / (y1 - y0)
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    c, s = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    m = np.array([[sx * c, sx * s, 0.0], [-sy * s, sy * c, 0.0], [0.0, 0.0, 1.0]])
    m[:2, 2] = np.array([(w - 1) / 2, (h - 1) / 2]) - m[:2, :2] @ np.array([cx, cy])
    return m


def fit_matrix(image_size: Size, size: Size) -> Matrix:
    """Return the matrix from an image to a crop that holds the whole image, its proportions kept (letterbox).

    Args:
        image_size: (height, width) of the image.
        size: Size of the crop in pixels; the image is centred in it.

    Returns:
        (3,3) float64, image -> crop.
    """
    h, w = size_pair(image_size)
    out_h, out_w = size_pair(size)
    scale = min(out_h / h, out_w / w)
    half_w, half_h = out_w / scale / 2, out_h / scale / 2
    cx, cy = (w - 1) / 2, (h - 1) / 2
    return crop_matrix((cx - half_w, cy - half_h, cx + half_w, cy + half_h), (out_h, out_w))


def similarity_from_points(source: ArrayLike, target: ArrayLike) -> Matrix:
    """Fit the rotation, uniform scale and shift that map points closest to others in least squares.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991.

    Args:
        source: Points (K,2).
        target: Points (K,2). A pair with a NaN on either side is ignored.

    Returns:
        (3,3) float64, source -> target.

    Raises:
        ValueError: If the shapes differ, fewer than 2 pairs remain, the source points coincide, or the target points
            give no scale.
    """
    a = np.asarray(source, dtype=np.float64)
    b = np.asarray(target, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 2 or a.shape[-1] != 2:
        raise ValueError(f"expected two arrays of points (K, 2), got shapes {a.shape} and {b.shape}")
    good = np.isfinite(a).all(1) & np.isfinite(b).all(1)
    if good.sum() < 2:
        raise ValueError(
            f"expected at least 2 labelled pairs of points for a similarity, got {int(good.sum())} of {len(a)}"
        )
    a, b = a[good], b[good]
    mean_a, mean_b = a.mean(0), b.mean(0)
    a, b = a - mean_a, b - mean_b
    spread = float((a**2).sum())
    if spread < 1e-12:
        raise ValueError("expected at least 2 different source points for a similarity, got points that all coincide")
    # In the plane the best rotation and scale have this closed form, and it never mirrors.
    real = float((a * b).sum()) / spread
    imaginary = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / spread
    if math.hypot(real, imaginary) < 1e-12:
        raise ValueError(
            "expected target points that give a scale, got points that coincide or mirror the source; check their order"
        )
    m = np.array([[real, -imaginary, 0.0], [imaginary, real, 0.0], [0.0, 0.0, 1.0]])
    m[:2, 2] = mean_b - m[:2, :2] @ mean_a
    return m


def shift_matrix(x: float, y: float) -> Matrix:
    """Return the matrix that adds (x, y).

    Args:
        x: Shift to the right in pixels.
        y: Shift down in pixels.

    Returns:
        Float64 (3, 3).
    """
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def invert(matrix: ArrayLike) -> Matrix:
    """Invert affine matrices.

    Args:
        matrix: (...,3,3).

    Returns:
        The inverse, of the same shape, float64.

    Raises:
        ValueError: If a matrix is singular, is not finite, or has another shape.
    """
    m = np.asarray(matrix, dtype=np.float64)
    if m.shape[-2:] != (3, 3):
        raise ValueError(f"expected a matrix (3, 3), got shape {m.shape}")
    if not np.isfinite(m).all() or (np.abs(np.linalg.det(m)) < 1e-18).any():
        raise ValueError(
            "expected a matrix that has an inverse, got one that is singular or not finite; check the box it is made of"
        )
    return np.asarray(np.linalg.inv(m), dtype=np.float64)


def transform_points(points: ArrayLike, matrix: ArrayLike) -> NDArray[np.floating[Any]]:
    """Map points by an affine matrix.

    Args:
        points: (...,2). NaN stays NaN.
        matrix: (3,3).

    Returns:
        (...,2), of the same float type; float64 for integers.
    """
    p = np.asarray(points)
    if not np.issubdtype(p.dtype, np.floating):
        p = p.astype(np.float64)
    m = np.asarray(matrix, dtype=np.float64)
    return np.asarray(p @ m[:2, :2].T + m[:2, 2]).astype(p.dtype)


def map_grid(matrix: Matrix, x: Any, y: Any) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    """Map coordinates by an affine matrix.

    Args:
        matrix: (3,3).
        x: Array of x coordinates.
        y: Array of y coordinates; both are broadcast, such as (1,w) and (h,1).

    Returns:
        x and y of the broadcast shape; float32 stays float32.
    """
    # Python's numbers do not turn float32 into float64, as NumPy's would.
    (a, b, c), (d, e, f) = matrix[:2].tolist()
    return a * x + b * y + c, d * x + e * y + f


def box_of_points(points: ArrayLike, scale: float = 1.6, lift: float = 0.06, roll: float = 0.0) -> NDArray[np.float64]:
    """Return the square around landmarks, as the crops of 300-W frame them.

    The defaults were measured on all 2,236 crops of 300-W (1.60000 and 0.06000).

    Args:
        points: (K,2) in the image's pixels; NaN points are ignored.
        scale: Side of the square over the longer side of the points' bounding box.
        lift: Distance of the square's centre above the centre of the bounding box, over the square's side.
        roll: Lean of the face in degrees, positive = clockwise in the image. The square is meant to be rotated by it,
            as `crop_matrix` does.

    Returns:
        (4,) float64: x0, y0, x1, y1.

    Raises:
        ValueError: If there are fewer than 2 different points.
    """
    p = np.asarray(points, dtype=np.float64)
    p = p[np.isfinite(p).all(-1)]
    c, s = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    turn = np.array([[c, s], [-s, c]])
    if len(p) == 0 or np.ptp(p, axis=0).max() <= 0:
        raise ValueError(f"expected at least 2 different points for a box, got {len(p)} labelled points without area")
    upright = p @ turn.T
    low, high = upright.min(0), upright.max(0)
    side = scale * float((high - low).max())
    centre = turn.T @ ((low + high) / 2 - np.array([0.0, lift * side]))
    return np.concatenate([centre - side / 2, centre + side / 2])


def size_pair(size: Size) -> tuple[int, int]:
    """Return a size as (height, width). Raises ValueError for one below 1 pixel."""
    h, w = (size, size) if isinstance(size, (int, np.integer)) else (int(size[0]), int(size[1]))
    if h < 1 or w < 1:
        raise ValueError(f"expected a size (height, width) of at least 1 pixel, got {size}")
    return int(h), int(w)
