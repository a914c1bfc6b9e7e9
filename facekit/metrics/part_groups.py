"""F1 of Helen's merged parts: brows, eyes, mouth, and "overall", which pools these and the nose.

The table is that of Smith et al., "Exemplar-Based Face Parsing", CVPR 2013; FSMA has it in Tables 2, 4 and 5
(https://arxiv.org/abs/2104.09457). The merged classes are one class in both masks, as in the public code of EAGR
(github.com/tegusi/EAGRNet, utils/miou.py): a left brow that is predicted as a right brow is correct.

FSMA's text calls its overall score the mean of the parts. Its figures are not: in the first row of Table 2 the mean of
brows, eyes, nose and mouth is 82.7, but overall is 85.2. Pooled pixels explain that, as brows and eyes are small.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..labels import SegmentationSet

_BROWS = ("left_brow", "right_brow")
_EYES = ("left_eye", "right_eye")
_MOUTH = ("upper_lip", "inner_mouth", "lower_lip")
HELEN_GROUPS = {"brows": _BROWS, "eyes": _EYES, "mouth": _MOUTH, "overall": (*_BROWS, *_EYES, "nose", *_MOUTH)}
"""Name of each merged part -> names of its classes. Skin and hair are in none."""


def merged_f1(table: NDArray[np.int64], ids: Sequence[int]) -> float:
    """Compute the F1 score of several classes that are merged into one before they are compared.

    Args:
        table: (C,C) counts of `confusion`.
        ids: The classes to merge.

    Returns:
        A value in [0, 1]; NaN if none of the classes is in the truth or in the prediction.
    """
    rows = list(ids)
    both = int(table[rows].sum() + table[:, rows].sum())
    return 2 * int(table[np.ix_(rows, rows)].sum()) / both if both else float("nan")


def f1_by_group(table: NDArray[np.int64], labels: SegmentationSet) -> dict[str, float]:
    """Compute the F1 score of each of Helen's merged parts.

    Args:
        table: (C,C) counts of `confusion`.
        labels: The label set, such as HELEN_11 or LAPA_11.

    Returns:
        Scores of "brows", "eyes", "mouth" and "overall" in [0, 1], as of `merged_f1`. Empty if the set lacks one of
        their classes, or has a class of one of these names.
    """
    names = set(labels.classes)
    if not names.issuperset(HELEN_GROUPS["overall"]) or names & HELEN_GROUPS.keys():
        return {}
    return {group: merged_f1(table, [labels.index(name) for name in part]) for group, part in HELEN_GROUPS.items()}
