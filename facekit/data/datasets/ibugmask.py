"""iBugMask (Lin et al., "RoI Tanh-polar Transformer Network for Face Parsing in the Wild", 2021): the paper's test."""

from __future__ import annotations

import os
from pathlib import Path

from ...geometry.affine import box_of_points
from ...images.reader import load_image
from ...labels import LAPA_11
from .boxes import as_box, box_of_mask
from .face import ParsedFace
from .files import choice, dataset_folder, mapped_from, missing_files, read_ids, read_points
from .lazy import LazyFaces

_LAYOUT = "train and test, each with NAME.jpg, NAME.png of ids 0 to 10 and, if there, NAME_landmark.txt of 68 points"
_HOME = "https://github.com/hhj1897/face_parsing"
# The release writes the first; converted copies have the others.
_POINT_FILES = ("{}_landmark.txt", "{}.pts", "{}.npy")
_POINTS = 68


def ibugmask_faces(folder: str | os.PathLike[str], split: str = "test") -> LazyFaces[Path]:
    """iBugMask's faces, framed by their 68 points, else by the mask. folder: ibugmask_release; split: "train" or
    "test".

    Its classes are LaPa's. Raises FileNotFoundError that says which files are expected; ValueError for another split; a
    face raises ValueError when it is read and its files do not fit together.
    """
    split = choice(split, ("train", "test"), "iBugMask")
    root = dataset_folder(folder, (split,), "iBugMask", _LAYOUT, _HOME) / split
    images = sorted(root.glob("*.jpg"))
    if not images:
        raise missing_files(str(root / "*.jpg"), "iBugMask", _LAYOUT, _HOME)
    return LazyFaces(f"iBugMask, {split}", images, _read)


def _read(path: Path) -> ParsedFace:
    image, labels = load_image(path), path.with_suffix(".png")
    ids = read_ids(labels, image.shape[:2])
    mask = mapped_from(ids, LAPA_11, labels.name)
    for pattern in _POINT_FILES:
        points = path.with_name(pattern.format(path.stem))
        if points.exists():
            return ParsedFace(path.name, image, mask, as_box(box_of_points(read_points(points, _POINTS))))
    return ParsedFace(path.name, image, mask, box_of_mask(ids, LAPA_11, labels.name))
