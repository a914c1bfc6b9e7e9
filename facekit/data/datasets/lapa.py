"""LaPa (Liu et al., "A New Dataset and Boundary-Attention Semantic Segmentation for Face Parsing", AAAI 2020)."""

from __future__ import annotations

import os
from pathlib import Path

from ...geometry.affine import box_of_points
from ...images.reader import list_images, load_image
from ...labels import LAPA_11, SYNTHPARSE_11, SegmentationSet
from .boxes import as_box, tight_box_of_points
from .face import ParsedFace
from .files import check_split, dataset_folder, map_classes, read_ids, read_points
from .lazy_faces import LazyFaces

_LAYOUT = "train, val and test, each with images/NAME.jpg, labels/NAME.png of ids 0 to 10, landmarks/NAME.txt"
_HOME = "https://github.com/JDAI-CV/lapa-dataset"
_POINTS = 106


def lapa_faces(
    folder: str | os.PathLike[str], split: str = "train", labels: SegmentationSet = SYNTHPARSE_11
) -> LazyFaces[ParsedFace]:
    """Open LaPa. Faces are framed by their 106 points. Neck and clothes are background.

    Args:
        folder: The folder LaPa.
        split: "train", "val" or "test".
        labels: Label set of the masks. LAPA_11 is that of the data set.

    Returns:
        The faces. A face raises ValueError or OSError on access if its files do not fit together.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ValueError: If the split is unknown.
    """
    split = check_split(split, ("train", "val", "test"), "LaPa")
    inside = tuple(f"{split}/{part}" for part in ("images", "labels", "landmarks"))
    root = dataset_folder(folder, inside, "LaPa", _LAYOUT, _HOME) / split
    return LazyFaces(f"LaPa, {split}", list_images(root / "images"), lambda path: _read(root, path, labels))


def _read(root: Path, path: Path, labels: SegmentationSet) -> ParsedFace:
    """Read a face from its image, mask and points."""
    image, mask_file = load_image(path), root / "labels" / f"{path.stem}.png"
    mask = map_classes(read_ids(mask_file, image.shape[:2]), LAPA_11, mask_file.name, labels)
    points = read_points(root / "landmarks" / f"{path.stem}.txt", _POINTS)
    tight = tight_box_of_points(points, image.shape[:2])
    return ParsedFace(path.name, image, mask, as_box(box_of_points(points)), labels, tight)
