"""The interface of crops: from an image to a crop and from the crop back to the image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .affine import Size, size_pair
from .resampling import Border, Interpolation, sample_nearest

# Limit of the interpolated values per strip: the scores of 27 classes for a 20-megapixel image take 2 GB.
_STRIP_VALUES = 1 << 24

PasteBorder = Literal["replicate", "constant"]
Positions = tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]


class Region(NamedTuple):
    """A rectangle of whole pixels; ``x1`` and ``y1`` are excluded.

    Attributes:
        x0: First column.
        y0: First row.
        x1: Column after the last one.
        y1: Row after the last one.
    """

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def is_empty(self) -> bool:
        """Whether the region holds no pixel."""
        return self.x0 >= self.x1 or self.y0 >= self.y1

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return max(0, self.y1 - self.y0), max(0, self.x1 - self.x0)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, as indices of an array."""
        return slice(self.y0, max(self.y0, self.y1)), slice(self.x0, max(self.x0, self.x1))

    def pixels(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the columns (1,w) and the rows (h,1) of the region's pixels."""
        return np.arange(self.x0, self.x1)[None, :], np.arange(self.y0, self.y1)[:, None]


class Crop(ABC):
    """A part of an image, resampled to a size of its own, and the way back to the image.

    Coordinates are (x, y) in pixels; (0, 0) is the centre of the top-left pixel. The methods `image`, `mask` and
    `points` go from the image to the crop; `points_back` and the ``paste`` methods go from the crop to the image.

    Attributes:
        size: (height, width) of the crop in pixels.

    Example:
        >>> crop = AffineCrop(crop_matrix((30, 20, 90, 80), 128), 128)
        >>> mask_of_crop = network(crop.image(image))
        >>> mask = crop.paste_mask(mask_of_crop, image.shape[:2])
    """

    size: tuple[int, int]

    @abstractmethod
    def image(
        self,
        image: NDArray[Any],
        border: Border = "reflect",
        interpolation: Interpolation = "linear",
        fill: float = 0.0,
    ) -> NDArray[Any]:
        """Cut the crop out of an image.

        Where the crop is coarser than the image, the source pixels are averaged (area filter), unless
        ``interpolation`` is "nearest".

        Args:
            image: (H,W) or (H,W,C), uint8 or float32.
            border: What lies outside the image: "reflect", "replicate" or "constant".
            interpolation: "linear", "cubic" or "nearest".
            fill: The value outside the image where ``border`` is "constant".

        Returns:
            The crop, (h,w) or (h,w,C), of the image's type.

        Raises:
            ValueError: If ``border`` or ``interpolation`` has another name.
        """

    @abstractmethod
    def points(self, points: ArrayLike) -> NDArray[np.floating[Any]]:
        """Map points of the image to the crop.

        Args:
            points: (...,2) in the image's pixels. NaN stays NaN.

        Returns:
            (...,2) in the crop's pixels, of the same float type; float64 for integers.
        """

    @abstractmethod
    def points_back(self, points: ArrayLike) -> NDArray[np.floating[Any]]:
        """Map points of the crop to the image.

        Args:
            points: (...,2) in the crop's pixels. NaN stays NaN.

        Returns:
            (...,2) in the image's pixels, of the same float type; float64 for integers.
        """

    @abstractmethod
    def _positions(self, region: Region) -> Positions:
        """Return x and y (h,w) of the crop at each image pixel of the region."""

    @abstractmethod
    def _positions_back(self) -> Positions:
        """Return x and y (h,w) of the image at each crop pixel."""

    @abstractmethod
    def _values_at(self, values: NDArray[Any], region: Region, border: PasteBorder) -> NDArray[Any]:
        """Resample values of the crop at the image pixels of the region, averaged where the image is coarser."""

    @abstractmethod
    def _class_reader(self, scores: NDArray[np.float32]) -> Callable[[Region], NDArray[np.uint8]]:
        """Return the function from a region of the image to the best class of each of its pixels.

        Args:
            scores: Class scores (h,w,C) of the crop.
        """

    @property
    def _empty_rim(self) -> float:
        """Width in crop pixels of the outermost part that holds no part of the image."""
        return 0.0

    def mask(self, mask: NDArray[Any], fill: int = 255) -> NDArray[Any]:
        """Cut the crop out of a mask, by the nearest pixel.

        Args:
            mask: (H,W) class ids.
            fill: The id outside the image; 255 is "ignore".

        Returns:
            The crop's mask (h,w), of the same type.
        """
        x, y = self._positions_back()
        out = np.full(self.size, fill, dtype=mask.dtype)
        sample_nearest(mask, x, y, is_inside(x, y, mask.shape[:2]), out)
        return out

    def paste(
        self, values: NDArray[Any], image_size: Size, border: PasteBorder = "replicate"
    ) -> tuple[NDArray[Any], tuple[slice, slice]]:
        """Resample values of the crop at the image's pixels.

        Args:
            values: (h,w) or (h,w,C), uint8 or float32, one per crop pixel.
            image_size: (height, width) of the image.
            border: What lies beyond the crop's edge: "replicate", or "constant" for zero.

        Returns:
            The values of the part of the image that the crop touches, and that part's rows and columns as slices.

        Raises:
            ValueError: If ``values`` has not the crop's size.
        """
        region = self._region(values.shape[:2], image_size)
        if region.is_empty:
            return np.zeros((*region.size, *values.shape[2:]), values.dtype), region.slices
        return self._values_at(values, region, border), region.slices

    def paste_mask(self, mask: NDArray[Any], image_size: Size, fill: int = 0) -> NDArray[Any]:
        """Paste a mask of the crop into the image's frame, by the nearest pixel.

        Args:
            mask: (h,w) class ids, one per crop pixel.
            image_size: (height, width) of the image.
            fill: The id outside the crop.

        Returns:
            The image's mask (H,W), of the same type.

        Raises:
            ValueError: If ``mask`` has not the crop's size.
        """
        out = np.full(size_pair(image_size), fill, dtype=mask.dtype)
        region = self._region(mask.shape[:2], image_size)
        if not region.is_empty:
            x, y = self._positions(region)
            sample_nearest(mask, x, y, is_inside(x, y, self.size, self._empty_rim), out[region.slices])
        return out

    def paste_scores(self, scores: NDArray[np.floating[Any]], image_size: Size, fill: int = 0) -> NDArray[np.uint8]:
        """Paste class scores of the crop into the image's frame and choose the best class of each pixel there.

        Interpolated scores give smooth outlines; pasted class ids would give stairs.

        Args:
            scores: (C,h,w) with C <= 255, one per class and crop pixel; the largest is the class.
            image_size: (height, width) of the image.
            fill: The id outside the crop.

        Returns:
            The image's class ids (H,W) uint8.

        Raises:
            ValueError: If ``scores`` has not the crop's size.
        """
        out = np.full(size_pair(image_size), fill, dtype=np.uint8)
        region = self._region(scores.shape[1:], image_size)
        if region.is_empty:
            return out
        planes = np.ascontiguousarray(np.moveaxis(scores, 0, -1), dtype=np.float32)
        classes = self._class_reader(planes)
        rows = max(1, _STRIP_VALUES // (region.size[1] * planes.shape[2] * self._pixels_per_image_pixel**2))
        for top in range(region.y0, region.y1, rows):
            strip = region._replace(y0=top, y1=min(region.y1, top + rows))
            inside = is_inside(*self._positions(strip), self.size, self._empty_rim)
            out[strip.slices][inside] = classes(strip)[inside]
        return out

    def paste_pixels(
        self, values: NDArray[np.uint8], image: NDArray[np.uint8], feather: float = 0.0
    ) -> tuple[NDArray[np.uint8], tuple[slice, slice]]:
        """Blend an image of the crop with the part of the image that it touches.

        Args:
            values: (h,w,3) uint8, one per crop pixel.
            image: (H,W,3) uint8.
            feather: Width in crop pixels over which the crop's rim fades into the image; 0 is a hard edge.

        Returns:
            The new pixels of that part, uint8 of shape (h,w,3), and its rows and columns as slices.

        Raises:
            ValueError: If ``values`` has not the crop's size.
        """
        region = self._region(values.shape[:2], image.shape[:2])
        if region.is_empty:
            return np.zeros((*region.size, 3), np.uint8), region.slices
        x, y = self._positions(region)
        alpha, (h, w) = is_inside(x, y, self.size, self._empty_rim).astype(np.float32), self.size
        if feather > 0:
            rim = np.minimum(np.minimum(x + 0.5, w - 0.5 - x), np.minimum(y + 0.5, h - 0.5 - y))
            alpha *= np.clip(rim / feather, 0, 1)
        new = self._values_at(values, region, "replicate").astype(np.float32)
        old = image[region.slices].astype(np.float32)
        return np.rint(old + (new - old) * alpha[..., None]).astype(np.uint8), region.slices

    @property
    def _pixels_per_image_pixel(self) -> int:
        """Number of crop pixels along each axis that `_class_reader` averages per image pixel."""
        return 1

    def _region(self, values_size: tuple[int, ...], image_size: Size) -> Region:
        """Return the image's pixels that the crop may touch. Raises ValueError for values of another size."""
        if tuple(values_size) != self.size:
            raise ValueError(f"expected values of the crop's size {self.size}, got {tuple(values_size)}; resize them")
        height, width = size_pair(image_size)
        corners = self.points_back(corners_of(self.size))
        (x0, y0), (x1, y1) = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int) + 1
        return Region(max(0, int(x0)), max(0, int(y0)), min(width, int(x1)), min(height, int(y1)))


def corners_of(size: tuple[int, int]) -> NDArray[np.float64]:
    """Return the four corners (4,2), at the pixels' outer edges, of an array of a size (h, w)."""
    h, w = size
    return np.array([[-0.5, -0.5], [w - 0.5, -0.5], [w - 0.5, h - 0.5], [-0.5, h - 0.5]])


def is_inside(x: NDArray[Any], y: NDArray[Any], size: tuple[int, ...], rim: float = 0.0) -> NDArray[np.bool_]:
    """Return which positions lie within an array.

    Args:
        x: x of the positions in pixels, any shape.
        y: y of the positions in pixels, same shape.
        size: (height, width) of the array.
        rim: Least distance from the edge in pixels.

    Returns:
        Bool, same shape.
    """
    h, w = size
    return np.asarray((x >= rim - 0.5) & (x < w - 0.5 - rim) & (y >= rim - 0.5) & (y < h - 0.5 - rim))
