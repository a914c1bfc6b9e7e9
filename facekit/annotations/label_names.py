"""Which label set a batch of files means, and which place in it each name has.

Files written here declare their set. Other files have names only: those of a known set (all of them, in any order) are
that set, others an own one, declared orders (COCO's categories, labels.txt) first, the rest in natural order.
"""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from ..core.name_index import NameIndex, folded_name, joined_names, plain_name, warn_of_similar_names
from ..labels import (
    LANDMARK_SETS,
    PART_SETS,
    SEGMENTATION_SETS,
    LandmarkSet,
    SegmentationSet,
    landmark_set,
    segmentation_set,
)
from ..labels.sides import prefix_flip
from .records import Listed, Task, repeated, shown

CLASS_SETS: dict[str, SegmentationSet] = {**SEGMENTATION_SETS, **PART_SETS}
IGNORE = 255
IGNORED = "__ignore__"
_IGNORED = frozenset((IGNORED, "_ignore_", "ignore"))
_BACKGROUND = frozenset(("background", "_background_", "__background__"))


def describe(labels: LandmarkSet | SegmentationSet) -> dict[str, Any]:
    """A label set for JSON: the name of a known one, all of an own one."""
    known = LANDMARK_SETS if isinstance(labels, LandmarkSet) else CLASS_SETS
    task = "landmarks" if isinstance(labels, LandmarkSet) else "segmentation"
    return {"task": task, "labels": labels.name if known.get(labels.name) == labels else asdict(labels)}


def described(content: Any, task: Task) -> LandmarkSet | SegmentationSet | None:
    """The set that `describe` wrote; None where nothing came, another task's, or something else."""
    if not isinstance(content, dict) or content.get("task") != task:
        return None
    known: dict[str, Any] = {**(LANDMARK_SETS if task == "landmarks" else CLASS_SETS)}
    kind: type[LandmarkSet] | type[SegmentationSet] = LandmarkSet if task == "landmarks" else SegmentationSet
    value: Any = content.get("labels")
    if isinstance(value, str):
        return known.get(value)
    try:
        made = kind(**{f.name: _tuples(value[f.name]) for f in fields(kind) if f.name in value})
        return _paired(made) if _sound(made) else None
    except (TypeError, ValueError, IndexError):
        return None  # edited by hand: the names in the file still say enough


def _paired(labels: LandmarkSet | SegmentationSet) -> LandmarkSet | SegmentationSet:
    """A set from a file with the pairs of its names, where the file has only those that earlier versions found."""
    names = _names(labels)
    if labels.flip != prefix_flip(names):
        return labels  # somebody's own pairs
    by_name = landmark_set(names) if isinstance(labels, LandmarkSet) else segmentation_set(names)
    return replace(labels, flip=by_name.flip, mirrors=by_name.mirrors)


def given_set(names: Any, task: Task) -> Any:
    """The user's names as a set of the task, None for None. Raises ValueError for what is none."""
    wrong = SegmentationSet if task == "landmarks" else LandmarkSet
    if isinstance(names, wrong):
        raise ValueError(f"names={names.name!r} came, a {wrong.__name__}, expected a set for {task}: pass one of those")
    if names is None:
        return None
    return landmark_set(names) if task == "landmarks" else segmentation_set(names)


def landmarks_meant(
    given: LandmarkSet | None, listed: Sequence[Listed], used: Iterable[str], counts: Sequence[int]
) -> LandmarkSet:
    """The set of a batch. given: the user's, wins. used: names in the files. counts: points of the files without names,
    where there are no names the most frequent one decides.
    """
    if given is not None:
        return given
    sets = [s for s in listed if isinstance(s, LandmarkSet)]
    used = set(used)
    if not used and counts and not sets:
        return unnamed_points(max(set(counts), key=lambda n: (list(counts).count(n), n)))
    if len(listed) == 1 and len(sets) == 1 and _has_all(sets[0].points, used):
        return sets[0]
    names = _merged([_names(s) for s in listed], used, "points")
    if (known := _known(names, LANDMARK_SETS)) is not None:
        return known
    if (k := _counted(names)) in (68, 98):
        return landmark_set(str(k))
    return landmark_set(names)


