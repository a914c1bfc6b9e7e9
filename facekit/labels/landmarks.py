"""Named landmark sets: point names, mirror pairs, lines to draw.

A point has the same name in every set that has it, so conversion between sets is a look-up by name (maps.py).
Left and right are the viewer's: `left_eye_outer` lies on the left of the image of an upright face.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from .sides import plain_name, sides_of


@dataclass(frozen=True)
class LandmarkSet:
    """An ordered set of K named points.

    name: what `landmark_set` finds it by. points: K unique names. flip: permutation; point i of the mirrored image is
    point flip[i] of the original. edges: index pairs to draw as lines. eye_corners: outer eye corners (left, right),
    whose distance is the inter-ocular normaliser. eyes: two groups whose means are the pupils. mirrors: False where
    neither names nor `pairs=` say which points are pairs, so that a mirrored image cannot be labelled; `adapt` then
    looks at the labels (see `symmetry`).
    """

    name: str
    points: tuple[str, ...]
    flip: tuple[int, ...]
    edges: tuple[tuple[int, int], ...] = ()
    eye_corners: tuple[int, int] | None = None
    eyes: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    mirrors: bool = True

    def __post_init__(self) -> None:
        _check_names(self.points, "points")
        _check_flip(self.flip, len(self.points))

    def __len__(self) -> int:
        return len(self.points)

    def index(self, point: str) -> int:
        """The place of a named point. Raises ValueError for a name that this set does not have."""
        if point not in self.points:
            raise ValueError(f"landmark set {self.name!r} has no point {point!r}; it has {', '.join(self.points)}")
        return self.points.index(point)


def flip_of(names: Sequence[str], pairs: Iterable[tuple[int, int] | tuple[str, str]] | None = None) -> tuple[int, ...]:
    """Give the mirror permutation of names.

    Args:
        names: Names of one label set, all different.
        pairs: Left-right pairs, as two indices or two names each; None takes them from the side words in the names.

    Returns:
        The permutation: name i of the mirrored face is name flip[i] of the original.

    Raises:
        ValueError: For a pair outside the set, or a member in two pairs.
    """
    if pairs is None:
        return sides_of(names).flip
    flip = list(range(len(names)))
    places = {name: i for i, name in enumerate(names)}
    used: set[int] = set()
    for pair in pairs:
        if len(pair) != 2:
            raise ValueError(f"left-right pair {pair!r} came, expected two indices or two names: pass pairs")
        a, b = (_place(places, member) for member in pair)
        if a == b or used & {a, b}:
            raise ValueError(f"pair {pair!r} repeats a member, expected each in one pair only: leave one out")
        used |= {a, b}
        flip[a], flip[b] = b, a
    return tuple(flip)


def _place(places: dict[str, int], member: int | str) -> int:
    if isinstance(member, str):
        if member not in places:
            raise ValueError(f"pair member {member!r} is not among the names, expected one of {shortened(places)}")
        return places[member]
    if not 0 <= member < len(places):
        raise ValueError(f"pair member {member} is outside 0..{len(places) - 1}, expected an index of the set")
    return int(member)


def shortened(names: Collection[str], most: int = 12) -> str:
    """Names for a message, the first ones where there are many."""
    return ", ".join(list(names)[:most]) + (" ..." if len(names) > most else "")


def _check_names(names: Sequence[str], what: str) -> None:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise ValueError(
            f"{what} must have different names, but {shortened(repeated)} came more than once, expected each once"
        )


def _check_flip(flip: Sequence[int], n: int) -> None:
    if sorted(flip) != list(range(n)) or any(flip[flip[i]] != i for i in range(n)):
        came = shortened([str(i) for i in flip])
        raise ValueError(f"flip {came} came, expected a permutation of 0..{n - 1} that undoes itself")


def _numbered(stem: str, numbers: Iterable[int]) -> list[str]:
    return [f"{stem}_{i}" for i in numbers]


# Numbers count from the outside of the face inwards on both sides, so that swapping left and right in a name mirrors
# it. The jaw is numbered on WFLW's 33 points; 300-W's 17 are every second of them.
_JAW_98 = [*_numbered("left_jaw", range(16)), "jaw_bottom", *_numbered("right_jaw", range(15, -1, -1))]
_BROWS = (_numbered("left_brow", range(5)), _numbered("right_brow", range(4, -1, -1)))
_BRIDGE = ["nose_bridge_0", "nose_bridge_1", "nose_bridge_2", "nose_tip"]
_NOSE_BASE = ["left_nose_0", "left_nose_1", "nose_base", "right_nose_1", "right_nose_0"]
_EYE = ("outer", "top_outer", "top", "top_inner", "inner", "bottom_inner", "bottom", "bottom_outer")
_LEFT_EYE = [f"left_eye_{part}" for part in _EYE]
_RIGHT_EYE = [f"right_eye_{part}" for part in (*_EYE[4::-1], *_EYE[:4:-1])]
_LIPS = ["left_mouth_corner", "left_upper_lip_0", "left_upper_lip_1", "upper_lip_middle", "right_upper_lip_1",
         "right_upper_lip_0", "right_mouth_corner", "right_lower_lip_0", "right_lower_lip_1", "lower_lip_middle",
         "left_lower_lip_1", "left_lower_lip_0"]  # fmt: skip
_INNER_LIPS = ["left_inner_corner", "left_inner_upper", "inner_upper", "right_inner_upper", "right_inner_corner",
               "right_inner_lower", "inner_lower", "left_inner_lower"]  # fmt: skip


def _without_middles(eye: Sequence[str]) -> list[str]:
    return [point for point in eye if not point.endswith(("_top", "_bottom"))]


_POINTS_68 = [*_JAW_98[::2], *_BROWS[0], *_BROWS[1], *_BRIDGE, *_NOSE_BASE, *_without_middles(_LEFT_EYE),
              *_without_middles(_RIGHT_EYE), *_LIPS, *_INNER_LIPS]  # fmt: skip
_POINTS_98 = [*_JAW_98, *_BROWS[0], *_numbered("left_brow_lower", range(3, -1, -1)), *_BROWS[1],
              *_numbered("right_brow_lower", range(4)), *_BRIDGE, *_NOSE_BASE, *_LEFT_EYE, *_RIGHT_EYE, *_LIPS,
              *_INNER_LIPS, "left_pupil", "right_pupil"]  # fmt: skip
_POINTS_19 = ["left_brow_0", "left_brow_2", "left_brow_4", "right_brow_4", "right_brow_2", "right_brow_0",
              "left_eye_outer", "left_pupil", "left_eye_inner", "right_eye_inner", "right_pupil", "right_eye_outer",
              "left_nose_0", "nose_tip", "right_nose_0", "left_mouth_corner", "mouth_middle", "right_mouth_corner",
              "jaw_bottom"]  # fmt: skip
_POINTS_5 = ["left_pupil", "right_pupil", "nose_tip", "left_mouth_corner", "right_mouth_corner"]

# FSMA section 4.1 and Fig. 4 give the groups and counts (13, 10, 6, 15); the order within them is ours, left to right:
# the hairline from temple to temple, the rim of each lower socket from outer to inner, each ala from its crease down to
# the nostril, each cheek from below the outer eye corner down to beside the mouth, then the chin's boss.
_FOREHEAD = [*_numbered("left_forehead", range(6)), "forehead_middle", *_numbered("right_forehead", range(5, -1, -1))]
_SOCKETS = (_numbered("left_socket", range(5)), _numbered("right_socket", range(4, -1, -1)))
_ALAE = (["left_ala_top", "left_ala", "left_nostril"], ["right_nostril", "right_ala", "right_ala_top"])
_CHEEKS = (_numbered("left_cheek", range(6)), _numbered("right_cheek", range(5, -1, -1)))
_CHIN = ["left_chin", "chin_middle", "right_chin"]
_POINTS_44 = [*_FOREHEAD, *_SOCKETS[0], *_SOCKETS[1], *_ALAE[0], *_ALAE[1], *_CHEEKS[0], *_CHIN, *_CHEEKS[1]]

_LINES: tuple[tuple[Sequence[str], bool], ...] = (
    (_JAW_98, False),
    (_BROWS[0], False),
    (_BROWS[1], False),
    (("left_brow_4", *_numbered("left_brow_lower", range(3, -1, -1)), "left_brow_0"), False),
    (("right_brow_4", *_numbered("right_brow_lower", range(3, -1, -1)), "right_brow_0"), False),
    (_BRIDGE, False),
    (_NOSE_BASE, False),
    (_LEFT_EYE, True),
    (_RIGHT_EYE, True),
    (_LIPS, True),
    (_INNER_LIPS, True),
    (_FOREHEAD, False),
    (_SOCKETS[0], False),
    (_SOCKETS[1], False),
    (_ALAE[0], False),
    (_ALAE[1], False),
    (_CHEEKS[0], False),
    (_CHEEKS[1], False),
    (_CHIN, False),
)


def _edges(points: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Joins the neighbours among the points of each line that the set has; a line of 3 or more loses no point but its
    gaps close up, which is right for the 68 (a subset of WFLW's outlines)."""
    edges: list[tuple[int, int]] = []
    places = {point: i for i, point in enumerate(points)}
    for line, closed in _LINES:
        own = [places[p] for p in line if p in places]
        whole = len(own) * 2 >= len(line)
        if len(own) < 2 or not whole:
            continue
        # Lower brows share their ends with upper brows: without a middle point they would double the line.
        if all(points[i] in (*_BROWS[0], *_BROWS[1]) for i in own) and line not in _BROWS:
            continue
        edges += list(zip(own[:-1], own[1:], strict=True))
        if closed and len(own) > 2:
            edges.append((own[-1], own[0]))
    return tuple(edges)


