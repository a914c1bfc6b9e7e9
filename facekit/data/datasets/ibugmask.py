"""iBugMask, the test set of the paper "In the Wild Face Parsing in Synthetic-Data Trained Models".

Lin et al., "RoI Tanh-polar Transformer Network for Face Parsing in the Wild", 2021, https://arxiv.org/abs/2102.02717.
"""

from __future__ import annotations

import os
from pathlib import Path

from ...geometry.affine import box_of_points
from ...images.reader import load_image
from ...labels import LAPA_11, SYNTHPARSE_11, SegmentationSet
from .boxes import as_box, square_around, tight_box_of_mask, tight_box_of_points
from .face import ParsedFace
from .files import check_split, dataset_folder, map_classes, missing_files, read_ids, read_points
from .lazy_faces import LazyFaces

_LAYOUT = "train and test, each with NAME.jpg, NAME.png of ids 0 to 10 and, if there, NAME_landmark.txt of 68 points"
_HOME = "https://github.com/hhj1897/face_parsing"
# The release has the first form; converted copies have the others.
_POINT_FILES = ("{}_landmark.txt", "{}.pts", "{}.npy")
_POINTS = 68


def ibugmask_faces(
    folder: str | os.PathLike[str], split: str = "test", labels: SegmentationSet = SYNTHPARSE_11
) -> LazyFaces[ParsedFace]:
    """Open iBugMask. Faces are framed by their 68 points or, where these are missing, by the mask.

    The classes are those of LaPa.

    Args:
        folder: The folder ibugmask_release.
        split: "train" or "test".
        labels: Label set of the masks. LAPA_11 is that of the data set.

    Returns:
        The faces. A face raises ValueError on access if its files do not fit together.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ValueError: If the split is unknown.
    """
    split = check_split(split, ("train", "test"), "iBugMask")
    root = dataset_folder(folder, (split,), "iBugMask", _LAYOUT, _HOME) / split
    images = sorted(root.glob("*.jpg"))
    if not images:
        raise missing_files(str(root / "*.jpg"), "iBugMask", _LAYOUT, _HOME)
    return LazyFaces(f"iBugMask, {split}", images, lambda path: _read(path, labels))


def _read(path: Path, labels: SegmentationSet) -> ParsedFace:
    """Read a face from its image, mask and points."""
    image, mask_file = load_image(path), path.with_suffix(".png")
    ids = read_ids(mask_file, image.shape[:2])
    mask = map_classes(ids, LAPA_11, mask_file.name, labels)
    for pattern in _POINT_FILES:
        point_file = path.with_name(pattern.format(path.stem))
        if point_file.exists():
            points = read_points(point_file, _POINTS)
            tight = tight_box_of_points(points, image.shape[:2])
            return ParsedFace(path.name, image, mask, as_box(box_of_points(points)), labels, tight)
    tight = tight_box_of_mask(ids, LAPA_11, mask_file.name)
    return ParsedFace(path.name, image, mask, square_around(tight), labels, tight)
