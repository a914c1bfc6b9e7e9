"""Crops, similarity transforms and their inverses, as 3x3 matrices over pixel-centre coordinates.

(x, y) = (0, 0) is the centre of the top-left pixel. A box (x0, y0, x1, y1) bounds an area, so it runs between pixel
edges: the whole (h, w) image is the box (-0.5, -0.5, w - 0.5, h - 0.5), and x1 - x0 is its width in pixels. A size is
(height, width), or one number for a square. Every matrix maps image -> crop; `invert` turns it round. Wherever a
function takes such a matrix by the type `Crop`, it takes a tanh-warped crop as well.
"""

from __future__ import annotations

import math
from typing import Any, overload

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import resampling
from .resampling import BORDERS, INTERPOLATIONS, Border, Interpolation
from .tanh_warp import TanhCrop, TanhInverse, affine

Size = int | tuple[int, int]
Matrix = NDArray[np.float64]
Crop = Matrix | TanhCrop

_STRIP_VALUES = 1 << 24
# A tanh-warped crop's pixel is the mean of so many a side.
_FINER = 4


def crop_matrix(box: ArrayLike, size: Size, roll: float = 0.0) -> Matrix:
    """Image -> crop (3,3): the box, turned by `roll` degrees about its centre, fills the crop.

    box: (x0, y0, x1, y1). roll: degrees, positive = clockwise in the image; a face rolled by that stands upright in
    the crop. Raises ValueError for a box without area or values that are not finite.
    """
    x0, y0, x1, y1 = (float(v) for v in np.asarray(box, dtype=np.float64).reshape(-1))
    h, w = _size(size)
    if not all(map(math.isfinite, (x0, y0, x1, y1, roll))) or x1 <= x0 or y1 <= y0:
        raise ValueError(f"box {(x0, y0, x1, y1)} with roll {roll} has no area: pass finite x0 < x1 and y0 < y1")
    sx, sy = w / (x1 - x0), h / (y1 - y0)
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    c, s = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    m = np.array([[sx * c, sx * s, 0.0], [-sy * s, sy * c, 0.0], [0.0, 0.0, 1.0]])
    m[:2, 2] = np.array([(w - 1) / 2, (h - 1) / 2]) - m[:2, :2] @ np.array([cx, cy])
    return m


def fit_matrix(image_size: tuple[int, int], size: Size) -> Matrix:
    """Image -> crop (3,3): the whole (h, w) image, its shape kept, centred in the crop (letterbox)."""
    h, w = _size(image_size)
    out_h, out_w = _size(size)
    scale = min(out_h / h, out_w / w)
    half_w, half_h = out_w / scale / 2, out_h / scale / 2
    cx, cy = (w - 1) / 2, (h - 1) / 2
    return crop_matrix((cx - half_w, cy - half_h, cx + half_w, cy + half_h), (out_h, out_w))