def _named(name: str, points: Sequence[str], eyes: tuple[Sequence[str], Sequence[str]] | None) -> LandmarkSet:
    corners = None
    if "left_eye_outer" in points:
        corners = (points.index("left_eye_outer"), points.index("right_eye_outer"))
    groups = None
    if eyes is not None:
        groups = (tuple(points.index(p) for p in eyes[0]), tuple(points.index(p) for p in eyes[1]))
    return LandmarkSet(name, tuple(points), flip_of(points), _edges(points), corners, groups)


_EYES_68 = (_without_middles(_LEFT_EYE), _without_middles(_RIGHT_EYE))
_PUPILS = (["left_pupil"], ["right_pupil"])

LANDMARKS_68 = _named("68", _POINTS_68, _EYES_68)
"""300-W / iBUG / Multi-PIE, 68 points."""
LANDMARKS_98 = _named("98", _POINTS_98, _PUPILS)
"""WFLW, 98 points, pupils last."""
LANDMARKS_19 = _named("19", _POINTS_19, _PUPILS)
"""AFLW's 21 points without the two ears."""
LANDMARKS_5 = _named("5", _POINTS_5, _PUPILS)
"""Eye centres, nose tip, mouth corners: what alignment uses."""
LANDMARKS_44 = _named("44", _POINTS_44, None)
"""FSMA's additional points: 13 forehead, 10 lower eye sockets, 6 nostrils and alae, 15 cheeks and chin."""
LANDMARKS_112 = _named("112", [*_POINTS_68, *_POINTS_44], _EYES_68)
"""300-W's 68 followed by FSMA's additional 44."""

