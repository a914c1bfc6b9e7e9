"""How values get from one grid of pixels to another, whatever the geometry says about where: filters and borders."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from .tanh_warp import affine

Border = Literal["reflect", "constant", "replicate"]
Interpolation = Literal["linear", "cubic", "nearest"]

# BORDER_REFLECT mirrors at the pixel's edge, not at its centre, so it means the same at every scale.
BORDERS = {"reflect": cv2.BORDER_REFLECT, "constant": cv2.BORDER_CONSTANT, "replicate": cv2.BORDER_REPLICATE}
INTERPOLATIONS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "nearest": cv2.INTER_NEAREST}
# Above this scale bilinear interpolation alone covers the source pixels well enough.
_SHRINKING = 0.8
_STRIP_PIXELS = 1 << 22


def in_fours(image: NDArray[Any], do: Callable[[NDArray[Any]], Any]) -> NDArray[Any]:
    """`do` on the image (H,W) or (H,W,C), at most four channels at once, which is what OpenCV warps."""
    if image.ndim == 2 or image.shape[2] <= 4:
        out: NDArray[Any] = do(np.ascontiguousarray(image))
        return out if image.ndim == 2 or out.ndim == 3 else out[..., None]
    parts = [do(np.ascontiguousarray(image[..., i : i + 4])) for i in range(0, image.shape[2], 4)]
    return np.concatenate([p if p.ndim == 3 else p[..., None] for p in parts], axis=2)


def reduced(image: NDArray[Any], scales: tuple[float, float]) -> NDArray[Any]:
    """The image averaged down along x and y by scales that shrink; others leave it as it is."""
    h, w = image.shape[:2]
    new_w, new_h = (max(1, round(n * s)) if s < _SHRINKING else n for n, s in zip((w, h), scales, strict=True))
    if (new_h, new_w) == (h, w):
        return image
    return in_fours(image, lambda planes: cv2.resize(planes, (new_w, new_h), interpolation=cv2.INTER_AREA))


def prepared(
    image: NDArray[Any],
    least: NDArray[np.floating[Any]],
    most: NDArray[np.floating[Any]],
    scales: tuple[float, float],
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """What of the image is shown or reflected from `least` to `most`, (x, y) each, `reduced` by scales; and the
    matrix (3,3) from its pixels to the image's. Filtering all of a 20 MP image for one face is slow."""
    ranges = []
    for axis, n in ((0, image.shape[1]), (1, image.shape[0])):
        low, high = math.floor(least[axis]), math.ceil(most[axis]) + 1
        # What lies outside by d mirrors what lies inside by d.
        first, last = min(low, 2 * n - high), max(high, -low)
        first, last = max(0, min(first, n - 1)), min(n, max(last, 1))
        ranges.append((first, last) if first < last else (0, n))
    (x0, x1), (y0, y1) = ranges
    small = reduced(image[y0:y1, x0:x1], scales)
    sx, sy = (x1 - x0) / small.shape[1], (y1 - y0) / small.shape[0]
    return small, np.array([[sx, 0, x0 + (sx - 1) / 2], [0, sy, y0 + (sy - 1) / 2], [0, 0, 1]])


def averaged(
    image: NDArray[Any],
    matrix: NDArray[np.float64],
    places: NDArray[np.floating[Any]],
    finer: int,
    interpolation: Interpolation,
    border: Border,
    fill: float,
) -> NDArray[Any]:
    """(n,n[,C]): the image at `places` (n * finer,) along both axes, which the matrix takes to its pixels; of finer x
    finer of them the mean."""
    places = places.astype(np.float32)
    rows, strips = finer * max(1, _STRIP_PIXELS // (finer * len(places))), []
    for top in range(0, len(places), rows):
        x, y = affine(matrix, places[None, :], places[top : top + rows, None])
        strips.append(reduced(looked_up(image, x, y, interpolation, border, fill), (1 / finer, 1 / finer)))
    return np.concatenate(strips)


def looked_up(
    image: NDArray[Any],
    x: NDArray[np.floating[Any]],
    y: NDArray[np.floating[Any]],
    interpolation: Interpolation,
    border: Border = "replicate",
    fill: float = 0.0,
) -> NDArray[Any]:
    """The image's values at its pixels x, y, both (h,w); beyond its rim what `border` says."""
    maps, how = (x.astype(np.float32), y.astype(np.float32)), INTERPOLATIONS[interpolation]

    def look(planes: NDArray[Any]) -> NDArray[Any]:
        return cv2.remap(planes, *maps, how, borderMode=BORDERS[border], borderValue=(fill,) * 4)

    return in_fours(image, look)


def picked(
    image: NDArray[Any],
    x: NDArray[np.floating[Any]],
    y: NDArray[np.floating[Any]],
    where: NDArray[np.bool_],
    out: NDArray[Any],
) -> NDArray[Any]:
    """A copy of `out`, where `where` says with the image's pixel that is nearest to x, y, all (h,w)."""
    # cv2's nearest mode rounds in fixed point, which shifts some outlines by a pixel; masks have to be exact.
    (h, w), filled = image.shape[:2], out.copy()
    columns, rows = np.floor(x[where] + 0.5).astype(np.intp), np.floor(y[where] + 0.5).astype(np.intp)
    filled[where] = image[np.minimum(rows, h - 1), np.minimum(columns, w - 1)]
    return filled
