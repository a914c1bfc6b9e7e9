"""How a model fares with different groups of people (FaRL section 5, Table 11)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ..annotations.label_names import natural_key
from ..core.name_index import plain_name, warn_of_similar_names

# Rows of the outcome beside the groups'.
ALL, DISCREPANCY = "all", "discrepancy"

Scores = dict[str, float]


def group_members(groups: Any, images: int) -> dict[str, list[int]]:
    """Group -> the places of its images, in natural order of the names.

    groups: one name (or number) an image; None, NaN or "" where it belongs to none, which is warned about. Raises
    ValueError for another count, no group at all, or one that is called "all" or "discrepancy".
    """
    if isinstance(groups, str):
        raise ValueError(f"groups={groups!r} came, expected one group's name per image: pass a list")
    named = [_name(group) for group in groups]
    if len(named) != images:
        raise ValueError(f"{images} images but {len(named)} groups, expected as many: pass one group per image")
    members: dict[str, list[int]] = {}
    for i, name in enumerate(named):
        if name:
            members.setdefault(name, []).append(i)
    if not members:
        raise ValueError(f"groups: none of the {images} images belongs to a group: check how they were read")
    for taken in (ALL, DISCREPANCY):
        if taken in members:
            raise ValueError(f"a group called {taken!r} came, which the outcome has besides the groups: rename it")
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
    """Each group's scores, then those of all images ("all") and, metric by metric, the largest minus the smallest of
    the groups ("discrepancy", NaN where fewer than two groups have the metric)."""
    scores = {name: score([results[i] for i in m], [truth[i] for i in m]) for name, m in members.items()}
    whole = score(list(results), list(truth))
    spread = {metric: _spread([group.get(metric, math.nan) for group in scores.values()]) for metric in whole}
    return {**scores, ALL: whole, DISCREPANCY: type(whole)(spread)}


def score_table(scores: dict[str, Scores], members: dict[str, list[int]], images: int) -> str:
    """What `scores_by_group` found as lines of text: a metric a row, a group a column, the counts of faces on top."""
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
    # NaN, as tables have it for a missing word, differs from itself.
    return "" if group is None or group != group else plain_name(str(group))


def _spread(values: list[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return max(known) - min(known) if len(known) > 1 else math.nan
