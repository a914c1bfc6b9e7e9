"""Scores of a model by groups of people (FaRL section 5, Table 11; https://arxiv.org/abs/2112.03109)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..annotations.label_names import natural_key
from ..core.name_index import plain_name, warn_of_similar_names

# Entries of the result besides the groups.
ALL, DISCREPANCY = "all", "discrepancy"

Scores = dict[str, float]


def group_members(groups: Iterable[str | float | None], images: int) -> dict[str, list[int]]:
    """Return the images of each group, and warn of images without a group.

    Args:
        groups: One name or number per image; None, NaN or "" for an image that belongs to no group.
        images: Number of images.

    Returns:
        Group -> indices of its images, in natural order of the names.

    Raises:
        ValueError: If the number of groups is wrong, all images are without a group, or a group is called "all" or
            "discrepancy".
    """
    if isinstance(groups, str) or not isinstance(groups, Iterable):
        raise ValueError(f"groups: expected one group's name per image, got {groups!r}; pass a list")
    named = [_name(group) for group in groups]
    if len(named) != images:
        raise ValueError(
            f"groups: expected one group per image, got {images} images but {len(named)} groups; pass None for no group"
        )
    members: dict[str, list[int]] = {}
    for i, name in enumerate(named):
        if name:
            members.setdefault(name, []).append(i)
    if not members:
        raise ValueError(
            f"groups: none of the {images} images belongs to a group, expected some; check how they were read"
        )
    for taken in (ALL, DISCREPANCY):
        if taken in members:
            raise ValueError(
                f"groups: got a group called {taken!r}, expected another name, as the result has this entry; rename it"
            )
    warn_of_similar_names(members, "groups", "kept apart", stacklevel=3)
    without = named.count("")
    if without:
        warnings.warn(f"{without} of {images} images belong to no group: they count in {ALL!r} only", stacklevel=3)
    return {name: members[name] for name in sorted(members, key=natural_key)}


def scores_by_group(
    score: Callable[[list[Any], list[Any]], Scores],
    results: Sequence[Any],
    truth: Sequence[Any],
    members: dict[str, list[int]],
) -> dict[str, Scores]:
    """Compute the scores of each group, of all images, and the discrepancy between groups.

    Args:
        score: From results and their ground truth to scores by name.
        results: One result per image.
        truth: The label of each image.
        members: Group -> indices of its images, from `group_members`.

    Returns:
        The scores by group. "all" holds those of all images. "discrepancy" holds, for each metric, the largest minus
        the smallest value of the groups; NaN if fewer than two groups have the metric.
    """
    scores = {name: score([results[i] for i in m], [truth[i] for i in m]) for name, m in members.items()}
    whole = score(list(results), list(truth))
    spread = {metric: _spread([group.get(metric, math.nan) for group in scores.values()]) for metric in whole}
    return {**scores, ALL: whole, DISCREPANCY: type(whole)(spread)}


def score_table(scores: dict[str, Scores], members: dict[str, list[int]], images: int) -> str:
    """Format the scores of groups as a table.

    Args:
        scores: From `scores_by_group`.
        members: From `group_members`.
        images: Number of all images.

    Returns:
        Lines of text: one column per group, one row per metric, and the number of faces in the first row.
    """
    faces = [str(len(members[name])) if name in members else str(images) if name == ALL else "" for name in scores]
    rows = [["", *scores], ["faces", *faces]]
    for metric in scores[ALL]:
        values = (group.get(metric, math.nan) for group in scores.values())
        rows.append([metric, *(f"{value:.2f}" if math.isfinite(value) else "-" for value in values)])
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for first, *cells in rows:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *padded]).rstrip())
    return "\n".join(lines)


def _name(group: Any) -> str:
    """Return a group's name; "" for None and NaN."""
    # Tables hold NaN for a missing word; it differs from itself.
    return "" if group is None or group != group else plain_name(str(group))


def _spread(values: list[float]) -> float:
    """Return the largest minus the smallest finite value; NaN for fewer than two."""
    finite = [value for value in values if math.isfinite(value)]
    return max(finite) - min(finite) if len(finite) > 1 else math.nan
