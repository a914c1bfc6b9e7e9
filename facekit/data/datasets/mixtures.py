"""Sets of faces from several sources: mixed in given shares, and split into train, val and test."""

from __future__ import annotations

import itertools
import math
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import overload

import numpy as np

from .face import ParsedFace

# Allowed difference of the sum of all shares from 1.
_ROUNDING = 1e-6


class ParsingSet(Sequence[ParsedFace]):
    """A selection of faces from several sources. Faces are read on access.

    Attributes:
        sources: Faces by name of the source.
        pairs: (source, index) of each face of this set, in order.
    """

    def __init__(self, sources: Mapping[str, Sequence[ParsedFace]], pairs: Iterable[tuple[str, int]]) -> None:
        """Keep the selection. Nothing is read.

        Args:
            sources: Faces by name of the source.
            pairs: (source, index) of each face, in order.
        """
        self.sources, self.pairs = dict(sources), tuple(pairs)

    @property
    def counts(self) -> dict[str, int]:
        """Number of faces per source, in the sources' order. Sources without faces are left out."""
        counter = Counter(name for name, _ in self.pairs)
        return {name: counter[name] for name in self.sources if counter[name]}

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
    """Draw n different faces from several sources in given shares, in random order.

    Numbers are rounded by the largest remainder. With the same seed, a larger share of a source contains the faces of a
    smaller share, so that mixtures can be compared.

    Args:
        parts: Share of each source, 0 to 1, with the sum 1. The paper mixes half and half.
        n: Number of faces, at least 1.
        sources: Faces by name of the source.
        seed: Seed of the selection and the order.

    Returns:
        The mixture. Nothing is read yet.

    Raises:
        ValueError: If there are no parts, a share is negative, the sum is not 1, a source is unknown or has too few
            faces.
    """
    if not parts or n < 1:
        got = f"{len(parts)} parts and n={n}"
        raise ValueError(f"expected at least one part and one face, got {got}; name a source and pass n of at least 1")
    for name, share in parts.items():
        if name not in sources:
            choices = ", ".join(sources) or "none"
            raise ValueError(f"source {name!r}: expected one of {choices}, got an unknown name; add it to sources=")
        if not share >= 0:
            raise ValueError(f"share of {name!r}: expected a number from 0 to 1, got {share}; leave it out for none")
    total = sum(parts.values())
    if not abs(total - 1) <= _ROUNDING:
        raise ValueError(f"expected shares with the sum 1, got the sum {total:g}; divide each by {total:g}")
    pairs: list[tuple[str, int]] = []
    for (name, share), count in zip(parts.items(), _counts(list(parts.values()), n), strict=True):
        available = len(sources[name])
        if count > available:
            fix = f"pass n of at most {math.floor(available / share)}, or a smaller share"
            raise ValueError(f"source {name!r}: expected {count} faces for {n} in total, got {available}; {fix}")
        # Seeded by the name: other sources of the mixture do not change which faces of this source are drawn.
        order = np.random.default_rng([seed, zlib.crc32(name.encode())]).permutation(available)
        pairs += [(name, int(place)) for place in order[:count]]
    return ParsingSet(sources, [pairs[i] for i in np.random.default_rng(seed).permutation(n)])


def split(
    faces: Sequence[ParsedFace], train: int = 2000, val: int = 230, test: int = 100, seed: int = 0
) -> tuple[ParsingSet, ParsingSet, ParsingSet]:
    """Split faces at random into three sets that share no face. A person may be in several sets.

    The defaults are the sizes of Helen, which the paper uses. With fewer faces, all sets shrink in proportion, with a
    warning. Each set of a positive size keeps at least one face.

    Args:
        faces: The faces. Nothing is read.
        train: Faces of the first set.
        val: Faces of the second set.
        test: Faces of the third set.
        seed: Seed of the order.

    Returns:
        The sets train, val and test.

    Raises:
        ValueError: If a size is negative, all are 0, or there are fewer faces than sets.
    """
    sizes = [train, val, test]
    if min(sizes) < 0 or sum(sizes) == 0:
        raise ValueError(f"train={train}, val={val}, test={test}: expected numbers of at least 0, and one above 0")
    counts, available = sizes, len(faces)
    if available < sum(sizes):
        sets = sum(size > 0 for size in sizes)
        if available < sets:
            raise ValueError(f"expected at least {sets} faces for {sets} sets, got {available}; pass more faces")
        counts = _counts(sizes, available)
        for i, size in enumerate(sizes):
            if size and not counts[i]:
                counts[counts.index(max(counts))] -= 1
                counts[i] = 1
        message = f"expected {sum(sizes)} faces, got {available}"
        warnings.warn(
            f"{message}; train, val and test hold {counts[0]}, {counts[1]}, {counts[2]} of them", stacklevel=2
        )
    whole = faces
    if not isinstance(whole, ParsingSet):
        whole = ParsingSet({"faces": faces}, (("faces", i) for i in range(available)))
    order = np.random.default_rng(seed).permutation(available)
    ends = np.cumsum([0, *counts])
    first, second, third = (
        ParsingSet(whole.sources, [whole.pairs[i] for i in order[a:b]]) for a, b in itertools.pairwise(ends)
    )
    return first, second, third


def _counts(shares: Sequence[float], n: int) -> list[int]:
    """Divide n by shares into integers, by largest remainder. Of equal remainders the first one gets more."""
    total = sum(shares)
    exact = [share * n / total for share in shares]
    counts = [math.floor(value) for value in exact]
    # Remainders that differ by rounding errors only count as equal: 0.7 * 10 is 6.999...
    by_remainder = sorted(range(len(exact)), key=lambda i: round(counts[i] - exact[i], 9))
    for i in by_remainder[: n - sum(counts)]:
        counts[i] += 1
    return counts
