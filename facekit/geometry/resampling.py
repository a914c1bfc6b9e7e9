"""Resample arrays: filters, borders and interpolation, for positions that the geometry gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from .affine import Matrix, invert, map_grid, transform_points

Border = Literal["reflect", "constant", "replicate"]
Interpolation = Literal["linear", "cubic", "nearest"]

# BORDER_REFLECT mirrors at the pixel's edge, not at its centre, so it means the same at every scale.
BORDERS = {"reflect": cv2.BORDER_REFLECT, "constant": cv2.BORDER_CONSTANT, "replicate": cv2.BORDER_REPLICATE}
INTERPOLATIONS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "nearest": cv2.INTER_NEAREST}
# Above this scale bilinear interpolation alone covers the source pixels well enough.
_SHRINKING = 0.8
# Limit of the pixels that `sample_averaged` holds at once.
_STRIP_PIXELS = 1 << 22


def check_names(border: str, interpolation: str) -> None:
    """Check the names of a border and an interpolation.

    Args:
        border: One of `BORDERS`.
        interpolation: One of `INTERPOLATIONS`.

    Raises:
        ValueError: If there is no such border or interpolation.
    """
    if border not in BORDERS:
        raise ValueError(f"border: expected one of {', '.join(map(repr, BORDERS))}, got {border!r}")
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"interpolation: expected one of {', '.join(map(repr, INTERPOLATIONS))}, got {interpolation!r}"
        )


def by_four_channels(image: NDArray[Any], function: Callable[[NDArray[Any]], Any]) -> NDArray[Any]:
    """Apply a function to at most four channels at once, which is OpenCV's limit.

    Args:
        image: (H,W) or (H,W,C).
        function: From (H,W) or (H,W,c), c <= 4, to an array with the same axes.

    Returns:
        The results, concatenated along the channels.
    """
    if image.ndim == 2 or image.shape[2] <= 4:
        out: NDArray[Any] = function(np.ascontiguousarray(image))
        return out if image.ndim == 2 or out.ndim == 3 else out[..., None]
    parts = [function(np.ascontiguousarray(image[..., i : i + 4])) for i in range(0, image.shape[2], 4)]
    return np.concatenate([p if p.ndim == 3 else p[..., None] for p in parts], axis=2)


def reduced(image: NDArray[Any], scales: tuple[float, float]) -> NDArray[Any]:
    """Shrink an image by averaging (area filter).

    Args:
        image: (H,W) or (H,W,C).
        scales: Factors along x and y. An axis with a factor of 0.8 or more keeps its size.

    Returns:
        The smaller image, or the image itself.
    """
    h, w = image.shape[:2]
    new_w, new_h = (max(1, round(n * s)) if s < _SHRINKING else n for n, s in zip((w, h), scales, strict=True))
    if (new_h, new_w) == (h, w):
        return image
    return by_four_channels(image, lambda planes: cv2.resize(planes, (new_w, new_h), interpolation=cv2.INTER_AREA))


def reduced_source(
    image: NDArray[Any], matrix: Matrix, corners: ArrayLike, interpolation: Interpolation, oversampling: int = 1
) -> tuple[NDArray[Any], Matrix]:
    """Cut out the part of an image that a crop needs, and shrink it to the crop's resolution.

    To filter all of a 20-megapixel image for one face is slow.

    Args:
        image: (H,W) or (H,W,C).
        matrix: (3,3), from the image's pixels to the crop's.
        corners: (4,2), corners of the crop in the crop's pixels.
        interpolation: "nearest" keeps the image's resolution.
        oversampling: Number of places per crop pixel and axis at which the result will be read.

    Returns:
        The part, and the matrix (3,3) from its pixels to the crop's.
    """
    source_corners = transform_points(corners, invert(matrix))
    # Length of one image pixel in the crop, along x and y.
    sx, sy = float(np.hypot(*matrix[:2, 0])), float(np.hypot(*matrix[:2, 1]))
    margin = 4 + 4 / max(min(sx, sy), 1e-6)
    scales = (1.0, 1.0) if interpolation == "nearest" else (oversampling * sx, oversampling * sy)
    x0, x1 = _source_range(source_corners[:, 0].min() - margin, source_corners[:, 0].max() + margin, image.shape[1])
    y0, y1 = _source_range(source_corners[:, 1].min() - margin, source_corners[:, 1].max() + margin, image.shape[0])
    part = reduced(image[y0:y1, x0:x1], scales)
    sx, sy = (x1 - x0) / part.shape[1], (y1 - y0) / part.shape[0]
    to_image = np.array([[sx, 0, x0 + (sx - 1) / 2], [0, sy, y0 + (sy - 1) / 2], [0, 0, 1]])
    return part, matrix @ to_image


def _source_range(least: float, most: float, n: int) -> tuple[int, int]:
    """Return the pixels [first, last) of n that are shown or reflected between two coordinates."""
    low, high = math.floor(least), math.ceil(most) + 1
    # A place outside by d mirrors the place inside by d.
    first, last = min(low, 2 * n - high), max(high, -low)
    first, last = max(0, min(first, n - 1)), min(n, max(last, 1))
    return (first, last) if first < last else (0, n)


def sample(
    image: NDArray[Any],
    x: NDArray[np.floating[Any]],
    y: NDArray[np.floating[Any]],
    interpolation: Interpolation,
    border: Border = "replicate",
    fill: float = 0.0,
) -> NDArray[Any]:
    """Interpolate an image at positions.

    Args:
        image: (H,W) or (H,W,C).
        x: (h,w) columns, in the image's pixels.
        y: (h,w) rows.
        interpolation: A name of `INTERPOLATIONS`.
        border: A name of `BORDERS`, for positions outside the image.
        fill: The value outside where ``border`` is "constant".

    Returns:
        (h,w) or (h,w,C), of the image's type.
    """
    maps, flag = (x.astype(np.float32), y.astype(np.float32)), INTERPOLATIONS[interpolation]

    def remap(planes: NDArray[Any]) -> NDArray[Any]:
        return cv2.remap(planes, *maps, flag, borderMode=BORDERS[border], borderValue=(fill,) * 4)

    return by_four_channels(image, remap)


def sample_averaged(
    image: NDArray[Any],
    matrix: Matrix,
    places: NDArray[np.floating[Any]],
    finer: int,
    interpolation: Interpolation,
    border: Border,
    fill: float,
) -> NDArray[Any]:
    """Interpolate an image on a square grid, and average blocks of the grid.

    Args:
        image: (H,W) or (H,W,C).
        matrix: (3,3), from the grid's coordinates to the image's pixels.
        places: (n * finer,) coordinates of the grid, the same along both axes.
        finer: Side of a block in places.
        interpolation: As in `sample`.
        border: As in `sample`.
        fill: As in `sample`.

    Returns:
        (n,n) or (n,n,C).
    """
    places = places.astype(np.float32)
    rows, strips = finer * max(1, _STRIP_PIXELS // (finer * len(places))), []
    for top in range(0, len(places), rows):
        x, y = map_grid(matrix, places[None, :], places[top : top + rows, None])
        strips.append(reduced(sample(image, x, y, interpolation, border, fill), (1 / finer, 1 / finer)))
    return np.concatenate(strips)


def sample_nearest(
    image: NDArray[Any],
    x: NDArray[np.floating[Any]],
    y: NDArray[np.floating[Any]],
    where: NDArray[np.bool_],
    out: NDArray[Any],
) -> None:
    """Write the nearest pixel of each position into an array.

    Args:
        image: (H,W) or (H,W,C).
        x: (h,w) columns, in the image's pixels.
        y: (h,w) rows.
        where: (h,w); other positions keep their value in ``out``.
        out: (h,w) or (h,w,C), changed in place.
    """
    # OpenCV's nearest mode rounds in fixed point, which shifts some outlines by a pixel; masks have to be exact.
    h, w = image.shape[:2]
    columns, rows = np.floor(x[where] + 0.5).astype(np.intp), np.floor(y[where] + 0.5).astype(np.intp)
    out[where] = image[np.minimum(rows, h - 1), np.minimum(columns, w - 1)]
