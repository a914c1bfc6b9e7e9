"""Crops that an affine matrix describes: a box of the image, scaled and rotated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import override

from .affine import Size, invert, map_grid, shift_matrix, size_pair, transform_points
from .best_class import BestClass
from .crop import Crop, PasteBorder, Positions, Region, corners_of
from .resampling import (
    BORDERS,
    INTERPOLATIONS,
    Border,
    Interpolation,
    by_four_channels,
    check_names,
    reduced_source,
)


class AffineCrop(Crop):
    """A crop by an affine matrix.

    Attributes:
        matrix: (3,3) float64, from the image's pixels to the crop's.
        size: (height, width) of the crop in pixels.

    Example:
        >>> AffineCrop(crop_matrix(box, 128, roll=12), 128).image(image)  # a rotated box
        >>> AffineCrop(fit_matrix(image.shape[:2], 128), 128).image(image)  # the whole image
    """

    def __init__(self, matrix: ArrayLike, size: Size):
        """Initialise the crop.

        Args:
            matrix: (3,3), from the image's pixels to the crop's; see `crop_matrix` and `fit_matrix`.
            size: (height, width) of the crop in pixels, or one number for a square.

        Raises:
            ValueError: If ``matrix`` has another shape or no inverse, or ``size`` is below 1.
        """
        self.matrix = np.asarray(matrix, dtype=np.float64)
        self.size = size_pair(size)
        self._inverse = invert(self.matrix)

    @override
    def image(
        self,
        image: NDArray[Any],
        border: Border = "reflect",
        interpolation: Interpolation = "linear",
        fill: float = 0.0,
    ) -> NDArray[Any]:
        check_names(border, interpolation)
        # cv2.warpAffine does not average where it shrinks.
        source, matrix = reduced_source(image, self.matrix, corners_of(self.size), interpolation)
        inverse, flags = invert(matrix)[:2], INTERPOLATIONS[interpolation] | cv2.WARP_INVERSE_MAP
        size = self.size[::-1]

        def warp(planes: NDArray[Any]) -> NDArray[Any]:
            return cv2.warpAffine(planes, inverse, size, None, flags, BORDERS[border], (fill,) * 4)

        return by_four_channels(source, warp)

    @override
    def points(self, points: ArrayLike) -> NDArray[np.floating[Any]]:
        return transform_points(points, self.matrix)

    @override
    def points_back(self, points: ArrayLike) -> NDArray[np.floating[Any]]:
        return transform_points(points, self._inverse)

    @override
    def paste_scores(self, scores: NDArray[np.floating[Any]], image_size: Size, fill: int = 0) -> NDArray[np.uint8]:
        if self.size == size_pair(image_size) == scores.shape[1:] and np.array_equal(self.matrix, np.eye(3)):
            # The crop is the image: nothing is interpolated.
            return np.asarray(scores, np.float32).argmax(axis=0).astype(np.uint8)
        return super().paste_scores(scores, image_size, fill)

    @override
    def _positions(self, region: Region) -> Positions:
        return map_grid(self.matrix, *region.pixels())

    @override
    def _positions_back(self) -> Positions:
        return map_grid(self._inverse, *Region(0, 0, self.size[1], self.size[0]).pixels())

    @override
    def _values_at(self, values: NDArray[Any], region: Region, border: PasteBorder) -> NDArray[Any]:
        # The region of the image is a crop of the values.
        matrix = self.matrix @ shift_matrix(region.x0, region.y0)
        return AffineCrop(invert(matrix), region.size).image(values, border)

    @override
    def _class_reader(self, scores: NDArray[np.float32]) -> Callable[[Region], NDArray[np.uint8]]:
        # Read at the pixels' centres also where the crop is finer than the image: means would lose lips and brows.
        best = BestClass(scores)
        return lambda region: best.at(*self._positions(region))
