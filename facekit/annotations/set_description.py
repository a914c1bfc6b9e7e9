"""Store a label set in the JSON of a label file, and read it back.

A known set is stored by its name, another one with all its fields. The content of a file is checked before use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from ..labels import (
    IGNORE_ID,
    LANDMARK_SETS,
    PART_SETS,
    SEGMENTATION_SETS,
    LandmarkSet,
    SegmentationSet,
    landmark_set,
    segmentation_set,
)
from ..labels.sides import prefix_flip
from .records import Declaration, Task

CLASS_SETS: dict[str, SegmentationSet] = {**SEGMENTATION_SETS, **PART_SETS}


def describe_set(labels: LandmarkSet | SegmentationSet) -> dict[str, Any]:
    """Return a label set as JSON data.

    Args:
        labels: The set.

    Returns:
        ``{"task": ..., "labels": ...}``. ``labels`` is the name of a known set, or all fields of another one.
    """
    known = LANDMARK_SETS if isinstance(labels, LandmarkSet) else CLASS_SETS
    task = "landmarks" if isinstance(labels, LandmarkSet) else "segmentation"
    return {"task": task, "labels": labels.name if known.get(labels.name) == labels else asdict(labels)}


def parse_set(content: Any, task: Task) -> LandmarkSet | SegmentationSet | None:
    """Return the label set that `describe_set` wrote.

    Args:
        content: Any JSON data.
        task: "landmarks" or "segmentation".

    Returns:
        The set. None if the content is missing, of the other task, or no valid set. The names in the file then suffice.
    """
    if not isinstance(content, dict) or content.get("task") != task:
        return None
    known: dict[str, Any] = {**(LANDMARK_SETS if task == "landmarks" else CLASS_SETS)}
    kind: type[LandmarkSet] | type[SegmentationSet] = LandmarkSet if task == "landmarks" else SegmentationSet
    value: Any = content.get("labels")
    if isinstance(value, str):
        return known.get(value)
    try:
        labels = kind(**{f.name: _tuples(value[f.name]) for f in fields(kind) if f.name in value})
        return _with_pairs(labels) if _is_valid(labels) else None
    except (TypeError, ValueError, IndexError):
        return None  # edited by hand


def names_of(declaration: Declaration) -> Sequence[str]:
    """Return the names of a label set, or of a declared order of names."""
    if isinstance(declaration, tuple):
        return declaration
    return declaration.points if isinstance(declaration, LandmarkSet) else declaration.classes


def _with_pairs(labels: LandmarkSet | SegmentationSet) -> LandmarkSet | SegmentationSet:
    """Find the left-right pairs again if the file holds only those that earlier versions found."""
    names = names_of(labels)
    if labels.flip != prefix_flip(names):
        return labels  # the user's own pairs
    by_name = landmark_set(names) if isinstance(labels, LandmarkSet) else segmentation_set(names)
    return replace(labels, flip=by_name.flip, mirrors=by_name.mirrors)


def _is_valid(labels: LandmarkSet | SegmentationSet) -> bool:
    """Return whether a set from a file has the types that its class promises but does not check."""
    n = len(labels)

    def are_indices(value: Any, length: int | None = None) -> bool:
        whole = isinstance(value, tuple) and all(type(i) is int and 0 <= i < n for i in value)
        return whole and length in (None, len(value))

    head = type(labels.name) is str and type(labels.mirrors) is bool and are_indices(labels.flip)
    if not head or not n or not all(type(name) is str and name for name in names_of(labels)):
        return False
    if isinstance(labels, SegmentationSet):
        colours = all(len(c) == 3 and all(type(v) is int and 0 <= v <= 255 for v in c) for c in labels.palette)
        return colours and are_indices(labels.facial_parts) and labels.ignore == IGNORE_ID
    eyes = labels.eyes is None or (len(labels.eyes) == 2 and all(are_indices(eye) and eye for eye in labels.eyes))
    corners = labels.eye_corners is None or are_indices(labels.eye_corners, 2)
    return bool(eyes) and corners and all(are_indices(edge, 2) for edge in labels.edges)


def _tuples(value: Any) -> Any:
    """Return nested lists as nested tuples."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