def similarity_from_points(source: ArrayLike, target: ArrayLike) -> Matrix:
    """The rotation, uniform scale and shift (3,3) that take source closest to target in least squares (Umeyama 1991).

    source, target: (K, 2); pairs with a NaN on either side are ignored. Raises ValueError where fewer than 2 pairs
    remain or the source points all coincide.
    """
    a = np.asarray(source, dtype=np.float64)
    b = np.asarray(target, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 2 or a.shape[-1] != 2:
        raise ValueError(f"points of shapes {a.shape} and {b.shape} came: both must be (K, 2)")
    good = np.isfinite(a).all(1) & np.isfinite(b).all(1)
    if good.sum() < 2:
        raise ValueError(f"{int(good.sum())} of {len(a)} point pairs are labelled: a similarity needs at least 2")
    a, b = a[good], b[good]
    mean_a, mean_b = a.mean(0), b.mean(0)
    a, b = a - mean_a, b - mean_b
    spread = float((a**2).sum())
    if spread < 1e-12:
        raise ValueError("the source points all coincide: a similarity needs two different points")
    # In the plane the best rotation and scale have this closed form, and it never mirrors.
    real = float((a * b).sum()) / spread
    imaginary = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / spread
    if math.hypot(real, imaginary) < 1e-12:
        raise ValueError("the target points give no scale (they coincide or mirror the source): check the point order")
    m = np.array([[real, -imaginary, 0.0], [imaginary, real, 0.0], [0.0, 0.0, 1.0]])
    m[:2, 2] = mean_b - m[:2, :2] @ mean_a
    return m


@overload
def invert(matrix: ArrayLike) -> Matrix: ...
@overload
def invert(matrix: TanhCrop) -> TanhInverse: ...
@overload
def invert(matrix: TanhInverse) -> TanhCrop: ...
def invert(matrix: ArrayLike | TanhCrop | TanhInverse) -> Matrix | TanhInverse | TanhCrop:
    """The inverse (..., 3, 3) of affine matrices, or of a tanh-warp. Raises ValueError where one is singular."""
    if isinstance(matrix, (TanhCrop, TanhInverse)):
        return TanhInverse(matrix) if isinstance(matrix, TanhCrop) else matrix.crop
    m = np.asarray(matrix, dtype=np.float64)
    if m.shape[-2:] != (3, 3):
        raise ValueError(f"a matrix of shape {m.shape} came: pass (3, 3)")
    if not np.isfinite(m).all() or (np.abs(np.linalg.det(m)) < 1e-18).any():
        raise ValueError("the matrix is singular or not finite, so it has no inverse: check the box it was made from")
    return np.asarray(np.linalg.inv(m), dtype=np.float64)


def transform_points(points: ArrayLike, matrix: ArrayLike | TanhCrop | TanhInverse) -> NDArray[np.floating[Any]]:
    """Points (..., 2) through an affine (3, 3) matrix or a tanh-warp; the same float type, NaN stays NaN."""
    p = np.asarray(points)
    if not np.issubdtype(p.dtype, np.floating):
        p = p.astype(np.float64)
    if isinstance(matrix, (TanhCrop, TanhInverse)):
        return matrix.forward(p).astype(p.dtype)
    m = np.asarray(matrix, dtype=np.float64)
    return np.asarray(p @ m[:2, :2].T + m[:2, 2]).astype(p.dtype)


def warp_image(
    image: NDArray[Any],
    matrix: ArrayLike | TanhCrop | TanhInverse,
    size: Size,
    border: Border = "reflect",
    interpolation: Interpolation = "linear",
    fill: float = 0.0,
) -> NDArray[Any]:
    """The image seen through image -> crop `matrix`: (H,W) or (H,W,C), uint8 or float32, to size (h,w[,C]).

    Shrinking averages the source pixels first (area filter), which cv2.warpAffine alone does not. border: what lies
    outside the image; "constant" puts `fill` there. Raises ValueError for names that are not offered, and for a size
    that is not the tanh-warped crop's own.
    """
    if border not in BORDERS:
        raise ValueError(f"border={border!r} came: choose one of {', '.join(BORDERS)}")
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"interpolation={interpolation!r} came: choose one of {', '.join(INTERPOLATIONS)}")
    h, w = _size(size)
    if isinstance(matrix, TanhCrop):
        if (h, w) != (matrix.side, matrix.side):
            raise ValueError(f"size {size} came for a tanh-warped crop of {matrix.side} px: pass its own side")
        return _warped(image, matrix, border, interpolation, fill)
    if isinstance(matrix, TanhInverse):
        return _unwarped(image, matrix.crop, (h, w), fill if border == "constant" else None, interpolation)
    image, m = _prepared(image, np.asarray(matrix, dtype=np.float64), _corners((h, w)), interpolation)
    inverse, flags = invert(m)[:2], INTERPOLATIONS[interpolation] | cv2.WARP_INVERSE_MAP

    def warp(planes: NDArray[Any]) -> NDArray[Any]:
        return cv2.warpAffine(planes, inverse, (w, h), None, flags, BORDERS[border], (fill,) * 4)

    return resampling.in_fours(image, warp)


def _prepared(
    image: NDArray[Any], m: Matrix, corners: ArrayLike, interpolation: Interpolation, finer: int = 1
) -> tuple[NDArray[Any], Matrix]:
    """What is needed of the image for a crop with such corners, small enough to be read at every pixel of one that is
    `finer` times as fine; and the matrix from its pixels to the crop's."""
    seen, (sx, sy) = transform_points(corners, invert(m)), _scales(m)
    margin = 4 + 4 / max(min(sx, sy), 1e-6)
    scales = (1.0, 1.0) if interpolation == "nearest" else (finer * sx, finer * sy)
    small, back = resampling.prepared(image, seen.min(0) - margin, seen.max(0) + margin, scales)
    return small, m @ back


def _warped(
    image: NDArray[Any], crop: TanhCrop, border: Border, interpolation: Interpolation, fill: float
) -> NDArray[Any]:
    """What a warped crop shows: each pixel the mean of finer ones, as the outer ones cover much of the image."""
    finer = 1 if interpolation == "nearest" else _FINER
    image, m = _prepared(image, crop.matrix, crop.unwarp(_corners((crop.side,) * 2)), interpolation, finer)
    places = crop.unwarp((np.arange(crop.side * finer) + 0.5) / finer - 0.5)
    return resampling.averaged(image, invert(m), places, finer, interpolation, border, fill)


