"""Bounding boxes of a data set as normalisers of NME: NME_diag, NME_box and AUC7_box on AFLW-19 (FaRL, Table 6).

FaRL: https://arxiv.org/abs/2112.03109; its code: farl/experiments/face_alignment/scorer.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.arguments import check_choice, short_repr

BOX_NORMALISERS = ("box", "diag")


def box_normaliser(box: ArrayLike, by: str) -> float:
    """Return the distance that NME divides errors by, for the face's box as a data set gives it.

    Args:
        box: (4,) x0, y0, x1, y1 in pixels.
        by: "box" (square root of the box's area) or "diag" (its diagonal).

    Returns:
        The distance in pixels.

    Raises:
        ValueError: If `by` has another value.
    """
    check_choice(by, "by", BOX_NORMALISERS)
    x0, y0, x1, y1 = np.asarray(box, np.float64)
    width, height = x1 - x0, y1 - y0
    return float(np.sqrt(width * height) if by == "box" else np.hypot(width, height))


def check_boxes(boxes: ArrayLike, names: Sequence[str]) -> NDArray[np.float64]:
    """Check one bounding box per image.

    Args:
        boxes: (N,4) x0, y0, x1, y1 in pixels of the images.
        names: Name of each image, for messages.

    Returns:
        (N,4) float64.

    Raises:
        ValueError: If the shape is another one, or a box is not finite or has no area. The message names the image.
    """
    try:
        array = np.asarray(boxes, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"boxes: expected 4 numbers x0, y0, x1, y1 per image, got {short_repr(boxes)}; pass one box per image"
        ) from error
    if array.shape != (len(names), 4):
        raise ValueError(
            f"boxes: expected shape ({len(names)}, 4) for {len(names)} images, got {array.shape}; pass one box x0, y0, "
            "x1, y1 per image"
        )
    # NaN compares as False.
    good = np.isfinite(array).all(1) & (array[:, 2] > array[:, 0]) & (array[:, 3] > array[:, 1])
    for name, box in zip(np.asarray(names)[~good], array[~good], strict=True):
        got = ", ".join(f"{value:g}" for value in box)
        raise ValueError(
            f"boxes, {name}: expected finite x0 < x1 and y0 < y1, got ({got}); check the order, which is x0, y0, x1, y1"
        )
    return array
