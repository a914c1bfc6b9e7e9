"""Place missing points as mirror images of their partners on the other side of the face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def mirror_missing(points: NDArray[np.float32], flip: Sequence[int], width: int) -> NDArray[np.float32]:
    """Reflect points about the axis of the face where their partner is missing.

    The axis is the line that fits complete pairs and single points (nose, chin) best, by least squares. One single
    point gives a vertical axis through it. Without any, the axis is the middle column of the image.

    Args:
        points: (K, 2) in pixels, NaN for missing points.
        flip: Mirror permutation of the label set: the partner of point i is point flip[i].
        width: Width of the image in pixels.

    Returns:
        (K, 2). Missing points without a partner stay NaN.
    """
    z = points[:, 0].astype(np.float64) + 1j * points[:, 1]
    partner = z[list(flip)]
    known = np.isfinite(z) & np.isfinite(partner)
    # A reflection maps z to turn * conj(z - centre) + centre, where |turn| = 1.
    if known.any():
        centre = z[known].mean()
        turn = ((partner[known] - centre) * (z[known] - centre)).sum()
    else:
        centre, turn = complex((width - 1) / 2, 0), 0
    turn = turn / abs(turn) if abs(turn) > 1e-6 else -1
    reflected = turn * np.conj(partner - centre) + centre
    missing = ~np.isfinite(z)
    result = points.copy()
    result[missing] = np.stack([reflected.real, reflected.imag], -1)[missing]
    return result
