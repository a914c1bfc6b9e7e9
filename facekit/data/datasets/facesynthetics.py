"""Face Synthetics of Microsoft, the synthetic domain of the paper.

Wood et al., "Fake It Till You Make It", ICCV 2021, https://arxiv.org/abs/2109.15102.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...geometry.affine import box_of_points
from ...images.reader import load_image
from ...labels import FACESYNTHETICS_19, SYNTHPARSE_11, SegmentationSet
from ..face_sources import data_folder
from .boxes import as_box, tight_box_of_points
from .face import ParsedFace
from .files import map_classes, missing_files, read_ids, read_points
from .lazy_faces import LazyFaces

_LAYOUT = (
    "000000.png, 000000_seg.png and 000000_ldmks.txt in one folder, or images/NAME.jpg, masks/NAME.png and "
    "landmarks70.csv"
)
_HOME = "https://github.com/microsoft/FaceSynthetics"
_SEG = "_seg.png"
# The 68 points of 300-W, then the pupils.
_POINTS = 70


def facesynthetics_faces(
    folder: str | os.PathLike[str] | None = None, labels: SegmentationSet = SYNTHPARSE_11
) -> LazyFaces[ParsedFace]:
    """Open Face Synthetics. Faces are framed by 68 of their points.

    In SYNTHPARSE_11, as in the paper's code, ears and neck become skin. Beards, clothes, glasses, hats and facewear are
    ignored; they were the paper's 12th class.

    Args:
        folder: The folder as released. None is the sample in FACEKIT_DATA.
        labels: Label set of the masks.

    Returns:
        The faces. A face raises ValueError or OSError on access if its files do not fit together.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ValueError: If a row of landmarks70.csv has a wrong number of columns.
    """
    root = Path(folder).expanduser() if folder is not None else data_folder("facesynthetics")
    if (root / "landmarks70.csv").exists():
        return _sample_faces(root, labels)
    released = sorted(entry.name.removesuffix(_SEG) for entry in root.glob("*" + _SEG))
    if not released:
        raise missing_files(str(root / ("*" + _SEG)), "Face Synthetics", _LAYOUT, _HOME)

    def read(name: str) -> ParsedFace:
        points = read_points(root / f"{name}_ldmks.txt", _POINTS)
        return _face(root / f"{name}.png", root / f"{name}{_SEG}", points, labels)

    return LazyFaces("Face Synthetics", released, read)


def _sample_faces(root: Path, labels: SegmentationSet) -> LazyFaces[ParsedFace]:
    """Open the layout of FACEKIT_DATA, with the points of all faces in one table."""
    with (root / "landmarks70.csv").open() as f:
        rows = list(csv.reader(f))[1:]
    for row in rows:
        if len(row) != 1 + 2 * _POINTS:
            raise ValueError(
                f"landmarks70.csv: expected a file name and {2 * _POINTS} numbers per row, got {len(row)} columns for "
                f"{row[:1]}; check the file"
            )
    points = {row[0]: np.array(row[1:], np.float64).reshape(_POINTS, 2) for row in rows}

    def read(name: str) -> ParsedFace:
        return _face(root / "images" / name, root / "masks" / Path(name).with_suffix(".png"), points[name], labels)

    return LazyFaces("Face Synthetics", list(points), read)


def _face(path: Path, mask_file: Path, points: NDArray[np.float64], labels: SegmentationSet) -> ParsedFace:
    """Read a face from its image, mask and points (70,2)."""
    image = load_image(path)
    mask = map_classes(read_ids(mask_file, image.shape[:2]), FACESYNTHETICS_19, mask_file.name, labels)
    tight = tight_box_of_points(points[:68], image.shape[:2])
    return ParsedFace(path.name, image, mask, as_box(box_of_points(points[:68])), labels, tight)
