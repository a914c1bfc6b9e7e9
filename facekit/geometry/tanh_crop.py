"""Tanh-warped crops (FaRL, appendix, "Face parsing"): the face in the middle, the whole image around it.

The paper: https://arxiv.org/abs/2112.03109. `facekit.geometry.tanh_warp` has the function along one axis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import override

from .affine import Matrix, crop_matrix, invert, map_grid, shift_matrix
from .crop import Crop, PasteBorder, Positions, Region, corners_of, is_inside
from .resampling import Border, Interpolation, check_names, reduced, reduced_source, sample, sample_averaged
from .tanh_warp import ALPHA, LAST, checked_alpha, tanh_alpha, tanh_inverse

# Each pixel of a warped crop is the mean of this number of finer pixels along each axis.
_OVERSAMPLING = 4


class TanhCrop(Crop):
    """A tanh-warped square crop.

    Attributes:
        matrix: (3,3) float64, from the image's pixels to those of the plain crop, before the warp.
        size: (height, width) of the crop in pixels; both are ``side``.
        side: Side of the crop in pixels, plain or warped.
        alpha: Warping factor in (0, 1]; see `tanh_alpha`.
    """

    def __init__(self, matrix: ArrayLike, side: int, alpha: float = ALPHA):
        """Initialise the crop.

        Args:
            matrix: (3,3), from the image's pixels to those of the plain crop; see `crop_matrix`.
            side: Side of the crop in pixels.
            alpha: Warping factor in (0, 1].

        Raises:
            ValueError: If ``matrix`` has another shape or no inverse, ``side`` is below 1, or ``alpha`` is outside
                (0, 1].
        """
        self.matrix: Matrix = np.asarray(matrix, dtype=np.float64)
        if self.matrix.shape != (3, 3) or side < 1:
            raise ValueError(f"expected a matrix (3, 3) and a side of at least 1, got {self.matrix.shape} and {side}")
        self.size, self.side, self.alpha = (side, side), side, checked_alpha(alpha)
        self._inverse = invert(self.matrix)

    def warp(self, plain: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Map coordinates along one axis from the plain crop to the warped one, both in pixels."""
        return self._to_pixels(tanh_alpha(self._to_unit(plain), self.alpha))

    def unwarp(self, warped: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Map coordinates along one axis from the warped crop to the plain one; those beyond the clamp end at it."""
        return self._to_pixels(tanh_inverse(self._to_unit(warped), self.alpha))

    @override
    def image(
        self,
        image: NDArray[Any],
        border: Border = "reflect",
        interpolation: Interpolation = "linear",
        fill: float = 0.0,
    ) -> NDArray[Any]:
        check_names(border, interpolation)
        # The outer pixels of the crop cover much of the image: each is the mean of finer ones.
        finer = 1 if interpolation == "nearest" else _OVERSAMPLING
        corners = self.unwarp(corners_of(self.size))
        source, matrix = reduced_source(image, self.matrix, corners, interpolation, finer)
        places = self.unwarp((np.arange(self.side * finer) + 0.5) / finer - 0.5)
        return sample_averaged(source, invert(matrix), places, finer, interpolation, border, fill)

    @override
    def points(self, points: ArrayLike) -> NDArray[np.floating[Any]]:
        p = _floats(points)
        x, y = map_grid(self.matrix, *_columns(p))
        return np.stack([self.warp(x), self.warp(y)], -1).astype(p.dtype)

    @override
    def points_back(self, points: ArrayLike) -> NDArray[np.floating[Any]]:
        p = _floats(points)
        x, y = _columns(p)
        return np.stack(map_grid(self._inverse, self.unwarp(x), self.unwarp(y)), -1).astype(p.dtype)

    @property
    @override
    def _empty_rim(self) -> float:
        # Beyond the clamp of `tanh_inverse` nothing of the image is shown.
        return self.side / 2 * self.alpha * (1 - LAST)

    @property
    @override
    def _pixels_per_image_pixel(self) -> int:
        return max(1, round(float(np.hypot(*self.matrix[:2, :2]).max())))

    @override
    def _positions(self, region: Region) -> Positions:
        # float32: the tanh of a whole image takes half the time.
        x, y = map_grid(self.matrix, *(axis.astype(np.float32) for axis in region.pixels()))
        return self.warp(x), self.warp(y)

    @override
    def _positions_back(self) -> Positions:
        x, y = (axis.astype(np.float32) for axis in Region(0, 0, self.side, self.side).pixels())
        return map_grid(self._inverse, self.unwarp(x), self.unwarp(y))

    @override
    def _values_at(self, values: NDArray[Any], region: Region, border: PasteBorder) -> NDArray[Any]:
        check_names(border, "linear")
        # Where the image is coarser than the crop, the mean of finer pixels keeps what lies between the centres.
        finer = self._pixels_per_image_pixel
        h, w = region.size[0] * finer, region.size[1] * finer
        of_region = self.matrix @ shift_matrix(region.x0, region.y0)
        of_finer = of_region @ crop_matrix((-0.5, -0.5, w - 0.5, h - 0.5), region.size)
        x, y = TanhCrop(of_finer, self.side, self.alpha)._positions(Region(0, 0, w, h))
        out = sample(values, x, y, "linear")
        if border == "constant":
            out[~is_inside(x, y, self.size, self._empty_rim)] = 0
        return reduced(out, (1 / finer, 1 / finer))

    @override
    def _class_reader(self, scores: NDArray[np.float32]) -> Callable[[Region], NDArray[np.uint8]]:
        return lambda region: self._values_at(scores, region, "replicate").argmax(axis=2).astype(np.uint8)

    def _to_unit(self, pixels: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Map pixels to [-1, 1] from one edge of the crop to the other."""
        return (2 * pixels + 1) / self.side - 1

    def _to_pixels(self, unit: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Undo `_to_unit`."""
        return ((unit + 1) * self.side - 1) / 2


def _floats(points: ArrayLike) -> NDArray[np.floating[Any]]:
    p = np.asarray(points)
    return p if np.issubdtype(p.dtype, np.floating) else p.astype(np.float64)


def _columns(points: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of points (...,2) as float64."""
    p = points.astype(np.float64)
    return p[..., 0], p[..., 1]
