"""The class with the largest interpolated score at positions between the pixels of a score map."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .resampling import sample

# Around a pixel whose 5 x 5 neighbours have one class, all four pixels of an interpolation have it, also after OpenCV
# has rounded the position.
_NEIGHBOURS = np.ones((5, 5), np.uint8)
_COLUMNS = 1 << 12  # OpenCV takes at most 32,767 rows and columns of positions.


class BestClass:
    """Class ids between the pixels of a score map.

    Linear interpolation is a mean with weights. Where all pixels of such a mean have the same best class, the mean has
    it, too. So scores are interpolated near outlines only; elsewhere the nearest pixel's class is taken. The result is
    the same.
    """

    def __init__(self, scores: NDArray[np.float32]):
        """Find the outlines.

        Args:
            scores: (h,w,C), C <= 255.
        """
        self.scores = scores
        self.ids = scores.argmax(axis=2).astype(np.uint8)
        same = cv2.erode(self.ids, _NEIGHBOURS) == cv2.dilate(self.ids, _NEIGHBOURS)
        self.mixed = (~same).astype(np.uint8)

    def at(self, x: NDArray[np.floating[Any]], y: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
        """Return the class ids (h,w) uint8 at columns x and rows y (h,w). The edge's scores continue outside."""
        x, y = x.astype(np.float32), y.astype(np.float32)
        ids, mixed = (
            cv2.remap(plane, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
            for plane in (self.ids, self.mixed)
        )
        where = np.flatnonzero(mixed)
        places = np.resize(where, (-(-len(where) // _COLUMNS), _COLUMNS)) if len(where) else where.reshape(0, 1)
        if places.size:
            between = sample(self.scores, x.ravel()[places], y.ravel()[places], "linear")
            ids.ravel()[places] = between.argmax(axis=2)
        return np.asarray(ids, np.uint8)
