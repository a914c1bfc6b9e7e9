"""Scenes: images of one to three faces at random places, sizes and angles, with a caption of one or of all of them.

They stand in for LAION-FACE, whose images show several unaligned faces (FaRL, Figure 2), so that the effect of ALIGN
can be measured. Faces, captions and points are those of CelebA-HQ at 128 px in FACEKIT_DATA.

Paper: General Facial Representation Learning in a Visual-Linguistic Manner, https://arxiv.org/abs/2112.03109.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...geometry.affine import Matrix, transform_points
from .pair import Pair, boxes_of
from .pair_sources import CelebaHQ, Failure

FACES = 8000
"""The faces are among the first ones of CelebA-HQ, so that the other 2,000 images can be a test set."""
_MOST_FACES = 3
_SIZES = (0.25, 0.60)
_ROLL = 30.0  # degrees, in both directions
_MOST_OVERLAP = 0.15  # of the smaller face
_TRIES = 20
_LEAST = 32  # px


@dataclass(frozen=True)
class _Place:
    """Place of a face in a scene.

    Attributes:
        x: Centre of the face in pixels.
        y: Centre of the face in pixels.
        side: Side of the pasted square in pixels.
        roll: Degrees, positive is clockwise.
    """

    x: float
    y: float
    side: float
    roll: float

    def overlap(self, other: _Place) -> float:
        """Return the common area of the two upright squares as a fraction of the smaller one."""
        reach = (self.side + other.side) / 2
        w, h = (min(reach - abs(d), self.side, other.side) for d in (self.x - other.x, self.y - other.y))
        return max(0.0, w) * max(0.0, h) / min(self.side, other.side) ** 2

    def matrix(self, source: int) -> Matrix:
        """Return the transform (3,3) from an image of `source` px to the scene."""
        scale, angle = self.side / source, math.radians(self.roll)
        cos, sin, middle = scale * math.cos(angle), scale * math.sin(angle), (source - 1) / 2
        return np.array(
            [
                [cos, -sin, self.x - cos * middle + sin * middle],
                [sin, cos, self.y - sin * middle - cos * middle],
                [0, 0, 1],
            ]
        )


class Scenes:
    """Scenes of CelebA-HQ's faces on random backgrounds.

    Each has one to three faces, with equal probability. A face's square takes up 25 to 60 % of the scene's side and is
    rotated by up to 30 degrees. The caption is that of one random face, or, with probability 0.5, those of all faces.
    """

    def __init__(self, count: int, size: int = 256, seed: int = 0):
        """List the faces.

        Args:
            count: Number of scenes.
            size: Side of the scenes in pixels. At least 32.
            seed: Seed of the scenes and of the captions' wording.

        Raises:
            FileNotFoundError: If FACEKIT_DATA is not set or lacks the faces of celebahq128.
            ValueError: If the size is too small.
        """
        if size < _LEAST:
            raise ValueError(f"size={size}: expected at least {_LEAST} px; pass a larger size of the scenes")
        self.count, self.size, self.seed = count, size, seed
        self.name = f"scenes:{count} size {size} seed {seed}"
        self._faces = CelebaHQ(seed, FACES)
        if len(self._faces) < _MOST_FACES:
            raise FileNotFoundError(
                f"celebahq128: expected at least {_MOST_FACES} faces with points and attributes, got "
                f"{len(self._faces)}; copy the folder again"
            )

    def __len__(self) -> int:
        return self.count

    def read(self, start: int, stop: int) -> Iterator[Pair | Failure]:
        """Compose items `start` to `stop - 1`. The same range always gives the same items.

        Args:
            start: First item, from 0.
            stop: End of the range, exclusive.

        Yields:
            A pair per item, or a failure if a face's image is damaged.
        """
        for i in range(start, stop):
            rng = np.random.default_rng([self.seed, i])
            chosen = rng.choice(len(self._faces), int(rng.integers(1, _MOST_FACES + 1)), replace=False)
            faces = [next(self._faces.read(int(k), int(k) + 1)) for k in chosen]
            broken = next((face for face in faces if isinstance(face, Failure)), None)
            yield broken or self._scene(i, [face for face in faces if isinstance(face, Pair)], rng)

    def _scene(self, i: int, faces: list[Pair], rng: np.random.Generator) -> Pair:
        """Paste faces on a background. A face for which no free place is found is left out."""
        image = background(self.size, rng)
        points: list[NDArray[np.floating[Any]]] = []
        texts: list[str] = []
        places: list[_Place] = []
        for face in faces:
            place = self._place(places, rng)
            if place is None:
                continue
            places.append(place)
            matrix = place.matrix(len(face.image))
            image = _paste(face.image, image, matrix)
            assert face.points is not None
            points.append(transform_points(face.points[0], matrix))
            texts.append(face.text)
        one = int(rng.integers(len(texts)))
        text = "; ".join(texts) if rng.random() < 0.5 else texts[one]
        found = np.array(points, np.float32)
        return Pair(f"scene {self.seed} {i}", np.round(image).astype(np.uint8), text, boxes_of(found), found)

    def _place(self, taken: list[_Place], rng: np.random.Generator) -> _Place | None:
        """Draw a place that hardly overlaps the earlier ones. None if there is none after some tries."""
        for _ in range(_TRIES):
            side = self.size * float(rng.uniform(*_SIZES))
            x, y = (float(v) for v in rng.uniform(side / 2, self.size - side / 2, 2))
            place = _Place(x, y, side, float(rng.uniform(-_ROLL, _ROLL)))
            if all(place.overlap(other) <= _MOST_OVERLAP for other in taken):
                return place
        return None


def background(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a background of coloured noise: large soft blobs with finer ones on them.

    Args:
        size: Side in pixels.
        rng: Source of random numbers.

    Returns:
        (size,size,3) float32, 0 to 255.
    """
    image = np.full((size, size, 3), rng.uniform(40, 215, 3), np.float32)
    for cells, strength in ((3, 60.0), (8, 25.0), (24, 12.0)):
        noise = rng.normal(0, strength * rng.random(), (cells, cells, 3)).astype(np.float32)
        image += cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
    return image.clip(0, 255)


