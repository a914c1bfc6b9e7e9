"""Small data sets of FACEKIT_DATA: CelebAMask-HQ, FASSEG, and masks of hair.

None of them labels all classes of SYNTHPARSE_11. Pixels whose class is unknown are 255.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...geometry.affine import box_of_points
from ...images.reader import list_images, load_image
from ...labels import CELEBAMASK_19, FASSEG_6, SYNTHPARSE_11, SegmentationSet
from ..face_sources import CELEBAHQ_BOX, data_folder
from .boxes import as_box, extent, square_around, tight_box_of_mask
from .face import Box, ParsedFace
from .files import dataset_folder, map_classes, map_ids, read_ids
from .lazy_faces import LazyFaces

_TABLE = "index.csv of image,mask,..., images/NAME.jpg, masks/NAME.png"
_CELEBAMASK_HOME = "https://github.com/switchablenorms/CelebAMask-HQ"
_FASSEG_HOME = "http://massimomauro.github.io/FASSEG-repository/"
# The masks of CelebAMask-HQ are half as large as its images.
_IMAGE, _MASK = (1024, 1024), (512, 512)
# Height of the 68 points' box relative to the height from the eyes' top to the mouth's bottom, and how much lower its
# middle lies: medians of 40 generated faces.
_TALLER, _LOWER = 1.72, 0.096


def celebamask_faces(
    folder: str | os.PathLike[str] | None = None, labels: SegmentationSet = SYNTHPARSE_11
) -> LazyFaces[ParsedFace]:
    """Open CelebAMask-HQ: images NAME.jpg beside masks NAME.png of 19 ids. Faces are framed by the mask.

    Left and right are the viewer's. Images of 1024 px are halved to the size of their masks.

    Args:
        folder: The folder. None is celebamask19 in FACEKIT_DATA.
        labels: Label set of the masks.

    Returns:
        The faces. A face raises ValueError on access if its files do not fit together.

    Raises:
        FileNotFoundError: If the folder is missing.
    """
    root = _root(folder, "celebamask19", (), "NAME.jpg beside NAME.png", _CELEBAMASK_HOME)
    images = [path for path in list_images(root) if path.suffix == ".jpg"]

    def read(path: Path) -> ParsedFace:
        image, mask_file = load_image(path), path.with_suffix(".png")
        if image.shape[:2] == _IMAGE:
            image = cv2.resize(image, _MASK, interpolation=cv2.INTER_AREA)
        ids = read_ids(mask_file, image.shape[:2])
        mask = map_classes(ids, CELEBAMASK_19, mask_file.name, labels)
        tight = tight_box_of_mask(ids, CELEBAMASK_19, mask_file.name)
        return ParsedFace(path.name, image, mask, square_around(tight), labels, tight)

    return LazyFaces("CelebAMask-HQ", images, read)


def fasseg_faces(
    folder: str | os.PathLike[str] | None = None, labels: SegmentationSet = SYNTHPARSE_11
) -> LazyFaces[ParsedFace]:
    """Open FASSEG. Faces are framed by eyes, mouth and skin.

    In SYNTHPARSE_11 the masks hold skin, nose and, above the mouth, background. All else is 255: the class hair
    includes brows, eyes and mouth are one class each, and the background below the mouth hides clothes. The multi-pose
    images show 7 people; the middle two digits of the number in a name are the person.

    Args:
        folder: The folder. None is fasseg in FACEKIT_DATA.
        labels: Label set of the masks: SYNTHPARSE_11, or FASSEG_6, the data set's own.

    Returns:
        The faces. A face raises ValueError on access if its files do not fit together.

    Raises:
        FileNotFoundError: If files are missing.
        ValueError: If `labels` is another set.
    """
    if labels not in (SYNTHPARSE_11, FASSEG_6):
        choices = f"{SYNTHPARSE_11.name} or {FASSEG_6.name}"
        raise ValueError(f"labels: expected {choices}, got {labels.name!r}; FASSEG's skin includes ears and neck")
    root = _root(folder, "fasseg", ("index.csv", "images", "masks"), _TABLE, _FASSEG_HOME)

    def read(row: tuple[str, str]) -> ParsedFace:
        image = load_image(root / "images" / row[0])
        ids = read_ids(root / "masks" / row[1], image.shape[:2])
        mask = map_classes(ids, FASSEG_6, row[1], labels)
        box, mouth = _head_box(ids, row[1])
        if labels != FASSEG_6:
            below = mask[mouth:]
            below[below == 0] = labels.ignore
        return ParsedFace(row[0], image, mask, box, labels)

    return LazyFaces("FASSEG", _rows(root), read)


def hair_faces(
    folder: str | os.PathLike[str] | None = None, labels: SegmentationSet = SYNTHPARSE_11
) -> LazyFaces[ParsedFace]:
    """Open aligned CelebA-HQ faces with masks of hair (1) and all else (0).

    Beside and above the head, where nothing else can be, all else becomes background. Elsewhere it is unknown, 255.
    Mix these faces with whole masks: alone they train hardly any other class.

    Args:
        folder: The folder. None is hair in FACEKIT_DATA.
        labels: Label set of the masks.

    Returns:
        The faces. A face raises ValueError on access if its files do not fit together.

    Raises:
        FileNotFoundError: If files are missing.
    """
    root = _root(folder, "hair", ("index.csv", "images", "masks"), _TABLE, _CELEBAMASK_HOME)
    table = np.full(256, labels.ignore, np.uint8)
    table[1] = labels.index("hair")

    def read(row: tuple[str, str]) -> ParsedFace:
        image = load_image(root / "images" / row[0])
        ids = read_ids(root / "masks" / row[1], image.shape[:2])
        mask = map_ids(ids, table, 2, row[1])
        x0, y0, x1, y1 = (v * image.shape[0] - 0.5 for v in CELEBAHQ_BOX)
        mask[(ids == 0) & _beside_head(mask.shape, (x0, y0, x1, y1))] = 0
        return ParsedFace(row[0], image, mask, (x0, y0, x1, y1), labels)

    return LazyFaces("hair", _rows(root), read)


def _beside_head(shape: tuple[int, ...], box: Box) -> NDArray[np.bool_]:
    """Return where the corners above the shoulders are, outside an ellipse that contains the head."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    x, y = ((v - low) / (high - low) for v, low, high in zip((x, y), box[:2], box[2:], strict=True))
    return np.asarray((((x - 0.5) / 0.42) ** 2 + ((y - 0.55) / 0.6) ** 2 > 1) & (y < 0.5))


