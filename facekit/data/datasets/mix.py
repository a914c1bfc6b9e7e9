"""Sets of faces out of several sources: mixed in given shares, split into train, val and test."""

from __future__ import annotations

import math
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import overload

import numpy as np

from .face import ParsedFace

_ROUNDING = 1e-6


class ParsingSet(Sequence[ParsedFace]):
    """Some faces of some sources; faces are read when asked for.

    sources: name -> faces. pairs: (source, index) of each face of this set, in order.
    """

    def __init__(self, sources: Mapping[str, Sequence[ParsedFace]], pairs: Iterable[tuple[str, int]]) -> None:
        self.sources, self.pairs = dict(sources), tuple(pairs)

    @property
    def counts(self) -> dict[str, int]:
        """How many faces are from each source, in the sources' order."""
        counted = Counter(name for name, _ in self.pairs)
        return {name: counted[name] for name in self.sources if counted[name]}

    def __len__(self) -> int:
        return len(self.pairs)

    @overload
    def __getitem__(self, index: int) -> ParsedFace: ...
    @overload
    def __getitem__(self, index: slice) -> ParsingSet: ...
    def __getitem__(self, index: int | slice) -> ParsedFace | ParsingSet:
        if isinstance(index, slice):
            return ParsingSet(self.sources, self.pairs[index])
        name, place = self.pairs[index]
        return self.sources[name][place]

    def __repr__(self) -> str:
        return f"ParsingSet({len(self)} faces: {', '.join(f'{n} {name}' for name, n in self.counts.items()) or 'none'})"


def mix(parts: Mapping[str, float], n: int, sources: Mapping[str, Sequence[ParsedFace]], seed: int = 0) -> ParsingSet:
    """n different faces, of each source as large a share as `parts` says, in random order.

    parts: source -> share, 1 in all; the paper's mix is half and half. What is left by rounding down goes to the
    largest remainders. With the same seed a larger share of a source holds the faces of a smaller one, so that mixes
    can be compared. Raises ValueError for no parts, a negative share, another sum, an unknown source, too few faces.
    """
    if not parts or n < 1:
        raise ValueError(f"{len(parts)} parts and n={n} came: name at least one source and ask for at least one face")
    for name, share in parts.items():
        if name not in sources:
            known = ", ".join(sources) or "none"
            raise ValueError(f"unknown source {name!r} came; known: {known}: pass its faces in sources=")
        if not share >= 0:
            raise ValueError(f"share {share} of {name!r} came, expected a number from 0 to 1: leave it out for none")
    total = sum(parts.values())
    if not abs(total - 1) <= _ROUNDING:
        raise ValueError(f"shares of {total:g} in all came, expected 1: divide each by {total:g}")
    pairs: list[tuple[str, int]] = []
    for (name, share), count in zip(parts.items(), _counts(list(parts.values()), n), strict=True):
        there = len(sources[name])
        if count > there:
            fix = f"ask for at most {math.floor(there / share)} faces in all, or for a smaller share"
            raise ValueError(f"source {name!r} has {there} faces, but {count} of {n} are to be from it: {fix}")
        # By name: what else is in the mix does not change which faces of a source come first.
        order = np.random.default_rng([seed, zlib.crc32(name.encode())]).permutation(there)
        pairs += [(name, int(place)) for place in order[:count]]
    return ParsingSet(sources, [pairs[i] for i in np.random.default_rng(seed).permutation(n)])


def split(
    faces: Sequence[ParsedFace], train: int = 2000, val: int = 230, test: int = 100, seed: int = 0
) -> tuple[ParsingSet, ParsingSet, ParsingSet]:
    """Three random sets of the faces that share none (but maybe a person); as many as in Helen, and in the paper.

    Where there are fewer faces, the sets shrink alike, with a warning, each that was asked for to at least one face.
    Raises ValueError for a negative number, nothing asked for, fewer faces than sets.
    """
    wanted = [train, val, test]
    if min(wanted) < 0 or sum(wanted) == 0:
        raise ValueError(f"train={train}, val={val}, test={test} came: pass numbers of faces, one of them above 0")
    counts, there = wanted, len(faces)
    if there < sum(wanted):
        asked = sum(w > 0 for w in wanted)
        if there < asked:
            raise ValueError(f"{there} faces came for {asked} sets: pass at least {asked} faces")
        counts = _counts(wanted, there)
        for i, w in enumerate(wanted):
            if w and not counts[i]:
                counts[counts.index(max(counts))] -= 1
                counts[i] = 1
        came = f"{there} faces came, expected {sum(wanted)}"
        warnings.warn(f"{came}: train, val and test hold {counts[0]}, {counts[1]}, {counts[2]} of them", stacklevel=2)
    whole = (
        faces if isinstance(faces, ParsingSet) else ParsingSet({"faces": faces}, (("faces", i) for i in range(there)))
    )
    order = np.random.default_rng(seed).permutation(there)
    ends = np.cumsum([0, *counts])
    first, second, third = (
        ParsingSet(whole.sources, [whole.pairs[i] for i in order[a:b]])
        for a, b in zip(ends[:-1], ends[1:], strict=True)
    )
    return first, second, third


def _counts(shares: Sequence[float], n: int) -> list[int]:
    """n in whole numbers by shares, by largest remainder; the first of equal ones is served first."""
    total = sum(shares)
    exact = [share * n / total for share in shares]
    counts = [math.floor(value) for value in exact]
    # 0.7 * 10 is 6.999...: what differs by rounding alone is equal.
    by_remainder = sorted(range(len(exact)), key=lambda i: round(counts[i] - exact[i], 9))
    for i in by_remainder[: n - sum(counts)]:
        counts[i] += 1
    return counts
