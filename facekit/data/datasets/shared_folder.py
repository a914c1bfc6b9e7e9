"""Small sets of FACEKIT_DATA. None labels all that SYNTHPARSE_11 tells apart; what it leaves open is 255."""

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
from .boxes import as_box, box_of_mask, extent
from .face import Box, ParsedFace
from .files import dataset_folder, mapped, mapped_from, read_ids
from .lazy import LazyFaces

_TABLE = "index.csv of image,mask,..., images/NAME.jpg, masks/NAME.png"
# CelebAMask-HQ's masks are half as large as its images.
_IMAGE, _MASK = (1024, 1024), (512, 512)
# Height of the 68 points' box over that from the eyes' top to the mouth's bottom, and how much lower its middle lies:
# medians of 40 generated faces.
_TALLER, _LOWER = 1.72, 0.096


def celebamask_faces(
    folder: str | os.PathLike[str] | None = None, labels: SegmentationSet = SYNTHPARSE_11
) -> LazyFaces[Path]:
    """CelebAMask-HQ, images NAME.jpg beside masks NAME.png of 19 ids, framed by the mask. Sides are the viewer's.

    labels: what the masks are brought to. Images of 1024 px are halved to their masks' size. Raises FileNotFoundError
    for a missing folder; a face raises ValueError when it is read and its files do not fit together.
    """
    root = _root(
        folder, "celebamask19", (), "NAME.jpg beside NAME.png", "https://github.com/switchablenorms/CelebAMask-HQ"
    )
    images = [path for path in list_images(root) if path.suffix == ".jpg"]

    def read(path: Path) -> ParsedFace:
        image, seg = load_image(path), path.with_suffix(".png")
        if image.shape[:2] == _IMAGE:
            image = cv2.resize(image, _MASK, interpolation=cv2.INTER_AREA)
        ids = read_ids(seg, image.shape[:2])
        mask = mapped_from(ids, CELEBAMASK_19, seg.name, labels)
        return ParsedFace(path.name, image, mask, box_of_mask(ids, CELEBAMASK_19, seg.name), labels)

    return LazyFaces("CelebAMask-HQ", images, read)


def fasseg_faces(
    folder: str | os.PathLike[str] | None = None, labels: SegmentationSet = SYNTHPARSE_11
) -> LazyFaces[tuple[str, str]]:
    """FASSEG, framed by eyes, mouth and skin. labels: SYNTHPARSE_11, or FASSEG_6, its own.

    In SYNTHPARSE_11 it labels skin, nose and, above the mouth, background. Its hair is also brows, its eyes and mouth
    are one class each: 255. So is the background below the mouth, where it hides clothes. The multi-pose images show
    7 people: the middle two digits of a name's number tell whom. Raises FileNotFoundError for missing files, ValueError
    for other labels; a face raises ValueError when it is read and its files do not fit together.
    """
    if labels not in (SYNTHPARSE_11, FASSEG_6):
        known = f"{SYNTHPARSE_11.name} or {FASSEG_6.name}"
        raise ValueError(f"labels={labels.name!r} came, expected {known}: FASSEG's skin is also ears and neck")
    home = "http://massimomauro.github.io/FASSEG-repository/"
    root = _root(folder, "fasseg", ("index.csv", "images", "masks"), _TABLE, home)

    def read(row: tuple[str, str]) -> ParsedFace:
        image = load_image(root / "images" / row[0])
        ids = read_ids(root / "masks" / row[1], image.shape[:2])
        mask = mapped_from(ids, FASSEG_6, row[1], labels)
        box, mouth = _head_box(ids, row[1])
        if labels != FASSEG_6:
            below = mask[mouth:]
            below[below == 0] = labels.ignore
        return ParsedFace(row[0], image, mask, box, labels)

    return LazyFaces("FASSEG", _rows(root), read)


def hair_faces(
    folder: str | os.PathLike[str] | None = None, labels: SegmentationSet = SYNTHPARSE_11
) -> LazyFaces[tuple[str, str]]:
    """Aligned CelebA-HQ faces with masks of hair (1). All else (0) is background beside and above the head, where
    nothing else can be, and elsewhere unknown: 255. Mix them with whole masks, for alone they teach little else.

    labels: what the masks are brought to. Raises FileNotFoundError for missing files; a face raises ValueError when it
    is read and its files do not fit together.
    """
    home = "https://github.com/switchablenorms/CelebAMask-HQ"
    root = _root(folder, "hair", ("index.csv", "images", "masks"), _TABLE, home)
    table = np.full(256, labels.ignore, np.uint8)
    table[1] = labels.index("hair")

    def read(row: tuple[str, str]) -> ParsedFace:
        image = load_image(root / "images" / row[0])
        ids = read_ids(root / "masks" / row[1], image.shape[:2])
        mask = mapped(ids, table, 2, row[1])
        x0, y0, x1, y1 = (v * image.shape[0] - 0.5 for v in CELEBAHQ_BOX)
        mask[(ids == 0) & _beside(mask.shape, (x0, y0, x1, y1))] = 0
        return ParsedFace(row[0], image, mask, (x0, y0, x1, y1), labels)

    return LazyFaces("hair", _rows(root), read)


def _beside(shape: tuple[int, ...], box: Box) -> NDArray[np.bool_]:
    """The corners above a face's shoulders, outside an ellipse that holds the head."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    x, y = ((v - low) / (high - low) for v, low, high in zip((x, y), box[:2], box[2:], strict=True))
    return np.asarray((((x - 0.5) / 0.42) ** 2 + ((y - 0.55) / 0.6) ** 2 > 1) & (y < 0.5))


def _root(folder: str | os.PathLike[str] | None, name: str, inside: tuple[str, ...], layout: str, home: str) -> Path:
    return dataset_folder(data_folder(name) if folder is None else folder, inside or (".",), name, layout, home)


def _rows(root: Path) -> list[tuple[str, str]]:
    with (root / "index.csv").open() as f:
        return [(row["image"], row["mask"]) for row in csv.DictReader(f)]


def _head_box(ids: NDArray[np.uint8], where: str) -> tuple[Box, int]:
    """A square and the first row below the mouth. `box_of_mask` would not do: neck and ears are skin here."""
    eyes, mouth = ids == FASSEG_6.index("eyes"), ids == FASSEG_6.index("mouth")
    if not (eyes.any() and mouth.any()):
        raise ValueError(f"{where}: no eyes or no mouth came in the mask, expected both: check the ids")
    top, bottom = extent(eyes)[1], extent(mouth)[3]
    face = ids > FASSEG_6.index("hair_and_brows")
    face |= ids == FASSEG_6.index("skin")
    rows = slice(int(top + 0.5), int(bottom + 0.5))
    if rows.start >= rows.stop:
        raise ValueError(f"{where}: eyes below the mouth came, expected an upright face: check the mask")
    x0, _, x1, _ = extent(face[rows])
    x, y = (x0 + x1) / 2, (top + bottom) / 2 + _LOWER * (bottom - top)
    half = _TALLER * (bottom - top) / 2
    return as_box(box_of_points([(x - half, y - half), (x + half, y + half)])), rows.stop
