"""WFLW, faces of WIDER FACE with 98 points and six attributes. Its page names no licence.

Wu et al., "Look at Boundary: A Boundary-Aware Face Alignment Algorithm", CVPR 2018,
https://wywu.github.io/projects/LAB/WFLW.html.

Points and boxes are taken as they are: (0,0) is the centre of the top-left pixel. The page does not say so, but FaRL's
code reads them without a shift, unlike the points of 300-W.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...images.reader import load_image
from ...labels import LANDMARKS_98
from .boxes import as_box
from .files import check_split, dataset_folder
from .lazy_faces import LazyFaces
from .records import PointedFace

WFLW_SUBSETS = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
"""Attributes in the order of the files. Each names the subset of the test set with the attribute."""

_LISTS = "WFLW_annotations/list_98pt_rect_attr_train_test"
_LAYOUT = f"WFLW_images/EVENT/NAME.jpg, {_LISTS}/list_98pt_rect_attr_train.txt and list_98pt_rect_attr_test.txt"
_HOME = "https://wywu.github.io/projects/LAB/WFLW.html"
_POINTS, _BOX, _FLAGS = 2 * len(LANDMARKS_98), 4, len(WFLW_SUBSETS)
_WORDS = _POINTS + _BOX + _FLAGS + 1
_LINE = f"{_POINTS} coordinates, {_BOX} of the box, {_FLAGS} flags of 0 or 1 and the image per line"

# Line number, image, numbers of the line.
_Row = tuple[int, str, NDArray[np.float32]]


def wflw_faces(folder: str | os.PathLike[str], split: str = "train") -> LazyFaces[PointedFace]:
    """Open WFLW. Each face has its own box, and the groups "pose" to "blur" are "yes" or "no".

    The whole data set has 7,500 faces in "train" and 2,500 in "test". An image may contain several of them.

    Args:
        folder: The folder that contains WFLW_images and WFLW_annotations.
        split: "train", "test", or a subset of the test set from WFLW_SUBSETS.

    Returns:
        The faces. A face raises ImageError on access if its image cannot be read.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ValueError: If the split is unknown, or a line of the list is damaged.
    """
    split = check_split(split, ("train", "test", *WFLW_SUBSETS), "WFLW")
    listing = f"{_LISTS}/list_98pt_rect_attr_{'train' if split == 'train' else 'test'}.txt"
    root = dataset_folder(folder, ("WFLW_images", listing), "WFLW", _LAYOUT, _HOME)
    lines = enumerate((root / listing).read_text().splitlines(), start=1)
    rows = [_parsed(line, f"{Path(listing).name}, line {number}", number) for number, line in lines if line.strip()]
    if split in WFLW_SUBSETS:
        flag = _POINTS + _BOX + WFLW_SUBSETS.index(split)
        rows = [row for row in rows if row[2][flag]]
    return LazyFaces(f"WFLW, {split}", rows, lambda row: _read(root / "WFLW_images", row))


def _parsed(line: str, where: str, number: int) -> _Row:
    """Parse a line of a list."""
    words = line.split()
    if len(words) != _WORDS:
        raise ValueError(f"{where}: expected {_LINE}, got {len(words)} words, not {_WORDS}; download the list again")
    try:
        values = np.array(words[:-1], np.float32)
    except ValueError as error:
        raise ValueError(f"{where}: expected {_LINE}, got {error}; download the list again") from error
    if not (np.isfinite(values).all() and np.isin(values[_POINTS + _BOX :], (0, 1)).all()):
        raise ValueError(f"{where}: expected {_LINE}, got NaN, inf or another flag; download the list again")
    return number, words[-1], values


def _read(images: Path, row: _Row) -> PointedFace:
    """Read a face from its row and its image."""
    number, file, values = row
    points, box, flags = np.split(values, [_POINTS, _POINTS + _BOX])
    groups = {name: "yes" if flag else "no" for name, flag in zip(WFLW_SUBSETS, flags, strict=True)}
    return PointedFace(
        f"{file} {number}",
        load_image(images / file),
        points.reshape(-1, 2),
        LANDMARKS_98,
        groups=groups,
        box=as_box(box),
    )