def _root(folder: str | os.PathLike[str] | None, name: str, inside: tuple[str, ...], layout: str, home: str) -> Path:
    """Return the folder of a data set, by default that in FACEKIT_DATA."""
    return dataset_folder(data_folder(name) if folder is None else folder, inside or (".",), name, layout, home)


def _rows(root: Path) -> list[tuple[str, str]]:
    """Read image and mask of each row of index.csv."""
    with (root / "index.csv").open() as f:
        return [(row["image"], row["mask"]) for row in csv.DictReader(f)]


def _head_box(ids: NDArray[np.uint8], where: str) -> tuple[Box, int]:
    """Return the square around a face of FASSEG, and the first row below the mouth.

    `tight_box_of_mask` does not fit here, because neck and ears are skin.
    """
    eyes, mouth = ids == FASSEG_6.index("eyes"), ids == FASSEG_6.index("mouth")
    if not (eyes.any() and mouth.any()):
        raise ValueError(f"{where}: expected eyes and mouth in the mask, got no eyes or no mouth; check the ids")
    top, bottom = extent(eyes)[1], extent(mouth)[3]
    face = ids > FASSEG_6.index("hair_and_brows")
    face |= ids == FASSEG_6.index("skin")
    rows = slice(int(top + 0.5), int(bottom + 0.5))
    if rows.start >= rows.stop:
        raise ValueError(f"{where}: expected an upright face, got eyes below the mouth; check the mask")
    x0, _, x1, _ = extent(face[rows])
    x, y = (x0 + x1) / 2, (top + bottom) / 2 + _LOWER * (bottom - top)
    half = _TALLER * (bottom - top) / 2
    return as_box(box_of_points([(x - half, y - half), (x + half, y + half)])), rows.stop
