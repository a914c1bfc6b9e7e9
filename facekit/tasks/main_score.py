"""The score of each task by which backbones are compared."""

from __future__ import annotations

from ..results.comparison import MainScore
from .base import Task

# Landmarks are not here: the name of their score holds the normaliser, which depends on the label set.
_MAIN_SCORES = {
    # All classes but the background count, so a missed class cannot be overlooked.
    "segmentation": MainScore("f1_mean", higher_is_better=True),
    # The plain accuracy is high for a rare attribute that is never predicted.
    "attributes": MainScore("balanced_accuracy", higher_is_better=True),
    "stylization": MainScore("lpips", higher_is_better=False, unit=""),
    "shadow_removal": MainScore("lpips", higher_is_better=False, unit=""),
}


def main_score(task: Task) -> MainScore:
    """Return the score by which models of a task are compared.

    Args:
        task: The task, with its label set.

    Returns:
        The mean F1 over all classes but the background for parts, the balanced accuracy for attributes, and LPIPS for
        images. NME by the first normaliser of the label set for landmarks. For a task of your own, its headline.
    """
    if task.name in _MAIN_SCORES:
        return _MAIN_SCORES[task.name]
    return MainScore(task.headline, task.higher_is_better, "%" if task.name == "landmarks" else "")
