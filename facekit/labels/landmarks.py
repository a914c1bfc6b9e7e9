"""Named landmark sets: point names, mirror pairs, lines to draw.

A point has the same name in every set that has it, so a conversion between sets is a look-up by name (`maps`). Left and
right are the viewer's: `left_eye_outer` is on the left of the image of an upright face.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .landmark_points import (
    EYES_68,
    EYES_HELEN,
    POINTS_5,
    POINTS_19,
    POINTS_44,
    POINTS_68,
    POINTS_98,
    POINTS_HELEN,
    POINTS_LONDON,
    edges_of,
)
from .mirror_pairs import Pair, check_different, check_flip, flip_of
from .sides import separated_words, sides_of


@dataclass(frozen=True)
class LandmarkSet:
    """An ordered set of K named points.

    Attributes:
        name: Name of the set, which `landmark_set` accepts.
        points: K different names.
        flip: Mirror permutation: point i of the mirrored image is point flip[i] of the original.
        edges: Pairs of indices to draw as lines.
        eye_corners: Indices of the outer eye corners (left, right). Their distance is the inter-ocular normaliser.
        eyes: Two groups of indices whose means are the pupils (left, right).
        mirrors: Whether labels can be mirrored. False if neither the names nor `pairs=` define all pairs; `adapt` then
            estimates the pairs from the labels (`symmetry`).
    """

    name: str
    points: tuple[str, ...]
    flip: tuple[int, ...]
    edges: tuple[tuple[int, int], ...] = ()
    eye_corners: tuple[int, int] | None = None
    eyes: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    mirrors: bool = True

    def __post_init__(self) -> None:
        check_different(self.points, "points")
        check_flip(self.flip, len(self.points))

    def __len__(self) -> int:
        return len(self.points)

    def index(self, point: str) -> int:
        """Return the index of a point.

        Args:
            point: Its name.

        Raises:
            ValueError: If the set has no such point.
        """
        if point not in self.points:
            raise ValueError(f"landmark set {self.name!r} has no point {point!r}; it has {', '.join(self.points)}")
        return self.points.index(point)


def _published(name: str, points: Sequence[str], eyes: tuple[Sequence[str], Sequence[str]] | None) -> LandmarkSet:
    """Build a published set. `eyes` are the names of the two groups whose means are the pupils."""
    corners = None
    if "left_eye_outer" in points:
        corners = (points.index("left_eye_outer"), points.index("right_eye_outer"))
    groups = None
    if eyes is not None:
        groups = (tuple(points.index(p) for p in eyes[0]), tuple(points.index(p) for p in eyes[1]))
    return LandmarkSet(name, tuple(points), flip_of(points), edges_of(points), corners, groups)


_PUPILS = (["left_pupil"], ["right_pupil"])

LANDMARKS_68 = _published("68", POINTS_68, EYES_68)
"""300-W / iBUG / Multi-PIE, 68 points."""
LANDMARKS_98 = _published("98", POINTS_98, _PUPILS)
"""WFLW, 98 points, pupils last."""
LANDMARKS_19 = _published("19", POINTS_19, _PUPILS)
"""AFLW's 21 points without the two ears."""
LANDMARKS_5 = _published("5", POINTS_5, _PUPILS)
"""Eye centres, nose tip, mouth corners: the points that alignment uses."""
LANDMARKS_44 = _published("44", POINTS_44, None)
"""FSMA's additional points: 13 forehead, 10 lower eye sockets, 6 nostrils and alae, 15 cheeks and chin."""
LANDMARKS_112 = _published("112", [*POINTS_68, *POINTS_44], EYES_68)
"""300-W's 68 followed by FSMA's additional 44."""
LANDMARKS_189 = _published("london189", POINTS_LONDON, _PUPILS)
"""Face Research Lab London Set, 189 points: also irises, lid creases, ears, hairline and the outline of the hair."""
LANDMARKS_194 = _published("helen194", POINTS_HELEN, EYES_HELEN)
"""Helen's own 194 points: outlines of the face, nose, lips, eyes and brows."""

