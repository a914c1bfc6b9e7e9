"""What a network sees of a pair: one aligned face, or a crop of the image."""

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

# A mirrored image makes such a text wrong.
_SIDES = re.compile(r"\b(left|right)", re.IGNORECASE)
# Numbers in [0,1) that a view is drawn from: face, mirror, size, x, y, and x, y of the five points.
DRAWS = 15


def mean_face(size: int) -> NDArray[np.float64]:
    """FaRL's mean face in an image of `size` px: eyes, nose tip, mouth corners (5,2), the viewer's left first.

    Mirrored it is itself.
    """
    return (MEAN_FACE + 0.5) * (size / MEAN_FACE_SIDE) - 0.5


def align_face(
    image: NDArray[np.uint8],
    points: NDArray[np.floating[Any]],
    size: int,
    moves: NDArray[np.floating[Any]] | None = None,
) -> NDArray[np.uint8]:
    """The face whose five points (5,2) come closest to the mean face's: (size,size,3). What is outside reflects.

    moves: (5,2) px, how far from the mean face's points they shall lie. Raises ValueError for points that coincide.
    """
    target = mean_face(size) if moves is None else mean_face(size) + moves
    return AffineCrop(similarity_from_points(points, target), size).image(image)


@dataclass(frozen=True)
class View:
    """How pairs become a network's input.

    size: its side, px. align: FaRL's ALIGN (section 3.4): one of the image's faces at random, aligned to the mean
    face. Without: CLIP's only augmentation, a random square crop: of `scale` of the largest square's area (OpenCLIP's
    range), anywhere in the image, resized. noise: standard deviation of what is added to the aligned points, in px of
    a view of 224 px. mirror: how often it is mirrored; never where the text says left or right.
    """

    size: int = 224
    align: bool = True
    noise: float = 0.0
    mirror: float = 0.5
    scale: tuple[float, float] = (0.9, 1.0)

    def __post_init__(self) -> None:
        if self.size < 8 or not 0 <= self.mirror <= 1:
            raise ValueError(f"size={self.size}, mirror={self.mirror}: expected at least 8 px, and 0 to 1")
        if not 0 <= self.noise <= 20:
            raise ValueError(f"noise={self.noise}: expected 0 to 20 px in a view of 224 px")
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise ValueError(f"scale={self.scale}: expected two parts of the image's area, 0 < low <= high <= 1")

    def of(self, pair: Pair, draws: NDArray[np.floating[Any]], where: str = "") -> NDArray[np.uint8]:
        """(size,size,3) uint8. draws: (DRAWS,) numbers in [0,1) that decide it. where: how errors call the pair.

        Raises ValueError for a pair without faces if they are to be aligned.
        """
        if self.align:
            seen = self._face(pair, draws, where or pair.name)
        else:
            seen = self._crop(pair.image, *(float(v) for v in draws[2:5]))
        if float(draws[1]) < self.mirror and not _SIDES.search(pair.text):
            seen = np.asarray(cv2.flip(seen, 1), np.uint8)  # numpy takes ten times as long
        return seen

    def _face(self, pair: Pair, draws: NDArray[np.floating[Any]], where: str) -> NDArray[np.uint8]:
        if pair.points is None or len(pair.points) == 0:
            raise ValueError(
                f"{where}: no face is known, so none can be aligned: run `facekit shard` on it, or pass align=False"
            )
        moves = None
        if self.noise:
            even = draws[5:15].reshape(5, 2) - 0.5
            moves = math.sqrt(12) * self.noise * self.size / 224 * even
        try:
            return align_face(pair.image, pair.points[int(draws[0] * len(pair.points))], self.size, moves)
        except ValueError as error:
            raise ValueError(f"{where}: a face's five points cannot be aligned ({error})") from error

    def _crop(self, image: NDArray[np.uint8], area: float, x: float, y: float) -> NDArray[np.uint8]:
        h, w = image.shape[:2]
        low, high = self.scale
        side = min(h, w) * math.sqrt(low + area * (high - low))
        x0, y0 = x * (w - side) - 0.5, y * (h - side) - 0.5
        return AffineCrop(crop_matrix((x0, y0, x0 + side, y0 + side), self.size), self.size).image(image)
