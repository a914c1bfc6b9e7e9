"""The result of a comparison, computed from its cells."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from ..metrics.labelling_time import PACES, workload
from ..metrics.paired_differences import paired_difference
from ..results.comparison import BackboneDifference, Comparison, LabellingHours, MainScore, ScoredCell

# Images that FSMA's Table 6 counts for labelling by hand.
_MANUAL_IMAGES = 2000


def check_labelling(task: str, seconds_per_label: float | None) -> None:
    """Check the argument ``seconds_per_label``.

    Args:
        task: Name of the task.
        seconds_per_label: Seconds to label one image, or None.

    Raises:
        ValueError: If it is not a positive number, or FSMA's Table 6 does not have the task.
    """
    if seconds_per_label is None:
        return
    if task not in PACES:
        known = " or ".join(map(repr, PACES))
        raise ValueError(
            f"seconds_per_label: expected task {known}, which FSMA's Table 6 has, got {task!r}; "
            "leave seconds_per_label out"
        )
    number = isinstance(seconds_per_label, (int, float)) and not isinstance(seconds_per_label, bool)
    if not number or not 0 < seconds_per_label < math.inf:
        raise ValueError(
            f"seconds_per_label={seconds_per_label!r}: expected a positive number of seconds; measure one image"
        )


def summary(
    task: str, score: MainScore, cells: Sequence[ScoredCell], seconds_per_label: float | None = None
) -> Comparison:
    """Return cells as a comparison.

    Args:
        task: Name of the task.
        score: The main score.
        cells: All cells.
        seconds_per_label: Seconds to label one image, or None.

    Returns:
        The comparison. Pairs of backbones without a common draw have no difference.
    """
    plain = Comparison(task, score, tuple(cells), ())
    differences = []
    for shots in plain.shots:
        for first, second in itertools.combinations(plain.backbones, 2):
            difference = _difference(plain, shots, first, second)
            if difference is not None:
                differences.append(difference)
    labelling = []
    if seconds_per_label is not None:
        for shots in plain.shots:
            hours = workload(task, _MANUAL_IMAGES, shots, seconds_per_label / 60)
            labelling.append(LabellingHours(shots, hours.few_shot, hours.by_hand))
    return Comparison(task, score, tuple(cells), tuple(differences), tuple(labelling))


def _difference(comparison: Comparison, shots: int, first: str, second: str) -> BackboneDifference | None:
    """Return the difference of two backbones in their common draws, the better one first."""
    scores, others = comparison.values(first, shots), comparison.values(second, shots)
    draws = sorted(scores.keys() & others.keys())
    sign = 1 if comparison.score.higher_is_better else -1
    found = paired_difference([sign * scores[draw] for draw in draws], [sign * others[draw] for draw in draws])
    if found.draws == 0:
        return None
    if found.mean < 0:
        first, second, found = second, first, found.reversed
    return BackboneDifference(shots, first, second, found.mean, found.low, found.high, found.draws)
