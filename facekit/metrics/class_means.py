"""Means over all classes, as the tables of FaRL and PFTGAN have them.

FaRL: https://arxiv.org/abs/2112.03109. PFTGAN: "Leveraging GAN Priors for Few-Shot Part Segmentation", MM 2022.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .scores import f1_by_class, iou_by_class


def foreground_f1(table: NDArray[np.int64]) -> float:
    """Compute the mean F1 score over all classes but the background (FaRL, Tables 1 to 5).

    The mean is over 10 classes of LaPa and over 18 of CelebAMask-HQ. A class counts as 0 if it is in the truth and is
    never predicted, or is predicted and not in the truth. FaRL's code (face_parsing/scorer.py) counts in the same way;
    it returns NaN if a class is in neither. Here such a class does not count.

    Args:
        table: (C,C) counts of `confusion`. Class 0 is the background.

    Returns:
        A value in [0, 1]; NaN if there is no class but the background in the truth and the prediction.
    """
    scores = f1_by_class(table)[1:]
    found = scores[~np.isnan(scores)]
    return float(found.mean()) if len(found) else float("nan")


def all_classes_iou(table: NDArray[np.int64]) -> float:
    """Compute the mean IoU over all classes of a set, the background included (PFTGAN, equation 9).

    n in the equation is the number of classes. So a class counts as 0 if it is predicted and not in the truth. In the
    public code of DatasetGAN (test_deeplab_cross_validation.py) and DDPM-segmentation (compute_iou), a class that is in
    neither counts as 0, too. PFTGAN compares with both and has no public code.

    Args:
        table: (C,C) counts of `confusion`.

    Returns:
        A value in [0, 1].
    """
    return float(np.nan_to_num(iou_by_class(table)).mean())
