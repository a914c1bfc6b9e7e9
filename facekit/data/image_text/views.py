"""Views of pairs, the inputs of FaRL's image encoder: an aligned face, or a crop of the image.

Paper: General Facial Representation Learning in a Visual-Linguistic Manner, https://arxiv.org/abs/2112.03109.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...geometry.affine import crop_matrix, similarity_from_points
from ...geometry.affine_crop import AffineCrop
from ...geometry.tanh_warp import MEAN_FACE, MEAN_FACE_SIDE
from .pair import Pair

# A mirrored image would make a text with these words wrong.
_SIDES = re.compile(r"\b(left|right)", re.IGNORECASE)
# Random numbers per view: face, mirror, size, x, y, and x, y of the five points.
DRAWS = 15


def mean_face(size: int) -> NDArray[np.float64]:
    """Return FaRL's mean face in an image of `size` px. Its mirror image is the same face.

    Args:
        size: Side of the image, px.

    Returns:
        (5,2) x,y in pixels: eyes, nose tip, mouth corners; the viewer's left comes first.
    """
    return (MEAN_FACE + 0.5) * (size / MEAN_FACE_SIDE) - 0.5


def align_face(
    image: NDArray[np.uint8],
    points: NDArray[np.floating[Any]],
    size: int,
    moves: NDArray[np.floating[Any]] | None = None,
) -> NDArray[np.uint8]:
    """Warp a face by the similarity that takes its five points closest to the mean face.

    Args:
        image: (H,W,3) uint8 RGB.
        points: (5,2) x,y in the image's pixels.
        size: Side of the result, px.
        moves: (5,2) px, added to the mean face's points. None is zero.

    Returns:
        (size,size,3) uint8. Pixels outside the image are reflected.

    Raises:
        ValueError: If the points coincide.
    """
    target = mean_face(size) if moves is None else mean_face(size) + moves
    return AffineCrop(similarity_from_points(points, target), size).image(image)


@dataclass(frozen=True)
class View:
    """Settings of the views, and the function that makes them.

    Attributes:
        size: Side of the network's input, px. At least 8.
        align: Use FaRL's ALIGN (section 3.4): a random face of the image, aligned to the mean face. Otherwise CLIP's
            only augmentation: a random square crop of the image, resized.
        noise: Standard deviation of the noise on the aligned points, px of a view of 224 px. 0 to 20.
        mirror: Probability of mirroring, 0 to 1. A view whose text says left or right is never mirrored.
        scale: Range of the crop's area, as a fraction of the largest square's area. The default is OpenCLIP's.
    """

    size: int = 224
    align: bool = True
    noise: float = 0.0
    mirror: float = 0.5
    scale: tuple[float, float] = (0.9, 1.0)

    def __post_init__(self) -> None:
        if self.size < 8 or not 0 <= self.mirror <= 1:
            raise ValueError(f"size={self.size}, mirror={self.mirror}: expected at least 8 px, and mirror 0 to 1")
        if not 0 <= self.noise <= 20:
            raise ValueError(f"noise={self.noise}: expected 0 to 20 px in a view of 224 px")
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise ValueError(f"scale={self.scale}: expected fractions of the image's area with 0 < low <= high <= 1")

    def of(self, pair: Pair, draws: NDArray[np.floating[Any]], where: str = "") -> NDArray[np.uint8]:
        """Make a view of a pair.

        Args:
            pair: The pair.
            draws: (DRAWS,) random numbers in [0,1). They determine the view.
            where: Name of the pair in errors. "" is its own name.

        Returns:
            (size,size,3) uint8 RGB.

        Raises:
            ValueError: If faces are aligned and the pair has none, or its five points coincide.
        """
        if self.align:
            view = self._face(pair, draws, where or pair.name)
        else:
            view = self._crop(pair.image, *(float(v) for v in draws[2:5]))
        if float(draws[1]) < self.mirror and not _SIDES.search(pair.text):
            view = np.asarray(cv2.flip(view, 1), np.uint8)  # numpy takes ten times as long
        return view

    def _face(self, pair: Pair, draws: NDArray[np.floating[Any]], where: str) -> NDArray[np.uint8]:
        """Align a random face of the pair."""
        if pair.points is None or len(pair.points) == 0:
            raise ValueError(
                f"{where}: expected a face to align, got none; find the faces with `facekit shard`, or pass align=False"
            )
        moves = None
        if self.noise:
            even = draws[5:15].reshape(5, 2) - 0.5
            # A uniform distribution of width 1 has the standard deviation 1 / sqrt(12).
            moves = math.sqrt(12) * self.noise * self.size / 224 * even
        try:
            return align_face(pair.image, pair.points[int(draws[0] * len(pair.points))], self.size, moves)
        except ValueError as error:
            raise ValueError(f"{where}: a face's five points cannot be aligned ({error})") from error

    def _crop(self, image: NDArray[np.uint8], area: float, x: float, y: float) -> NDArray[np.uint8]:
        """Crop a square of random area and place."""
        h, w = image.shape[:2]
        low, high = self.scale
        side = min(h, w) * math.sqrt(low + area * (high - low))
        x0, y0 = x * (w - side) - 0.5, y * (h - side) - 0.5
        return AffineCrop(crop_matrix((x0, y0, x0 + side, y0 + side), self.size), self.size).image(image)