LANDMARK_SETS: dict[str, LandmarkSet] = {
    s.name: s for s in (LANDMARKS_5, LANDMARKS_19, LANDMARKS_44, LANDMARKS_68, LANDMARKS_98, LANDMARKS_112)
}
# Points of the known sets that are their own mirror image.
_MIDDLES = frozenset(
    plain_name(s.points[i]) for s in LANDMARK_SETS.values() for i, other in enumerate(s.flip) if other == i
) | {"nose", "mouth", "chin", "forehead"}  # fmt: skip
_ALIASES = {"300w": "68", "ibug": "68", "wflw": "98", "aflw": "19", "aflw19": "19", "fsma": "112", "fsma44": "44"}


def landmark_set(
    spec: LandmarkSet | str | int | Sequence[str] | None,
    k: int | None = None,
    pairs: Iterable[tuple[int, int] | tuple[str, str]] | None = None,
) -> LandmarkSet:
    """The landmark set that a user means.

    spec: a set; its name ("68", "98", "19", "5", "44", "112", also "300w", "wflw", "aflw"); a list of K point names;
    or None for k anonymous points. k: the number of points that is expected, checked against the set.
    pairs: left-right pairs, by index or name, for own sets; without them names pair up by their side words
    (`sides.sides_of`), and where names do not tell, `mirrors` is False: such labels cannot be flipped.
    Raises ValueError for an unknown name, a wrong count, repeated names or bad pairs.
    """
    if isinstance(spec, int):
        spec = str(spec)
    if spec is None:
        if k is None or k < 1:
            raise ValueError(f"an own landmark set needs its number of points, k >= 1, but k={k} came")
        names = tuple(f"point_{i}" for i in range(k))
        return LandmarkSet(f"own{k}", names, flip_of(names, pairs), mirrors=pairs is not None)
    if isinstance(spec, str):
        name = spec.lower().removeprefix("landmarks_")
        found = LANDMARK_SETS.get(_ALIASES.get(name, name))
        if found is None:
            known = ", ".join([*LANDMARK_SETS, *_ALIASES])
            raise ValueError(f"unknown landmark set {spec!r}; known: {known}; or pass a list of point names")
    elif isinstance(spec, LandmarkSet):
        found = spec
    else:
        names = tuple(str(n) for n in spec)
        if not names:
            raise ValueError("an own landmark set needs at least one point name, but an empty list came")
        found = _own(names, pairs)
        pairs = None
    if pairs is not None:
        raise ValueError(
            f"landmark set {found.name!r} already has its left-right pairs, expected none: leave out pairs="
        )
    if k is not None and k != len(found):
        raise ValueError(f"landmark set {found.name!r} has {len(found)} points, but the labels have {k}")
    return found


def _own(names: tuple[str, ...], pairs: Iterable[tuple[int, int] | tuple[str, str]] | None) -> LandmarkSet:
    _check_names(names, "points")
    sides = sides_of(names, _MIDDLES)
    flip = sides.flip if pairs is None else flip_of(names, pairs)
    corners = eyes = None
    places = {name: i for i, name in enumerate(names)}
    if "left_eye_outer" in places and "right_eye_outer" in places:
        corners = (places["left_eye_outer"], places["right_eye_outer"])
    if "left_pupil" in places and "right_pupil" in places:
        eyes = ((places["left_pupil"],), (places["right_pupil"],))
    mirrors = pairs is not None or sides.told
    return LandmarkSet(f"own{len(names)}", names, flip, _edges(names), corners, eyes, mirrors)
