"""One labelled face, and the square of it that a network sees."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...geometry.affine import crop_matrix
from ...geometry.affine_crop import AffineCrop
from ...labels import SYNTHPARSE_11, SegmentationSet

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class ParsedFace:
    """An image, one face in it and the class of every pixel.

    name: where it is from. image: (H,W,3) uint8 RGB. mask: (H,W) uint8, ids of `labels`, 255 = ignored. box: square
    (x0,y0,x1,y1) around the face in the image's pixels, as `geometry.box_of_points` frames it; it may reach beyond
    the image. Raises ValueError for anything else.
    """

    name: str
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    box: Box
    labels: SegmentationSet = SYNTHPARSE_11

    def __post_init__(self) -> None:
        image, mask = self.image, self.mask
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            came = f"an image of {image.dtype} {image.shape} came"
            raise ValueError(f"{self.name}: {came}, expected uint8 (H,W,3): pass it through facekit.images.load_image")
        if mask.dtype != np.uint8 or mask.shape != image.shape[:2]:
            came = f"a mask of {mask.dtype} {mask.shape} came"
            fix = "pass the mask that was drawn on this image"
            raise ValueError(f"{self.name}: {came}, expected uint8 {image.shape[:2]} like the image: {fix}")
        top = len(self.labels)
        wrong = (mask >= top) & (mask != self.labels.ignore)
        if wrong.any():
            ids = ", ".join(str(i) for i in np.unique(mask[wrong]))
            expected = f"expected 0 to {top - 1} of {self.labels.name}, or {self.labels.ignore} for ignored"
            raise ValueError(f"{self.name}: ids {ids} came, {expected}: map them with facekit.labels.segmentation_map")
        x0, y0, x1, y1 = self.box
        width, height = x1 - x0, y1 - y0
        if not (all(map(math.isfinite, self.box)) and width > 0 and abs(width - height) <= 1e-3 * width):
            fix = "see facekit.geometry.box_of_points"
            raise ValueError(f"{self.name}: box {self.box} came, expected a square (x0,y0,x1,y1) with an area: {fix}")


def cropped(
    face: ParsedFace, side: int, margin: float = 1.0, lift: float = 0.0
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The face's square, `margin` times as large, as image (side,side,3) and mask (side,side), both uint8.

    lift: how far above the face's square, in parts of it. The image is bilinear, averaged first where it shrinks, and
    reflected beyond its rim; the mask takes the nearest pixel, 255 beyond its rim. Raises ValueError for a side below 1
    or a margin that is not above 0.
    """
    if side < 1 or not (margin > 0 and math.isfinite(margin)):
        raise ValueError(f"side {side} and margin {margin} came: pass a side of at least 1 px and a margin above 0")
    x0, y0, x1, y1 = face.box
    x, y, half = (x0 + x1) / 2, (y0 + y1) / 2 - lift * (y1 - y0), margin * (x1 - x0) / 2
    crop = AffineCrop(crop_matrix((x - half, y - half, x + half, y + half), side), side)
    return crop.image(face.image), crop.mask(face.mask)
