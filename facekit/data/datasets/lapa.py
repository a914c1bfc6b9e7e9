"""LaPa (Liu et al., "A New Dataset and Boundary-Attention Semantic Segmentation for Face Parsing", AAAI 2020)."""

from __future__ import annotations

import os
from pathlib import Path

from ...geometry.affine import box_of_points
from ...images.reader import list_images, load_image
from ...labels import LAPA_11
from .boxes import as_box
from .face import ParsedFace
from .files import choice, dataset_folder, mapped_from, read_ids, read_points
from .lazy import LazyFaces

_LAYOUT = "train, val and test, each with images/NAME.jpg, labels/NAME.png of ids 0 to 10, landmarks/NAME.txt"
_POINTS = 106


def lapa_faces(folder: str | os.PathLike[str], split: str = "train") -> LazyFaces[Path]:
    """LaPa's faces, framed by their 106 points. folder: LaPa; split: "train", "val" or "test".

    LaPa's neck and clothes are background. Raises FileNotFoundError that says which files are expected; ValueError for
    another split; a face raises ValueError or OSError when it is read and its files do not fit together.
    """
    split = choice(split, ("train", "val", "test"), "LaPa")
    inside = tuple(f"{split}/{part}" for part in ("images", "labels", "landmarks"))
    root = dataset_folder(folder, inside, "LaPa", _LAYOUT, "https://github.com/JDAI-CV/lapa-dataset") / split
    return LazyFaces(f"LaPa, {split}", list_images(root / "images"), lambda path: _read(root, path))


def _read(root: Path, path: Path) -> ParsedFace:
    image, labels = load_image(path), root / "labels" / f"{path.stem}.png"
    mask = mapped_from(read_ids(labels, image.shape[:2]), LAPA_11, labels.name)
    points = read_points(root / "landmarks" / f"{path.stem}.txt", _POINTS)
    return ParsedFace(path.name, image, mask, as_box(box_of_points(points)))
