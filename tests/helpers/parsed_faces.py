"""Make labelled faces for parsing, in memory and as files of a data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from facekit.data.datasets import (
    LazyFaces,
    ParsedFace,
)

H, W = 60, 48
# Where the parts of a drawn face are, rows and columns, by the viewer's side. `tight_box_of_mask` sees brows to chin.
PARTS = {
    "skin": (8, 52, 6, 42),
    "left_brow": (16, 18, 12, 20),
    "right_brow": (16, 18, 28, 36),
    "left_eye": (20, 23, 12, 20),
    "right_eye": (20, 23, 28, 36),
    "nose": (24, 34, 21, 27),
    "upper_lip": (38, 40, 16, 32),
    "inner_mouth": (40, 42, 16, 32),
    "lower_lip": (42, 44, 16, 32),
    "hair": (0, 8, 6, 42),
}


def drawn() -> np.ndarray:
    mask = np.zeros((H, W), np.uint8)
    for i, (top, bottom, left, right) in enumerate(PARTS.values(), 1):
        mask[top:bottom, left:right] = i
    return mask


def stripes(ids: int) -> np.ndarray:
    """Every id and 255 in a mask of our size."""
    return np.resize(np.array([*range(ids), 255], np.uint8), (H, W))


def image(seed: int = 0, size: tuple[int, int] = (H, W)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def text_points(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(5, 40, (count, 2)).round(3)


def lines(points: np.ndarray) -> str:
    return "".join(f"{x:.3f} {y:.3f}\n" for x, y in points)


def face(name: str = "a", value: int = 1, size: int = 20) -> ParsedFace:
    mask = np.full((size, size), value, np.uint8)
    return ParsedFace(name, image(value, (size, size)), mask, (-0.5, -0.5, size - 0.5, size - 0.5))


class Known(LazyFaces[ParsedFace]):
    """Faces whose mask tells which one it is; numbers in `broken` cannot be read."""

    def __init__(self, count: int, broken: tuple[int, ...] = (), value: int | None = None) -> None:
        self.seen: list[int] = []

        def read(i: int) -> ParsedFace:
            self.seen.append(i)
            if i in broken:
                raise ValueError(f"{i}.png: damaged")
            return face(f"{i}.png", i % 11 if value is None else value)

        super().__init__("known", range(count), read)


def lapa(root: Path, mask: np.ndarray, name: str = "5_0") -> np.ndarray:
    points = text_points(106)
    save(root / "train" / "images" / f"{name}.jpg", image())
    save(root / "train" / "labels" / f"{name}.png", mask)
    (root / "train" / "landmarks").mkdir(exist_ok=True)
    (root / "train" / "landmarks" / f"{name}.txt").write_text("106\n" + lines(points))
    return points
