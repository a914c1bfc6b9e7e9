"""Find the label set that a batch of label files uses.

A set that the user gives wins. Files written by facekit declare their set. Other files have names only. If these are
all the names of a known set, in any order, that set is used. Otherwise the names form a new set. Declared orders
(COCO's categories, labels.txt) come first in it, then the other names in natural order.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..core.name_index import NameIndex, folded_name, joined_names, plain_name, warn_of_similar_names
from ..labels import LANDMARK_SETS, LandmarkSet, SegmentationSet, landmark_set, segmentation_set
from .label_names import IGNORED_NAMES, is_background, natural_key
from .records import Declaration, Task
from .set_description import CLASS_SETS, names_of


def given_set(names: Any, task: Task) -> Any:
    """Return the user's ``names`` argument as a label set.

    Args:
        names: A label set, the name of a known one, a sequence of names, or None.
        task: "landmarks" or "segmentation".

    Returns:
        The `LandmarkSet` or `SegmentationSet`. None for None.

    Raises:
        ValueError: If ``names`` is no label set of this task.
    """
    wrong = SegmentationSet if task == "landmarks" else LandmarkSet
    if isinstance(names, wrong):
        got = f"names={names.name!r}, a {wrong.__name__}"
        raise ValueError(f"expected a label set for {task}, got {got}; pass a set of this task")
    if names is None:
        return None
    return landmark_set(names) if task == "landmarks" else segmentation_set(names)


def infer_landmark_set(
    user_set: LandmarkSet | None, declared: Sequence[Declaration], used: Iterable[str], counts: Sequence[int]
) -> LandmarkSet:
    """Find the landmark set of a batch.

    Args:
        user_set: The user's set, which has precedence.
        declared: Sets or orders of names that the files declare.
        used: All names of points in the files.
        counts: Number of points of each face without names. If no face has names, the most frequent number decides.

    Returns:
        The set.
    """
    if user_set is not None:
        return user_set
    sets = [s for s in declared if isinstance(s, LandmarkSet)]
    used = set(used)
    if not used and counts and not sets:
        return unnamed_landmark_set(max(set(counts), key=lambda n: (list(counts).count(n), n)))
    if len(declared) == 1 and len(sets) == 1 and _has_all(sets[0].points, used):
        return sets[0]
    names = _merge_names([names_of(s) for s in declared], used, "points")
    if (known := _known_set(names, LANDMARK_SETS)) is not None:
        return known
    if (k := _count_of_numbers(names)) in (68, 98):
        return landmark_set(str(k))
    return landmark_set(names)


def infer_class_set(
    user_set: SegmentationSet | None, declared: Sequence[Declaration], used: Iterable[str], highest: int
) -> SegmentationSet:
    """Find the segmentation set of a batch.

    Args:
        user_set: The user's set, which has precedence.
        declared: Sets or orders of names that the files declare.
        used: All names of classes in the files.
        highest: The largest class id in the masks without names.

    Returns:
        The set.
    """
    if user_set is not None:
        return user_set
    sets = [s for s in declared if isinstance(s, SegmentationSet)]
    used = {_unified_background(name) for name in used if folded_name(name) not in IGNORED_NAMES}
    if len(declared) == 1 and len(sets) == 1 and _has_all((*sets[0].classes, "background"), used):
        return sets[0]
    orders = [[_unified_background(n) for n in names_of(s) if folded_name(n) not in IGNORED_NAMES] for s in declared]
    names = ["background", *(name for name in _merge_names(orders, used, "classes") if name != "background")]
    if len(names) == 1:
        return segmentation_set(None, max(highest + 1, 2))
    if (known := _known_set(names, CLASS_SETS)) is not None:
        return known
    return segmentation_set(names)


def unnamed_landmark_set(k: int) -> LandmarkSet:
    """Return the set of k points without names, as `facekit.adapt` does: 68 and 98 points are known sets."""
    return landmark_set(str(k)) if k in (68, 98) else landmark_set(None, k)


def _merge_names(orders: Iterable[Iterable[str]], used: set[str], what: str) -> list[str]:
    """Return the declared orders one after another, then the other names in natural order.

    Names that look alike are merged into one, unless all of them are declared. Warns about both cases.
    """
    names = list(dict.fromkeys(name for order in orders for name in order))
    declared = {*names}
    spellings: dict[str, list[str]] = {}
    for name in [*names, *sorted(used - declared, key=lambda name: (natural_key(plain_name(name)), name))]:
        spellings.setdefault(plain_name(name), []).append(name)
    names += [plain for plain, forms in spellings.items() if not declared & {*forms}]
    # The warning gives each name as it is written in the file.
    warn_of_similar_names([n if n in declared else spellings[n][0] for n in names], what, "kept apart", stacklevel=5)
    merged = [forms for forms in spellings.values() if len(forms) > 1 and not declared >= {*forms}]
    if merged:
        listing = "; ".join(joined_names(forms) for forms in merged[:5])
        same = "differ only in blanks or Unicode form and are read as one"
        warnings.warn(f"{what} {listing} {same}: rename one if they are different", stacklevel=5)
    return names


def _known_set(names: Sequence[str], sets: Mapping[str, Any]) -> Any:
    """Return the known set that has exactly these names, in any order and letter case. None if there is none."""
    folded = {folded_name(name) for name in names}
    fits = (known for known in sets.values() if {folded_name(name) for name in names_of(known)} == folded)
    return next(fits, None) if len(folded) == len(names) else None


def _has_all(known: Sequence[str], used: set[str]) -> bool:
    index = NameIndex(known)
    return all(index.find(name) for name in used)


def _count_of_numbers(names: Sequence[str]) -> int:
    """Return how many names there are if they are the numbers from 0 or from 1 on, else 0."""
    numbers = {int(name) for name in names if name.isdecimal() and len(name) < 6}
    k = len(names)
    return k if len(numbers) == k and (numbers == {*range(k)} or numbers == {*range(1, k + 1)}) else 0


def _unified_background(name: str) -> str:
    return "background" if is_background(name) else name
