"""The piecewise tanh of FaRL's face parsing (appendix, "Face parsing"), along one axis, and the mean face.

The paper: https://arxiv.org/abs/2112.03109. A plain square crop spans [-1, 1] along both axes. Its middle stays as it
is. What lies further out, up to `reach` times as far as the crop's edge, is compressed into the margin.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Values = TypeVar("Values", "NDArray[np.floating[Any]]", "Tensor")

ALPHA = 0.8
"""FaRL's warping factor, the best of its Table 12."""

MEAN_FACE_SIDE = 512
MEAN_FACE = np.array([(196, 226), (316, 226), (256, 286), (220, 360.4), (292, 360.4)]) - 0.5
"""Left and right eye, nose tip, left and right corner of the mouth (the viewer's left) in a crop of 512 px, (5,2).
FaRL counts from the crop's edge, so that 256 is the middle."""

WIDE_SCALE = 0.8
"""Size of the mean face in the crops of facer's landmark models, as a part of that in other crops."""

LAST = 0.999
"""Largest argument of atanh. Without this clamp the crop's last pixel would map to infinity."""


def tanh_alpha(x: Values, alpha: float) -> Values:
    """Apply the piecewise tanh, which is the identity on [-1 + alpha, 1 - alpha].

    Args:
        x: Normalised face coordinates, any shape, NumPy or torch. The face's square is [-1, 1].
        alpha: Width of the compressed border, in (0, 1]. 1 is a plain tanh.

    Returns:
        Warped coordinates in (-1, 1), of the same shape and type.

    Raises:
        ValueError: If ``alpha`` is outside (0, 1].
    """
    middle = 1 - checked_alpha(alpha)
    straight = x.clip(-middle, middle)
    bent = (x - straight) / alpha
    return straight + alpha * (np.tanh(bent) if isinstance(bent, (np.ndarray, np.generic)) else bent.tanh())


def tanh_inverse(y: Values, alpha: float) -> Values:
    """Undo `tanh_alpha`.

    Args:
        y: Warped coordinates, any shape, NumPy or torch.
        alpha: Width of the compressed border, in (0, 1].

    Returns:
        Face coordinates of the same shape and type, within +-`reach(alpha)`: the argument of atanh is clamped at
        +-0.999.

    Raises:
        ValueError: If ``alpha`` is outside (0, 1].
    """
    middle = 1 - checked_alpha(alpha)
    straight = y.clip(-middle, middle)
    bent = ((y - straight) / alpha).clip(-LAST, LAST)
    return straight + alpha * (np.arctanh(bent) if isinstance(bent, (np.ndarray, np.generic)) else bent.arctanh())


def reach(alpha: float) -> float:
    """Return how far a warped crop extends from its centre, in halves of the plain crop's side: 3.24 at alpha 0.8."""
    return 1 - checked_alpha(alpha) + alpha * math.atanh(LAST)


def checked_alpha(alpha: float) -> float:
    """Return ``alpha``. Raises ValueError if it is outside (0, 1]."""
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha={alpha}: expected a warping factor in (0, 1]; 1 is plain tanh, FaRL's is {ALPHA}")
    return alpha
