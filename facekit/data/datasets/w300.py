"""300-W, photos of faces with 68 points. The licence allows research only, no commercial use.

Sagonas et al., "300 Faces In-The-Wild Challenge: Database and Results", 2016, https://ibug.doc.ic.ac.uk/resources/300-W/.

The .pts files count pixels from 1, as Matlab does, so 1 is subtracted. Menpo, the library of the authors' group, does
the same when it reads .pts files.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...images.reader import list_images, load_image
from ...labels import LANDMARKS_68
from ..face_sources import TEST_300W, landmarks_300w
from .files import check_split, missing_files, read_points
from .lazy_faces import LazyFaces
from .records import PointedFace

# Subsets by split. The names are also those of the shared crops.
_SPLITS = {
    "train": ("afw", "helen_train", "lfpw_train"),
    "common": ("helen_test", "lfpw_test"),
    "challenge": ("ibug",),
    "full": ("helen_test", "lfpw_test", "ibug"),
    "private": ("indoor", "outdoor"),
}
# Usual names of the folder of a subset, in any letter case.
_FOLDERS = {
    "afw": ("afw",),
    "helen_train": ("helen/trainset", "helen_trainset"),
    "lfpw_train": ("lfpw/trainset", "lfpw_trainset"),
    "helen_test": ("helen/testset", "helen_testset"),
    "lfpw_test": ("lfpw/testset", "lfpw_testset"),
    "ibug": ("ibug",),
    "indoor": ("300W/01_Indoor", "300w_cropped/01_Indoor", "Test/01_Indoor", "01_Indoor"),
    "outdoor": ("300W/02_Outdoor", "300w_cropped/02_Outdoor", "Test/02_Outdoor", "02_Outdoor"),
}
_LAYOUT = (
    "afw, helen/trainset, helen/testset, lfpw/trainset, lfpw/testset, ibug, 300W/01_Indoor and 300W/02_Outdoor, each "
    "with NAME.jpg or NAME.png beside NAME.pts"
)
_HOME = "https://ibug.doc.ic.ac.uk/resources/300-W/"
_TITLE = "300-W"
_CROPS = "the crops of 300-W in FACEKIT_DATA, which lack the other subsets"
# Copies made for dlib contain mirrored images, which are not part of 300-W.
_MIRRORED = "_mirror"


def w300_faces(folder: str | os.PathLike[str], split: str = "train") -> LazyFaces[PointedFace]:
    """Open 300-W. The group "subset" is the collection that a photo is from, for example "helen_train".

    The whole data set has 3,148 faces in "train" (AFW and the training sets of Helen and LFPW), 554 in "common" (their
    test sets), 135 in "challenge" (IBUG), 689 in "full" (both), and 600 in "private" (indoor and outdoor).

    Args:
        folder: The folder that contains afw, helen, lfpw, ibug and 300W, as far as the split needs them. The folder
            300w of FACEKIT_DATA, crops of some subsets, is read as well; its test set is "common".
        split: "train", "common", "challenge", "full" or "private".

    Returns:
        The faces. A face raises ValueError or OSError on access if its files do not fit together.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ValueError: If the split is unknown, or the crops lack it.
    """
    subsets = _SPLITS[check_split(split, tuple(_SPLITS), _TITLE)]
    root = Path(folder).expanduser()
    if (root / "index.csv").exists():
        return _shared_crops(root, split)
    found = {subset: _find(root, subset) for subset in subsets}
    missing = ", ".join(str(root / _FOLDERS[subset][0]) for subset, path in found.items() if path is None)
    if missing:
        raise missing_files(missing, _TITLE, _LAYOUT, _HOME)
    images = [
        (subset, image)
        for subset, path in found.items()
        if path is not None
        for image in list_images(path)
        if not image.stem.endswith(_MIRRORED)
    ]
    return LazyFaces(f"{_TITLE}, {split}", images, _read)


def _read(item: tuple[str, Path]) -> PointedFace:
    """Read a face from its image and the points beside it."""
    subset, path = item
    points = read_points(path.with_suffix(".pts"), len(LANDMARKS_68)) - 1
    name = f"{subset}/{path.name}"
    return PointedFace(name, load_image(path), points.astype(np.float32), LANDMARKS_68, groups={"subset": subset})


def _shared_crops(root: Path, split: str) -> LazyFaces[PointedFace]:
    """Open the crops of FACEKIT_DATA. Their points count from 0."""
    check_split(split, ("train", "common"), _CROPS)
    rows = [row for row in zip(*landmarks_300w(root), strict=True) if (row[1] == TEST_300W) == (split == "common")]

    def read(row: tuple[Path, str, NDArray[np.float32]]) -> PointedFace:
        path, subset, points = row
        return PointedFace(path.name, load_image(path), points, LANDMARKS_68, groups={"subset": subset})

    return LazyFaces(f"{_TITLE}, crops, {split}", rows, read)


def _find(root: Path, subset: str) -> Path | None:
    """Find the folder of a subset by its usual names, in any letter case."""
    for name in _FOLDERS[subset]:
        path: Path | None = root
        for part in name.lower().split("/"):
            entries = sorted(path.iterdir()) if path is not None and path.is_dir() else []
            path = next((entry for entry in entries if entry.name.lower() == part and entry.is_dir()), None)
        if path is not None:
            return path
    return None