def _unwarped(
    values: NDArray[Any], crop: TanhCrop, size: tuple[int, int], fill: float | None, interpolation: Interpolation
) -> NDArray[Any]:
    """A warped crop's values at the image's first (h, w) pixels; outside the crop `fill`, or its rim goes on."""
    # Where the image is the coarser of the two, a mean of finer pixels keeps what lies between.
    times = 1 if interpolation == "nearest" else crop.finer
    h, w = size[0] * times, size[1] * times
    fine = crop @ crop_matrix((-0.5, -0.5, w - 0.5, h - 0.5), size)
    x, y = _mapped(fine, 0, 0, w, h)
    out = resampling.looked_up(values, x, y, interpolation)
    if fill is not None:
        out[~_inside(fine, values.shape[:2], x, y)] = fill
    return resampling.reduced(out, (1 / times, 1 / times))


def _scales(m: Matrix) -> tuple[float, float]:
    """How long one image pixel is in the crop, along x and along y."""
    return float(np.hypot(*m[:2, 0])), float(np.hypot(*m[:2, 1]))


def warp_mask(mask: NDArray[Any], matrix: Crop, size: Size, fill: int = 255) -> NDArray[Any]:
    """The mask (H,W) seen through image -> crop `matrix`, nearest pixel; `fill` (255 = ignore) outside."""
    return _nearest(mask, invert(matrix), np.full(_size(size), fill, dtype=mask.dtype), 0, 0)


def paste_mask(mask: NDArray[Any], matrix: Crop, image_size: tuple[int, int], fill: int = 0) -> NDArray[Any]:
    """A crop's mask (h,w) put back: (H,W) of the image, nearest pixel, `fill` outside the crop.

    matrix: image -> crop, the one that made the crop.
    """
    out = np.full(_size(image_size), fill, dtype=mask.dtype)
    x0, y0, x1, y1 = _region(matrix, mask.shape[:2], out.shape)
    if x0 < x1 and y0 < y1:
        out[y0:y1, x0:x1] = _nearest(mask, matrix, out[y0:y1, x0:x1], x0, y0)
    return out


