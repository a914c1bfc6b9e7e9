"""Convert the names of classes and points in label files into ids and indices of a label set."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from ..core.name_index import NameIndex, folded_name, joined_names
from ..labels import IGNORE_ID, LandmarkSet, SegmentationSet
from .values import duplicates, short_repr

# The class name that facekit writes for ignored pixels, and all names that are read as ignored.
IGNORED = "__ignore__"
IGNORED_NAMES = frozenset((IGNORED, "_ignore_", "ignore"))
_BACKGROUND_NAMES = frozenset(("background", "_background_", "__background__"))


def is_background(name: str) -> bool:
    """Return whether a class name stands for the background, in any letter case."""
    return folded_name(name) in _BACKGROUND_NAMES


def class_ids(names: Sequence[str], labels: SegmentationSet) -> list[int]:
    """Return the class id of each name.

    Args:
        names: Names of a label file.
        labels: The segmentation set.

    Returns:
        Ids. Background is 0 and ignored is 255, also if the set has no such names.

    Raises:
        ValueError: If the set has no such class, or several that fit.
    """
    ids: list[int] = []
    index, id_of = NameIndex(labels.classes), {name: i for i, name in enumerate(labels.classes)}
    for name in names:
        if (match := _match(name, index, "class", labels.name)) is not None:
            ids.append(id_of[match])
        elif is_background(name):
            ids.append(0)
        elif folded_name(name) in IGNORED_NAMES:
            ids.append(IGNORE_ID)
        else:
            raise ValueError(_unknown_name(name, labels.classes, "class", labels.name))
    return ids


def point_indices(names: Sequence[str], labels: LandmarkSet, first: int | None = None) -> list[int]:
    """Return the index of each point name in the set.

    Args:
        names: Names of one face in a label file.
        labels: The landmark set.
        first: The first number, if names are numbers (see `first_number`). None: names are no numbers.

    Returns:
        Indices.

    Raises:
        ValueError: If the set has no such point, or if two names stand for one point.
    """
    indices: list[int] = []
    index, index_of = NameIndex(labels.points), {name: i for i, name in enumerate(labels.points)}
    taken: dict[int, str] = {}
    for name in names:
        if (match := _match(name, index, "point", labels.name)) is not None:
            i = index_of[match]
        elif first is not None and name.isdecimal() and 0 <= int(name) - first < len(labels):
            i = int(name) - first
        else:
            raise ValueError(_unknown_name(name, labels.points, "point", labels.name))
        if i in taken:
            expected = f"expected point {labels.points[i]!r} of set {labels.name!r} once per face"
            raise ValueError(f"{expected}, got {joined_names((taken[i], name))}; delete one of them")
        taken[i] = name
        indices.append(i)
    return indices


def first_number(used: Iterable[str], k: int) -> int | None:
    """Find out whether point names that are numbers count from 0 or from 1.

    Args:
        used: All names of points in the files.
        k: Number of points of the landmark set.

    Returns:
        0 or 1. None if the names are no such numbers.

    Raises:
        ValueError: If neither the first nor the last number occurs in any file, so that both are possible.
    """
    used = set(used)
    if not used or not all(name.isdecimal() and len(name) < 10 for name in used):
        return None
    numbers = {int(name) for name in used}
    if 0 in numbers or max(numbers) > k:
        return 0
    if k in numbers:
        return 1
    expected = f"expected number 0 or {k} among the points of a set of {k}, to see where counting starts"
    raise ValueError(f"{expected}, got {min(numbers)} to {max(numbers)}; name the points as the set does")


def check_writable(labels: SegmentationSet) -> None:
    """Check that no class would be read back as ignored or as background.

    Args:
        labels: The segmentation set of the masks to write.

    Raises:
        ValueError: If a class has a reserved name.
    """
    reserved = [name for name in labels.classes[1:] if folded_name(name) in IGNORED_NAMES | _BACKGROUND_NAMES] + [
        name for name in labels.classes[:1] if folded_name(name) in IGNORED_NAMES
    ]
    if reserved:
        why = "ignored pixels are 255 and unlabelled ones 0"
        raise ValueError(
            f"expected no class with a reserved name in files, got {reserved[0]!r}; {why}, so give the class another "
            "name"
        )


def check_unique(names: Sequence[str], where: str) -> tuple[str, ...]:
    """Check a declared order of names.

    Args:
        names: The names in order.
        where: Where they are declared, for the message.

    Returns:
        The names as a tuple.

    Raises:
        ValueError: If a name occurs twice.
    """
    repeated = duplicates(tuple(names))
    if repeated:
        raise ValueError(f"{where}: expected each name once, got {repeated[0]!r} twice; rename one of them")
    return tuple(names)


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sorting key of natural order: p2 before p10."""
    return [(int(part), "") if part.isdecimal() else (-1, part.casefold()) for part in re.split(r"(\d+)", name)]


def _match(name: str, index: NameIndex, kind: str, set_name: str) -> str | None:
    """Return a name as the set spells it, None if the set has none. Raise ValueError if several fit."""
    matches = index.find(name)
    if len(matches) > 1:
        fix = "write its exact name in the file"
        got = f"{kind} {name!r}, which fits {joined_names(matches)}"
        raise ValueError(f"expected one {kind} of set {set_name!r}, got {got}; {fix}")
    return matches[0] if matches else None


def _unknown_name(name: str, known: Sequence[str], kind: str, set_name: str) -> str:
    """Return the message for a name that the set does not have."""
    # Names of a file can be long and many, and the comparison takes the square of both.
    short = [k for k in known[:300] if len(k) < 60]
    close = difflib.get_close_matches(name[:60].lower().replace(" ", "_"), short, 1, 0.7)
    fix = f"did you mean {close[0]!r}?" if close else "rename it in the file, or pass names= that have it"
    few = ", ".join(known[:8]) + (" ..." if len(known) > 8 else "")
    return f"expected a {kind} of set {set_name!r} ({few}), got {kind} {short_repr(name)}; {fix}"
