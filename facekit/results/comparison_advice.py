"""The advice of a comparison in words: which backbone to take, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .comparison import BackboneDifference, MainScore


def advice_at(
    shots: int, means: Mapping[str, float], differences: Sequence[BackboneDifference], score: MainScore
) -> str:
    """Return which backbone to take with a number of faces.

    Args:
        shots: Number of labelled faces.
        means: Mean of the main score by backbone; NaN if it is unknown.
        differences: Of these backbones, with this number of faces.
        score: The main score.

    Returns:
        One or two sentences.
    """
    faces = f"{shots} face" if shots == 1 else f"{shots} faces"
    if len(means) == 1:
        name, mean = next(iter(means.items()))
        return (
            f"With {faces}, {name} has a mean {score.name} of {_number(mean, score)}. No other backbone was compared."
        )
    best = next((name for name in means if all(d.worse != name for d in differences)), None)
    ours = sorted((d for d in differences if d.better == best), key=lambda d: d.mean)
    if best is None or len(ours) < len(means) - 1:
        return (
            f"No advice with {faces}: {score.name} is not known for all backbones in the same draws. "
            "Score more faces, or faces that have its labels."
        )
    return _advice(faces, best, ours, score)


def _advice(faces: str, best: str, ours: Sequence[BackboneDifference], score: MainScore) -> str:
    """Return the advice, given the differences between the best backbone and each other one, smallest first."""
    nearest = ours[0]
    if nearest.draws < 2:
        return (
            f"With {faces}, {best} is {_better(nearest, score)} than {nearest.worse} in a single draw. "
            "One draw does not tell chance from skill: repeat with 3 draws or more."
        )
    unclear = [d for d in ours if not d.low > 0]
    if not unclear:
        rival = nearest.worse if len(ours) == 1 else f"{nearest.worse}, the next best"
        others = "" if len(ours) == 1 else " It is clearly better than the others, too."
        return (
            f"Take {best} with {faces}: {_better(nearest, score)} than {rival} ({_interval(nearest, score)}).{others}"
        )
    rivals = [d.worse for d in unclear]
    clear = [d.worse for d in ours if d.low > 0]
    beaten = f"; it is clearly better than {_listed(clear)}" if clear else ""
    return (
        f"With {faces}, {best} has the best mean, {_better(unclear[0], score)} than {rivals[0]}, but that may be "
        f"chance ({_interval(unclear[0], score)}){beaten}. More draws would be needed to decide between "
        f"{_listed([best, *rivals])}."
    )


def _better(difference: BackboneDifference, score: MainScore) -> str:
    """Return "1.20 points better", or for a score without a unit "0.012 better in lpips"."""
    number = _number(difference.mean, score)
    return f"{number} points better" if score.unit == "%" else f"{number} better in {score.name}"


def _interval(difference: BackboneDifference, score: MainScore) -> str:
    low, high = _number(difference.low, score), _number(difference.high, score)
    return f"95 % interval {low} to {high}, {difference.draws} draws"


def _number(value: float, score: MainScore) -> str:
    return f"{value:.{score.digits}f}"


def _listed(names: Sequence[str]) -> str:
    """Return "a", "a and b", or "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
