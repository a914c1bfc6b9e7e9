"""F1 per image, as "In the Wild Face Parsing in Synthetic-Data Trained Models" counts it in Tables 3 to 8.

The paper's score treats parsers and label adapters in different ways, so their difference ("net adaptation") is biased:

* Without an adapter, a score below 0.1 in an image counts as 0.1. Table 7 shows it: no score is less, and several are
  exactly 0.100.
* With an adapter, a score below 0.1 is left out (github.com/nbaker47/face_parsing, research/label_test_script.py). So
  an image in which a class is missed wholly does not count. A class that is missed in all images is NaN in Table 7.

In both, a class that is neither in the truth nor in the prediction of an image has the score 0 there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.arguments import check_choice
from .scores import f1_by_class

LEAST_F1 = 0.1
LOW_SCORES = ("raise", "drop")


def image_f1_by_class(tables: Sequence[NDArray[np.int64]], low: str) -> NDArray[np.float64]:
    """Compute the F1 score of each class in each image, and the mean over the images.

    Args:
        tables: (C,C) counts of `confusion`, one per image.
        low: What happens to a score below 0.1 in an image: "raise" (it becomes 0.1; the paper's scores without a label
            adapter) or "drop" (it does not count; the paper's scores with a label adapter).

    Returns:
        (C,) in [0.1, 1]; NaN for a class whose scores are all left out.

    Raises:
        ValueError: If there is no image, or `low` has another value.
    """
    check_choice(low, "low", LOW_SCORES)
    if not len(tables):
        raise ValueError("tables: expected at least one image, got none; pass one table per image")
    scores = np.nan_to_num(np.stack([f1_by_class(table) for table in tables]))
    if low == "raise":
        return np.asarray(np.maximum(scores, LEAST_F1).mean(0))
    counted = scores >= LEAST_F1
    sums = np.where(counted, scores, 0).sum(0)
    return np.where(counted.any(0), sums / np.maximum(counted.sum(0), 1), np.nan)


def mean_image_f1(tables: Sequence[NDArray[np.int64]], low: str) -> float:
    """Compute the mean of `image_f1_by_class` over all classes but the background (the column Mean of Table 7).

    Args:
        tables: (C,C) counts of `confusion`, one per image. Class 0 is the background.
        low: As in `image_f1_by_class`.

    Returns:
        A value in [0, 1]. A class with NaN counts as 0, as in the paper.

    Raises:
        ValueError: As in `image_f1_by_class`, and if the background is the only class.
    """
    scores = image_f1_by_class(tables, low)[1:]
    if not len(scores):
        raise ValueError("tables: expected at least one class besides the background, got none; use a larger label set")
    return float(np.nan_to_num(scores).mean())
