"""Parts that landmarks outline: real faces in the wild, of which eyes, lips and mouth are known."""

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
from .boxes import as_box
from .face import ParsedFace
from .lazy import LazyFaces

# Closed outlines of 300-W's 68 points. Lips: their outer and inner lines; brows have only an upper line there.
_OUTLINES: dict[str, list[int]] = {
    "left_eye": [*range(36, 42)],
    "right_eye": [*range(42, 48)],
    "upper_lip": [*range(48, 55), 64, 63, 62, 61, 60],
    "lower_lip": [48, *range(59, 53, -1), 64, 65, 66, 67, 60],
    "inner_mouth": [*range(60, 68)],
}
_NARROW, _WIDE = 5, 15  # px, in images of 256 px


def outlined_faces(
    folder: str | os.PathLike[str] | None = None, labels: SegmentationSet = SYNTHPARSE_11
) -> LazyFaces[tuple[Path, NDArray[np.float32]]]:
    """300-W's faces without `lfpw_test`: eyes, lips, inner mouth as their points outline them, a ring of skin around.

    All else is 255, and so is a band along the outlines of which no annotator would be sure. labels: what the masks are
    brought to. Raises FileNotFoundError for missing files; a face raises OSError when its image cannot be read.
    """
    paths, subsets, points = landmarks_300w(folder)
    rows = [(p, own) for p, subset, own in zip(paths, subsets, points, strict=True) if subset != TEST_300W]
    skin = next(name for name in ("skin", "skin_ears_neck") if name in labels.classes)
    ids = [labels.index(name) for name in (skin, *_OUTLINES)]

    def read(row: tuple[Path, NDArray[np.float32]]) -> ParsedFace:
        path, face = row
        image = load_image(path)
        mask = _drawn(face, image.shape[0], ids, labels.ignore)
        return ParsedFace(path.name, image, mask, as_box(box_of_points(face)), labels)

    return LazyFaces("300-W, outlined", rows, read)


def _drawn(face: NDArray[np.float32], side: int, ids: list[int], ignore: int) -> NDArray[np.uint8]:
    skin, *inside = ids
    parts = np.zeros((side, side), np.uint8)
    for part, order in zip(inside, _OUTLINES.values(), strict=True):
        cv2.fillPoly(parts, [np.round(face[order]).astype(np.int32)], part)
    there = (parts > 0).astype(np.uint8)
    discs = [cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)) for width in (_NARROW, _WIDE)]
    band, ring = (cv2.dilate(there, disc) > 0 for disc in discs)
    mask = np.where(ring, skin, ignore).astype(np.uint8)
    mask[band] = ignore
    return np.where(parts > 0, parts, mask)
