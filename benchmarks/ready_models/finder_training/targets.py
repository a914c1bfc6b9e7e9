"""What the face finder's network learns in each cell."""

from __future__ import annotations

import numpy as np

from facekit.detection.network import POINTS, STRIDES

# Sizes of faces (square root of the box's area, pixels) that each feature map learns. Neighbours overlap.
RANGES = ((0.0, 40.0), (28.0, 96.0), (64.0, np.inf))
# Beyond its range by up to this factor, a feature map neither learns a face nor learns that there is none.
SLACK = 1.4
# Cells within this many cells of a face's centre are its own.
RADIUS = 1.5
CHANNELS = 1 + 4 + 2 * POINTS


def targets(faces: np.ndarray, ignored: np.ndarray, size: int) -> np.ndarray:
    """Return the targets of one image.

    Args:
        faces: (F,14): centre x and y, width, height and five points x and y of each face, pixels.
        ignored: (I,4): centre x and y, width and height of places that are neither faces nor background.
        size: Side of the square image, pixels.

    Returns:
        (M,15) float32 for all cells in the order of `decode`: label (1 face, 0 none, -1 no loss) and the face's row.
    """
    maps = []
    order = np.argsort(-faces[:, 2] * faces[:, 3])  # The smaller of two faces comes later and takes their cells.
    for stride, (low, high) in zip(STRIDES, RANGES, strict=True):
        n = size // stride
        grid = np.zeros((n, n, CHANNELS), np.float32)
        centres = np.arange(n) * stride + (stride - 1) / 2
        for x, y, w, h in ignored:
            inside = (np.abs(centres - y) <= h / 2)[:, None] & (np.abs(centres - x) <= w / 2)
            grid[inside, 0] = -1
        own = np.zeros((n, n), bool)
        for k in order:
            x, y, w, h = faces[k, :4]
            side = float(np.sqrt(w * h))
            if not low / SLACK <= side < high * SLACK:
                continue
            near_x = np.abs(centres - x) <= min(RADIUS * stride, max(0.4 * w, stride / 2))
            near_y = np.abs(centres - y) <= min(RADIUS * stride, max(0.4 * h, stride / 2))
            near = near_y[:, None] & near_x
            if low <= side < high:
                grid[near, 0] = 1
                grid[near, 1:] = faces[k]
                own |= near
            else:
                grid[near & ~own, 0] = -1
        maps.append(grid.reshape(n * n, CHANNELS))
    return np.concatenate(maps)
