"""Microsoft's Face Synthetics (Wood et al., "Fake It Till You Make It", ICCV 2021): the paper's synthetic domain."""

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
from .boxes import as_box
from .face import ParsedFace
from .files import mapped_from, missing_files, read_ids, read_points
from .lazy import LazyFaces

_LAYOUT = (
    "000000.png, 000000_seg.png and 000000_ldmks.txt in one folder, or images/NAME.jpg, masks/NAME.png and "
    "landmarks70.csv"
)
_SEG = "_seg.png"
# 68 of 300-W's kind, then the pupils.
_POINTS = 70


def facesynthetics_faces(
    folder: str | os.PathLike[str] | None = None, labels: SegmentationSet = SYNTHPARSE_11
) -> LazyFaces[str]:
    """Face Synthetics, framed by 68 of their points. folder: as released, or None for FACEKIT_DATA's sample.

    labels: what the masks are brought to. In SYNTHPARSE_11, as in the paper's code, ears and neck become skin; beards,
    clothes, glasses, hats and facewear are ignored, which were its 12th label. Raises FileNotFoundError that says which
    files are expected; a face raises ValueError or OSError when it is read and its files do not fit together.
    """
    root = Path(folder).expanduser() if folder is not None else data_folder("facesynthetics")
    if (root / "landmarks70.csv").exists():
        return _shared(root, labels)
    released = sorted(entry.name.removesuffix(_SEG) for entry in root.glob("*" + _SEG))
    if not released:
        home = "https://github.com/microsoft/FaceSynthetics"
        raise missing_files(str(root / ("*" + _SEG)), "Face Synthetics", _LAYOUT, home)

    def read(name: str) -> ParsedFace:
        points = read_points(root / f"{name}_ldmks.txt", _POINTS)
        return _face(root / f"{name}.png", root / f"{name}{_SEG}", points, labels)

    return LazyFaces("Face Synthetics", released, read)


def _shared(root: Path, target: SegmentationSet) -> LazyFaces[str]:
    with (root / "landmarks70.csv").open() as f:
        rows = list(csv.reader(f))[1:]
    for row in rows:
        if len(row) != 1 + 2 * _POINTS:
            came = f"{len(row)} columns came for {row[:1]}"
            raise ValueError(f"landmarks70.csv: {came}, expected a file name and {2 * _POINTS} numbers: check the file")
    points = {row[0]: np.array(row[1:], np.float64).reshape(_POINTS, 2) for row in rows}

    def read(name: str) -> ParsedFace:
        return _face(root / "images" / name, root / "masks" / Path(name).with_suffix(".png"), points[name], target)

    return LazyFaces("Face Synthetics", list(points), read)


def _face(path: Path, seg: Path, points: NDArray[np.float64], target: SegmentationSet) -> ParsedFace:
    image = load_image(path)
    mask = mapped_from(read_ids(seg, image.shape[:2]), FACESYNTHETICS_19, seg.name, target)
    return ParsedFace(path.name, image, mask, as_box(box_of_points(points[:68])), target)