def _paste(face: NDArray[np.uint8], scene: NDArray[np.float32], matrix: Matrix) -> NDArray[np.float32]:
    """Blend a face into a scene inside a soft ellipse.

    Args:
        face: (S,S,3) uint8, framed as CelebA-HQ.
        scene: (H,W,3) float32.
        matrix: (3,3) from the face's pixels to the scene's.

    Returns:
        The new scene.
    """
    side = len(face)
    # The ellipse holds the hair and the chin; the image's corners, which show its own background, stay outside.
    y, x = np.mgrid[0:side, 0:side] / (side - 1) * 2 - 1
    inside = ((1 - np.hypot(x / 0.92, y / 0.99)) / 0.12).clip(0, 1).astype(np.float32)
    # A smaller copy of the image prevents aliasing.
    scale = min(1.0, math.hypot(*matrix[:2, 0]))
    if scale < 1:
        small = max(1, round(side * scale))
        face = np.asarray(cv2.resize(face, (small, small), interpolation=cv2.INTER_AREA), np.uint8)
        inside = np.asarray(cv2.resize(inside, (small, small), interpolation=cv2.INTER_AREA), np.float32)
        back = side / small
        matrix = matrix @ np.array([[back, 0, back / 2 - 0.5], [0, back, back / 2 - 0.5], [0, 0, 1]])
    h, w = scene.shape[:2]
    moved = cv2.warpAffine(face.astype(np.float32), matrix[:2], (w, h), borderMode=cv2.BORDER_REPLICATE)
    mask = np.asarray(cv2.warpAffine(inside, matrix[:2], (w, h)), np.float32)[..., None]
    return np.asarray(scene + (moved - scene) * mask, np.float32)
