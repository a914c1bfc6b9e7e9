"""Tanh-warping (FaRL, appendix, "Face parsing"): a crop that shows the whole image and gives the face most pixels.

A plain square crop spans [-1, 1] along both axes. Its middle stays as it is; what lies further out, up to `reach` times
as far as the crop's own rim, is squeezed into the margin. Pixels: (0, 0) is the centre of the top-left one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from torch import Tensor

Values = TypeVar("Values", "NDArray[np.floating[Any]]", "Tensor")

ALPHA = 0.8
"""FaRL's warping factor, the best of its Table 12."""

MEAN_FACE_SIDE = 512
MEAN_FACE = np.array([(196, 226), (316, 226), (256, 286), (220, 360.4), (292, 360.4)]) - 0.5
"""Left and right eye, nose tip, left and right corner of the mouth (the viewer's left) in a crop of 512 px, (5,2).
FaRL counts from the crop's edge, so that 256 is the middle."""

# Where atanh ends: beyond it a crop's last pixel would reach for ever.
_LAST = 0.999


def tanh_alpha(x: Values, alpha: float) -> Values:
    """Piecewise tanh that is the identity on [-1+alpha, 1-alpha] (FaRL, appendix, "Face parsing").

    x: any shape, normalised face coordinates, numpy or torch. alpha in (0, 1]; 1 is plain tanh. Returns the same shape,
    in (-1, 1). Raises ValueError for alpha outside (0, 1].
    """
    middle = 1 - checked_alpha(alpha)
    straight = x.clip(-middle, middle)
    bent = (x - straight) / alpha
    return straight + alpha * (np.tanh(bent) if isinstance(bent, (np.ndarray, np.generic)) else bent.tanh())


def tanh_inverse(y: Values, alpha: float) -> Values:
    """Undo `tanh_alpha`. y: any shape, numpy or torch. Returns the same shape, within +-`reach(alpha)`, as the argument
    of atanh is clamped at +-0.999. Raises ValueError for alpha outside (0, 1]."""
    middle = 1 - checked_alpha(alpha)
    straight = y.clip(-middle, middle)
    bent = ((y - straight) / alpha).clip(-_LAST, _LAST)
    return straight + alpha * (np.arctanh(bent) if isinstance(bent, (np.ndarray, np.generic)) else bent.arctanh())


def reach(alpha: float) -> float:
    """How far the warped crop sees, in halves of the plain crop's side: 3.24 at alpha 0.8."""
    return 1 - checked_alpha(alpha) + alpha * math.atanh(_LAST)


def checked_alpha(alpha: float) -> float:
    """alpha itself. Raises ValueError outside (0, 1]."""
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha={alpha} came: pass a warping factor in (0, 1]; 1 is plain tanh, FaRL's is {ALPHA}")
    return alpha


def affine(matrix: NDArray[Any], x: Any, y: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y, arrays that broadcast, through a (3,3) matrix."""
    (a, b, c), (d, e, f) = matrix[:2].tolist()  # Python's numbers leave float32 what it is
    return a * x + b * y + c, d * x + e * y + f


@dataclass(frozen=True, eq=False)
class TanhCrop:
    """A tanh-warped square crop; the functions of `geometry` take it in place of an image -> crop matrix.

    matrix: (3,3) from the image's pixels to those of the plain crop. side: of the crop in pixels, plain or warped.
    alpha: of `tanh_alpha`. Raises ValueError for a matrix of another shape, a side below 1 or alpha outside (0, 1].
    """

    matrix: NDArray[np.float64]
    side: int
    alpha: float = ALPHA

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", np.asarray(self.matrix, dtype=np.float64))
        if self.matrix.shape != (3, 3) or self.side < 1:
            raise ValueError(f"a matrix {self.matrix.shape} and side {self.side} came: pass (3, 3) and at least 1")
        checked_alpha(self.alpha)

    def __matmul__(self, other: NDArray[np.float64]) -> TanhCrop:
        """The same crop of another image, whose pixels the matrix `other` takes to this image's."""
        return replace(self, matrix=self.matrix @ other)

    @property
    def rim(self) -> float:
        """Width in crop pixels of the outermost seam that lies beyond the clamp, so shows nothing of its own."""
        return self.side / 2 * self.alpha * (1 - _LAST)

    @property
    def finer(self) -> int:
        """How many crop pixels an image's pixel covers along each axis in the middle, at least 1."""
        return max(1, round(float(np.hypot(*self.matrix[:2, :2]).max())))

    def warp(self, plain: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Coordinates along one axis, from pixels of the plain crop to pixels of the warped one."""
        return self._pixels(tanh_alpha((2 * plain + 1) / self.side - 1, self.alpha))

    def unwarp(self, warped: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Undo `warp`, up to the clamp."""
        return self._pixels(tanh_inverse((2 * warped + 1) / self.side - 1, self.alpha))

    def at(self, x: Any, y: Any) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
        """Where the image's pixels x, y (arrays that broadcast) lie in the warped crop."""
        px, py = affine(self.matrix, x, y)
        return self.warp(px), self.warp(py)

    def forward(self, points: ArrayLike) -> NDArray[np.floating[Any]]:
        """Points (..., 2) from the image's pixels to the warped crop's. NaN stays NaN."""
        p = np.asarray(points, dtype=np.float64)
        return np.stack(self.at(p[..., 0], p[..., 1]), -1)

    def inverse(self, points: ArrayLike) -> NDArray[np.floating[Any]]:
        """Undo `forward`. Points beyond the clamp end at it."""
        return TanhInverse(self).forward(points)

    def _pixels(self, normalised: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        return ((normalised + 1) * self.side - 1) / 2


@dataclass(frozen=True, eq=False)
class TanhInverse:
    """From a warped crop's pixels back to the image's: what `geometry.invert` makes of a `TanhCrop`."""

    crop: TanhCrop

    def at(self, x: Any, y: Any) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
        """Where the crop's pixels x, y (arrays that broadcast) lie in the image."""
        back = np.linalg.inv(self.crop.matrix)
        return affine(back, self.crop.unwarp(x), self.crop.unwarp(y))

    def forward(self, points: ArrayLike) -> NDArray[np.floating[Any]]:
        """Points (..., 2) from the warped crop's pixels to the image's. NaN stays NaN."""
        p = np.asarray(points, dtype=np.float64)
        return np.stack(self.at(p[..., 0], p[..., 1]), -1)