LANDMARK_SETS: dict[str, LandmarkSet] = {
    s.name: s
    for s in (
        *(LANDMARKS_5, LANDMARKS_19, LANDMARKS_44, LANDMARKS_68, LANDMARKS_98, LANDMARKS_112, LANDMARKS_189),
        LANDMARKS_194,
    )
}
# Points on the mirror axis: those of the published sets, and common words.
_AXIS_NAMES = frozenset(
    separated_words(s.points[i]) for s in LANDMARK_SETS.values() for i, other in enumerate(s.flip) if other == i
) | {"nose", "mouth", "chin", "forehead"}
_ALIASES = {
    **{"300w": "68", "ibug": "68", "wflw": "98", "aflw": "19", "aflw19": "19", "fsma": "112", "fsma44": "44"},
    **{"london": "london189", "189": "london189", "helen": "helen194", "194": "helen194"},
}


def landmark_set(
    spec: LandmarkSet | str | int | Sequence[str] | None,
    k: int | None = None,
    pairs: Iterable[Pair] | None = None,
) -> LandmarkSet:
    """Return the landmark set that an argument stands for.

    Args:
        spec: A set; its name ("68", "98", "19", "5", "44", "112", "london189", "helen194", also "300w", "wflw",
            "aflw"); a list of point names; or None for k unnamed points.
        k: Number of points of the labels. The set must have as many.
        pairs: Left-right pairs of a new set, two indices or two names each. Without them, names form pairs by their
            side words (`sides.sides_of`). If names do not define all pairs, `mirrors` is False.

    Returns:
        The landmark set.

    Raises:
        ValueError: If the name is unknown, the number is another one, names are repeated, or pairs are invalid.
    """
    if isinstance(spec, int):
        spec = str(spec)
    if spec is None:
        if k is None or k < 1:
            raise ValueError(f"expected the number of points, k >= 1, of an unnamed landmark set, got k={k}; pass k")
        names = tuple(f"point_{i}" for i in range(k))
        return LandmarkSet(f"own{k}", names, flip_of(names, pairs), mirrors=pairs is not None)
    if isinstance(spec, str):
        name = spec.lower().removeprefix("landmarks_")
        known = LANDMARK_SETS.get(_ALIASES.get(name, name))
        if known is None:
            listing = ", ".join([*LANDMARK_SETS, *_ALIASES])
            raise ValueError(f"unknown landmark set {spec!r}; known: {listing}; or pass a list of point names")
        result = known
    elif isinstance(spec, LandmarkSet):
        result = spec
    else:
        names = tuple(str(n) for n in spec)
        if not names:
            raise ValueError("expected at least one point name of a landmark set, got an empty list; pass names")
        result = _custom(names, pairs)
        pairs = None
    if pairs is not None:
        raise ValueError(
            f"landmark set {result.name!r} already has its left-right pairs, expected no others; leave out pairs="
        )
    if k is not None and k != len(result):
        raise ValueError(
            f"landmark set {result.name!r} has {len(result)} points, but the labels have {k}; "
            f"name another set, or {k} points"
        )
    return result


def _custom(names: tuple[str, ...], pairs: Iterable[Pair] | None) -> LandmarkSet:
    """Build a set of user-defined points."""
    check_different(names, "points")
    sides = sides_of(names, _AXIS_NAMES)
    flip = sides.flip if pairs is None else flip_of(names, pairs)
    corners = eyes = None
    indices = {name: i for i, name in enumerate(names)}
    if "left_eye_outer" in indices and "right_eye_outer" in indices:
        corners = (indices["left_eye_outer"], indices["right_eye_outer"])
    if "left_pupil" in indices and "right_pupil" in indices:
        eyes = ((indices["left_pupil"],), (indices["right_pupil"],))
    mirrors = pairs is not None or sides.complete
    return LandmarkSet(f"own{len(names)}", names, flip, edges_of(names), corners, eyes, mirrors)