def classes_meant(
    given: SegmentationSet | None, listed: Sequence[Listed], used: Iterable[str], highest: int
) -> SegmentationSet:
    """The set of a batch. highest: the largest id in the files without names. Otherwise as `landmarks_meant`."""
    if given is not None:
        return given
    sets = [s for s in listed if isinstance(s, SegmentationSet)]
    used = {_background(name) for name in used if folded_name(name) not in _IGNORED}
    if len(listed) == 1 and len(sets) == 1 and _has_all((*sets[0].classes, "background"), used):
        return sets[0]
    orders = [[_background(n) for n in _names(s) if folded_name(n) not in _IGNORED] for s in listed]
    names = ["background", *(name for name in _merged(orders, used, "classes") if name != "background")]
    if len(names) == 1:
        return segmentation_set(None, max(highest + 1, 2))
    if (known := _known(names, CLASS_SETS)) is not None:
        return known
    return segmentation_set(names)


def unnamed_points(k: int) -> LandmarkSet:
    """The set of k points without names, as `adapt` takes them: 68 and 98 are known sets."""
    return landmark_set(str(k)) if k in (68, 98) else landmark_set(None, k)


def class_ids(names: Sequence[str], labels: SegmentationSet) -> list[int]:
    """The id of each name. Raises ValueError for one that the set does not have."""
    ids: list[int] = []
    index, places = NameIndex(labels.classes), {name: i for i, name in enumerate(labels.classes)}
    for name in names:
        if (found := _meant(name, index, "class", labels.name)) is not None:
            ids.append(places[found])
        elif folded_name(name) in _BACKGROUND:
            ids.append(0)
        elif folded_name(name) in _IGNORED:
            ids.append(IGNORE)
        else:
            raise ValueError(_unknown(name, labels.classes, "class", labels.name))
    return ids


def point_places(names: Sequence[str], labels: LandmarkSet, first: int | None = None) -> list[int]:
    """The place of each name in the set; numbers count from `first` (see `first_number`).

    Raises ValueError for a name that the set does not have, and for two names that are one point of it.
    """
    places: list[int] = []
    index, of_name = NameIndex(labels.points), {name: i for i, name in enumerate(labels.points)}
    taken: dict[int, str] = {}
    for name in names:
        if (found := _meant(name, index, "point", labels.name)) is not None:
            place = of_name[found]
        elif first is not None and name.isdecimal() and 0 <= int(name) - first < len(labels):
            place = int(name) - first
        else:
            raise ValueError(_unknown(name, labels.points, "point", labels.name))
        if place in taken:
            came = f"points {joined_names((taken[place], name))} came, which are both {labels.points[place]!r}"
            raise ValueError(f"{came} of set {labels.name!r}, expected it once a face: delete one of them")
        taken[place] = name
        places.append(place)
    return places


def first_number(used: Iterable[str], k: int) -> int | None:
    """0 or 1: where the numbers start that stand for the K points of a set; None where names are no such numbers.

    Raises ValueError where neither the first nor the last number appears in any file, so that nobody can tell.
    """
    used = set(used)
    if not used or not all(name.isdecimal() and len(name) < 10 for name in used):
        return None
    numbers = {int(name) for name in used}
    if 0 in numbers or max(numbers) > k:
        return 0
    if k in numbers:
        return 1
    came = f"points named {min(numbers)} to {max(numbers)} came for a set of {k}"
    raise ValueError(f"{came}, expected 0 or {k} among them, to tell where counting starts: name the points by the set")


def check_writable(labels: SegmentationSet) -> None:
    """Raises ValueError for classes that would be read back as ignored or as background."""
    reserved = [name for name in labels.classes[1:] if folded_name(name) in _IGNORED | _BACKGROUND] + [
        name for name in labels.classes[:1] if folded_name(name) in _IGNORED
    ]
    if reserved:
        fix = "ignored pixels are 255, unlabelled ones 0; give the class another name"
        raise ValueError(f"a class named {reserved[0]!r} came, expected no such class in files: {fix}")


def check_listing(names: Sequence[str], where: str) -> tuple[str, ...]:
    """A declared order of names. Raises ValueError for one that comes twice."""
    twice = repeated(tuple(names))
    if twice:
        raise ValueError(f"{where}: {twice[0]!r} came twice, expected each name once: rename one of them")
    return tuple(names)


def natural(name: str) -> list[tuple[int, str]]:
    """Sorts p2 before p10."""
    return [(int(part), "") if part.isdecimal() else (-1, part.casefold()) for part in re.split(r"(\d+)", name)]


