"""Mirror permutations of label sets, and the checks that all label sets share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from .sides import sides_of

# Two indices or two names.
Pair = tuple[int, int] | tuple[str, str]


def flip_of(names: Sequence[str], pairs: Iterable[Pair] | None = None) -> tuple[int, ...]:
    """Compute the mirror permutation of a label set.

    Args:
        names: Names of the label set, all different.
        pairs: Left-right pairs, two indices or two names each. None takes them from the side words in the names.

    Returns:
        The permutation: name i of the mirrored face is name flip[i] of the original.

    Raises:
        ValueError: If a pair is outside the set, or a member is in two pairs.

    Example:
        >>> flip_of(["left_eye", "right_eye", "nose"])
        (1, 0, 2)
    """
    if pairs is None:
        return sides_of(names).flip
    flip = list(range(len(names)))
    indices = {name: i for i, name in enumerate(names)}
    used: set[int] = set()
    for pair in pairs:
        if len(pair) != 2:
            raise ValueError(f"expected two indices or two names in a left-right pair, got {pair!r}; pass two of them")
        a, b = (_index(indices, member) for member in pair)
        if a == b or used & {a, b}:
            raise ValueError(f"pair {pair!r} repeats a member, expected each in one pair only; leave one out")
        used |= {a, b}
        flip[a], flip[b] = b, a
    return tuple(flip)


def check_different(names: Sequence[str], what: str) -> None:
    """Check that names are different.

    Args:
        names: Names of a label set.
        what: What they name, in the plural, for the message: "points".

    Raises:
        ValueError: If a name is repeated.
    """
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise ValueError(f"expected different names of {what}, got {shortened(repeated)} more than once; rename them")


def check_flip(flip: Sequence[int], n: int) -> None:
    """Check a mirror permutation.

    Args:
        flip: The permutation.
        n: Number of members of the label set.

    Raises:
        ValueError: If it is no permutation of 0 to n - 1, or not its own inverse.
    """
    if sorted(flip) != list(range(n)) or any(flip[flip[i]] != i for i in range(n)):
        got = shortened([str(i) for i in flip])
        raise ValueError(f"flip: expected a permutation of 0..{n - 1} that is its own inverse, got {got}; pass another")


def shortened(names: Collection[str], most: int = 12) -> str:
    """Join names for a message, the first ones if there are many.

    Args:
        names: The names.
        most: How many are written at most.

    Returns:
        The names with commas, followed by "..." if some are left out.
    """
    return ", ".join(list(names)[:most]) + (" ..." if len(names) > most else "")


def _index(indices: dict[str, int], member: int | str) -> int:
    """Return the index of a pair's member, else raise ValueError."""
    if isinstance(member, str):
        if member not in indices:
            raise ValueError(f"pair member {member!r} is not among the names, expected one of {shortened(indices)}")
        return indices[member]
    if not 0 <= member < len(indices):
        raise ValueError(f"pair member {member} is outside 0..{len(indices) - 1}, expected an index of the set")
    return int(member)