def paste_logits(
    logits: NDArray[np.floating[Any]], matrix: Crop, image_size: tuple[int, int], fill: int = 0
) -> NDArray[np.uint8]:
    """A crop's class scores (C,h,w), C <= 255, put back and decided there: (H,W) uint8 ids, `fill` outside the crop.

    Interpolating scores and then choosing gives smooth outlines where pasting ids gives stairs. A crop finer than the
    image is read at the pixels' centres, too: means would lose lips and brows. matrix: image -> crop, with the
    scores on the crop's pixels.
    """
    out, size = np.full(_size(image_size), fill, dtype=np.uint8), (logits.shape[1], logits.shape[2])
    planes = np.ascontiguousarray(np.moveaxis(logits, 0, -1), dtype=np.float32)
    if size == out.shape and isinstance(matrix, np.ndarray) and np.array_equal(matrix, np.eye(3)):
        return planes.argmax(axis=2).astype(np.uint8)  # the crop is the image
    x0, y0, x1, y1 = _region(matrix, size, out.shape)
    if x0 >= x1 or y0 >= y1:
        return out
    # Strips bound the memory: 27 classes of a 20 MP image are 2 GB.
    finer = matrix.finer if isinstance(matrix, TanhCrop) else 1
    rows = max(1, _STRIP_VALUES // ((x1 - x0) * planes.shape[2] * finer**2))
    for top in range(y0, y1, rows):
        bottom = min(y1, top + rows)
        x, y = _mapped(matrix, x0, top, x1, bottom)
        inside = _inside(matrix, size, x, y)
        if isinstance(matrix, TanhCrop):
            scores = _unwarped(planes, matrix @ _shift(x0, top), (bottom - top, x1 - x0), None, "linear")
        else:
            scores = resampling.looked_up(planes, x, y, "linear")
        out[top:bottom, x0:x1][inside] = scores.argmax(axis=2).astype(np.uint8)[inside]
    return out


def put_back(
    crop: NDArray[Any], matrix: Crop, image_size: tuple[int, int], border: Border = "replicate"
) -> tuple[NDArray[Any], tuple[slice, slice]]:
    """A crop's values (h,w) or (h,w,C) at the image's pixels, and the rows and columns that they are for: those that
    the crop touches. matrix: image -> crop. border: of `warp_image`, for pixels beyond the crop's rim."""
    x0, y0, x1, y1 = _region(matrix, crop.shape[:2], image_size)
    here = slice(y0, max(y0, y1)), slice(x0, max(x0, x1))
    if x0 >= x1 or y0 >= y1:
        return np.zeros((here[0].stop - y0, here[1].stop - x0, *crop.shape[2:]), crop.dtype), here
    return warp_image(crop, invert(matrix @ _shift(x0, y0)), (y1 - y0, x1 - x0), border=border), here


def paste_image(
    crop: NDArray[np.uint8], matrix: Crop, image: NDArray[np.uint8], feather: float = 0.0
) -> NDArray[np.uint8]:
    """A crop (h,w,3) put back into a copy of the image (H,W,3).

    matrix: image -> crop. feather: width in crop pixels over which the crop's rim fades into the image; 0 is a
    hard edge.
    """
    out = image.copy()
    new, (rows, columns) = put_back(crop, matrix, image.shape[:2])
    x, y = _mapped(matrix, columns.start, rows.start, columns.stop, rows.stop)
    alpha, (h, w) = _inside(matrix, crop.shape[:2], x, y).astype(np.float64), crop.shape[:2]
    if feather > 0:
        rim = np.minimum(np.minimum(x + 0.5, w - 0.5 - x), np.minimum(y + 0.5, h - 0.5 - y))
        alpha *= np.clip(rim / feather, 0, 1)
    old = out[rows, columns].astype(np.float32)
    out[rows, columns] = np.rint(old + (new.astype(np.float32) - old) * alpha[..., None]).astype(np.uint8)
    return out


def box_of_points(points: ArrayLike, scale: float = 1.6, lift: float = 0.06, roll: float = 0.0) -> NDArray[np.float64]:
    """The square (x0, y0, x1, y1) that frames landmarks (K, 2) as the 300-W crops do; NaN points are ignored.

    Its side is `scale` times the longer side of the points' bounding box, its centre lies above the bounding box's by
    `lift` sides: both measured on all 2,236 crops (1.60000 and 0.06000). roll: the square of a face rolled by so many
    degrees, for `crop_matrix(box, size, roll)`. Raises ValueError with fewer than 2 different points.
    """
    p = np.asarray(points, dtype=np.float64)
    p = p[np.isfinite(p).all(-1)]
    c, s = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    turn = np.array([[c, s], [-s, c]])
    if len(p) == 0 or np.ptp(p, axis=0).max() <= 0:
        raise ValueError(f"{len(p)} labelled points span no area: a box needs at least 2 different points")
    upright = p @ turn.T
    low, high = upright.min(0), upright.max(0)
    side = scale * float((high - low).max())
    centre = turn.T @ ((low + high) / 2 - np.array([0.0, lift * side]))
    return np.concatenate([centre - side / 2, centre + side / 2])


def _size(size: Size) -> tuple[int, int]:
    h, w = (size, size) if isinstance(size, (int, np.integer)) else (int(size[0]), int(size[1]))
    if h < 1 or w < 1:
        raise ValueError(f"size {size} came: pass (height, width), both at least 1")
    return int(h), int(w)


def _shift(x: float, y: float) -> Matrix:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _corners(size: tuple[int, int]) -> NDArray[np.float64]:
    h, w = size
    return np.array([[-0.5, -0.5], [w - 0.5, -0.5], [w - 0.5, h - 0.5], [-0.5, h - 0.5]])


def _region(matrix: Crop, crop_size: Any, image_size: Any) -> tuple[int, int, int, int]:
    """The pixels (x0, y0, x1, y1), ends excluded, that the crop may touch in the image."""
    corners = transform_points(_corners((crop_size[0], crop_size[1])), invert(matrix))
    (x0, y0), (x1, y1) = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int) + 1
    return max(0, int(x0)), max(0, int(y0)), min(int(image_size[1]), int(x1)), min(int(image_size[0]), int(y1))


def _mapped(
    m: Crop | TanhInverse, x0: int, y0: int, x1: int, y1: int
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    xs, ys = np.arange(x0, x1)[None, :], np.arange(y0, y1)[:, None]
    if isinstance(m, (TanhCrop, TanhInverse)):
        return m.at(xs.astype(np.float32), ys.astype(np.float32))  # tanh of a whole image, twice as fast
    return affine(m, xs, ys)


def _inside(m: Crop | TanhInverse, size: tuple[int, ...], x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
    (h, w), rim = size, m.rim if isinstance(m, TanhCrop) else 0.0
    return np.asarray((x >= rim - 0.5) & (x < w - 0.5 - rim) & (y >= rim - 0.5) & (y < h - 0.5 - rim))


def _nearest(source: NDArray[Any], m: Crop | TanhInverse, out: NDArray[Any], x0: int, y0: int) -> NDArray[Any]:
    """Fills a copy of `out`, whose first pixel is (x0, y0), with the source pixel that m sends each pixel to."""
    x, y = _mapped(m, x0, y0, x0 + out.shape[1], y0 + out.shape[0])
    return resampling.picked(source, x, y, _inside(m, source.shape[:2], x, y), out)