def _names(listed: Listed) -> Sequence[str]:
    if isinstance(listed, tuple):
        return listed
    return listed.points if isinstance(listed, LandmarkSet) else listed.classes


def _merged(orders: Iterable[Iterable[str]], used: set[str], what: str) -> list[str]:
    """Declared orders one after another, then the other names used. Names that look alike are one unless declared."""
    names = list(dict.fromkeys(name for order in orders for name in order))
    declared = {*names}
    written: dict[str, list[str]] = {}
    for name in [*names, *sorted(used - declared, key=lambda name: (natural(plain_name(name)), name))]:
        written.setdefault(plain_name(name), []).append(name)
    names += [plain for plain, forms in written.items() if not declared & {*forms}]
    # Named as they are written.
    warn_of_similar_names([n if n in declared else written[n][0] for n in names], what, "kept apart", stacklevel=5)
    one = [forms for forms in written.values() if len(forms) > 1 and not declared >= {*forms}]
    if one:
        listing = "; ".join(joined_names(forms) for forms in one[:5])
        same = "differ only in blanks or Unicode form and are read as one"
        warnings.warn(f"{what} {listing} {same}: rename one if they are different", stacklevel=5)
    return names


def _known(names: Sequence[str], sets: Mapping[str, Any]) -> Any:
    """The known set that has these names, in any order and case; None where there is none."""
    wanted = {folded_name(name) for name in names}
    fits = (known for known in sets.values() if {folded_name(name) for name in _names(known)} == wanted)
    return next(fits, None) if len(wanted) == len(names) else None


def _has_all(known: Sequence[str], used: set[str]) -> bool:
    index = NameIndex(known)
    return all(index.find(name) for name in used)


def _counted(names: Sequence[str]) -> int:
    """How many names there are if they are the numbers from 0 or 1 on, else 0."""
    numbers = {int(name) for name in names if name.isdecimal() and len(name) < 6}
    k = len(names)
    return k if len(numbers) == k and (numbers == {*range(k)} or numbers == {*range(1, k + 1)}) else 0


def _background(name: str) -> str:
    return "background" if folded_name(name) in _BACKGROUND else name


def _meant(name: str, index: NameIndex, kind: str, labels: str) -> str | None:
    """The set's own form of a name, None where it has none. Raises ValueError where several could be meant."""
    found = index.find(name)
    if len(found) > 1:
        fix = "write its exact name in the file"
        raise ValueError(f"{kind} {name!r} came, but set {labels!r} has {joined_names(found)}, expected one: {fix}")
    return found[0] if found else None


def _sound(labels: LandmarkSet | SegmentationSet) -> bool:
    """Whether a set from a file has the types that the classes promise, but do not check."""
    n = len(labels)

    def indices(value: Any, length: int | None = None) -> bool:
        whole = isinstance(value, tuple) and all(type(i) is int and 0 <= i < n for i in value)
        return whole and length in (None, len(value))

    fair = type(labels.name) is str and type(labels.mirrors) is bool and indices(labels.flip)
    if not fair or not n or not all(type(name) is str and name for name in _names(labels)):
        return False
    if isinstance(labels, SegmentationSet):
        colours = all(len(c) == 3 and all(type(v) is int and 0 <= v <= 255 for v in c) for c in labels.palette)
        return colours and indices(labels.facial_parts) and labels.ignore == IGNORE
    eyes = labels.eyes is None or (len(labels.eyes) == 2 and all(indices(eye) and eye for eye in labels.eyes))
    corners = labels.eye_corners is None or indices(labels.eye_corners, 2)
    return bool(eyes) and corners and all(indices(edge, 2) for edge in labels.edges)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _unknown(name: str, known: Sequence[str], kind: str, labels: str) -> str:
    # Of a stranger's file, names can be long and many: the comparison takes the square of both.
    short = [k for k in known[:300] if len(k) < 60]
    close = difflib.get_close_matches(name[:60].lower().replace(" ", "_"), short, 1, 0.7)
    fix = f"did you mean {close[0]!r}?" if close else "rename it in the file, or pass names= that have it"
    few = ", ".join(known[:8]) + (" ..." if len(known) > 8 else "")
    return f"{kind} {shown(name)} came, expected one of set {labels!r} ({few}): {fix}"
