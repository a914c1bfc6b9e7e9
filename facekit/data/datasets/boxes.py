"""Squares around faces, from landmarks or, where a data set has none, from the mask."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...geometry.affine import box_of_points
from ...labels import SegmentationSet
from .face import Box

_BROWS = ("left_brow", "right_brow")
_EYES = ("left_eye", "right_eye")
_FACE = ("skin", *_BROWS, *_EYES, "nose", "upper_lip", "inner_mouth", "lower_lip", "glasses")


def as_box(corners: NDArray[np.floating]) -> Box:
    """Four numbers of an array as a tuple of float."""
    x0, y0, x1, y1 = (float(v) for v in corners)
    return x0, y0, x1, y1


def box_of_mask(ids: NDArray[np.uint8], labels: SegmentationSet, where: str) -> Box:
    """The square that `box_of_points` would give: from the brows to the chin, as wide as the face's skin.

    ids: (H,W) of a set whose "skin" has no ears and no neck. On 48 generated faces its overlap (IoU) with the square of
    their 68 points is 0.95, at least 0.79. Raises ValueError that names `where` if there is no face in the mask.
    """
    # Specks of a hand-drawn mask, and other people, are not part of the face.
    face = _largest(_where(ids, labels, _FACE))
    if not face.any():
        raise ValueError(f"{where}: no pixel of a face came in the mask, expected skin: check the ids")
    x0, y0, x1, y1 = extent(face)
    # The points begin at the brows, the skin at the hair.
    for names in (_BROWS, _EYES):
        part = _where(ids, labels, names) & face
        if part.any():
            y0 = extent(part)[1]
            break
    return as_box(box_of_points([(x0, y0), (x1, y1)]))


def extent(where: NDArray[np.bool_]) -> Box:
    """The upright box around the true pixels, from pixel edge to pixel edge."""
    rows, columns = np.flatnonzero(where.any(1)), np.flatnonzero(where.any(0))
    return columns[0] - 0.5, rows[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5


def _where(ids: NDArray[np.uint8], labels: SegmentationSet, names: tuple[str, ...]) -> NDArray[np.bool_]:
    return np.isin(ids, [labels.index(name) for name in names if name in labels.classes])


def _largest(where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest of the connected regions."""
    _, regions, stats, _ = cv2.connectedComponentsWithStats(where.astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0  # what is not in any region
    return where & (regions == int(areas.argmax()))
