"""Masks drawn from landmarks: real faces in the wild of which only eyes, lips and mouth are labelled."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...geometry.affine import box_of_points
from ...images.reader import load_image
from ...labels import SYNTHPARSE_11, SegmentationSet
from ..face_sources import TEST_300W, landmarks_300w
from .boxes import as_box, tight_box_of_points
from .face import ParsedFace
from .lazy_faces import LazyFaces

# Closed outlines of 300-W's 68 points. A lip lies between its outer and its inner line. Brows are missing, because they
# have only an upper line there.
_OUTLINES: dict[str, list[int]] = {
    "left_eye": [*range(36, 42)],
    "right_eye": [*range(42, 48)],
    "upper_lip": [*range(48, 55), 64, 63, 62, 61, 60],
    "lower_lip": [48, *range(59, 53, -1), 64, 65, 66, 67, 60],
    "inner_mouth": [*range(60, 68)],
}
# Diameters of the discs that widen the parts by the ignored band and by the ring of skin, px in images of 256 px.
_NARROW, _WIDE = 5, 15


def outlined_faces(
    folder: str | os.PathLike[str] | None = None, labels: SegmentationSet = SYNTHPARSE_11
) -> LazyFaces[ParsedFace]:
    """Open 300-W without the subset `lfpw_test`, with masks drawn from the 68 points.

    The masks hold eyes, lips, inner mouth and a ring of skin around these parts. All other pixels are 255. So is a band
    along the outlines, in which annotators would disagree.

    Args:
        folder: The folder. None is 300w in FACEKIT_DATA.
        labels: Label set of the masks.

    Returns:
        The faces. A face raises OSError on access if its image cannot be read.

    Raises:
        FileNotFoundError: If files are missing.
    """
    paths, subsets, points = landmarks_300w(folder)
    rows = [(p, face) for p, subset, face in zip(paths, subsets, points, strict=True) if subset != TEST_300W]
    skin = next(name for name in ("skin", "skin_ears_neck") if name in labels.classes)
    ids = [labels.index(name) for name in (skin, *_OUTLINES)]

    def read(row: tuple[Path, NDArray[np.float32]]) -> ParsedFace:
        path, face = row
        image = load_image(path)
        mask = _draw_mask(face, image.shape[0], ids, labels.ignore)
        tight = tight_box_of_points(face, image.shape[:2])
        return ParsedFace(path.name, image, mask, as_box(box_of_points(face)), labels, tight)

    return LazyFaces("300-W, outlined", rows, read)


def _draw_mask(points: NDArray[np.float32], side: int, ids: list[int], ignore: int) -> NDArray[np.uint8]:
    """Draw the mask (side,side) of points (68,2). `ids` are those of skin and of the parts in _OUTLINES."""
    skin, *inside = ids
    parts = np.zeros((side, side), np.uint8)
    for part, order in zip(inside, _OUTLINES.values(), strict=True):
        cv2.fillPoly(parts, [np.round(points[order]).astype(np.int32)], part)
    drawn = (parts > 0).astype(np.uint8)
    discs = [cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)) for width in (_NARROW, _WIDE)]
    band, ring = (cv2.dilate(drawn, disc) > 0 for disc in discs)
    mask = np.where(ring, skin, ignore).astype(np.uint8)
    mask[band] = ignore
    return np.where(parts > 0, parts, mask)
