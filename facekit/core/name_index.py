"""Compare names of files, classes and columns tolerantly. Every reader of labels compares names here.

Two names are similar if they differ only in Unicode form, in blanks at their ends, or in letter case. For example,
macOS writes an umlaut as two characters. An exact match has priority, so similar names may exist side by side.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterable, Sequence

# Characters without a width that editors leave at the ends of lines. str.strip() keeps them.
_INVISIBLE = "\ufeff\u200b\u200e\u200f\u2060"
# Groups of names that a message lists.
_LISTED = 5


def plain_name(name: str) -> str:
    """Remove invisible differences: compose Unicode (NFC), and strip blanks at the ends and before the suffix."""
    stripped = unicodedata.normalize("NFC", name).replace("\u00a0", " ").strip().strip(_INVISIBLE).strip()
    return re.sub(r"\s+(?=\.\w+$)", "", stripped)


def folded_name(name: str) -> str:
    """Return `plain_name` without letter case. It is equal for similar names."""
    return unicodedata.normalize("NFC", plain_name(name).casefold())


class NameIndex:
    """Find names in a collection, each in constant time.

    Args:
        names: The names of the collection, in order. Exact repetitions count once.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = dict.fromkeys(names)
        self._plain: dict[str, list[str]] = {}
        self._folded: dict[str, list[str]] = {}
        for name in self._exact:
            self._plain.setdefault(plain_name(name), []).append(name)
            self._folded.setdefault(folded_name(name), []).append(name)

    def find(self, name: str) -> list[str]:
        """Find the names of the collection that a name can mean.

        Args:
            name: The name to find.

        Returns:
            The exact match alone; else the names with an equal `plain_name`; else those with an equal `folded_name`.
            Several names mean that the match is ambiguous.
        """
        if name in self._exact:
            return [name]
        return [*(self._plain.get(plain_name(name)) or self._folded.get(folded_name(name), []))]

    def similar(self) -> list[list[str]]:
        """Return the groups of two or more similar names in the collection."""
        return [group for group in self._folded.values() if len(group) > 1]


def warn_of_similar_names(names: Iterable[str], what: str, treated: str, stacklevel: int = 2) -> None:
    """Warn if names of one set are similar.

    Args:
        names: The names of one set.
        what: What they name, in the plural: "classes".
        treated: What happens to them: "kept apart".
        stacklevel: As in `warnings.warn`, counted from the caller.
    """
    groups = NameIndex(names).similar()
    if groups:
        listing = "; ".join(joined_names(group) for group in groups[:_LISTED])
        listing += f"; and {len(groups) - _LISTED} more" if len(groups) > _LISTED else ""
        advice = "rename one if they mean the same"
        warnings.warn(
            f"{what} {listing} differ only in blanks, letter case or Unicode form and are {treated}: {advice}",
            stacklevel=stacklevel + 1,
        )


def joined_names(names: Sequence[str]) -> str:
    """Join names for a message: "'a' and 'A '". Names that differ only in Unicode form are written with escapes."""
    forms = {unicodedata.normalize("NFC", name) for name in names}
    return " and ".join(ascii(name) if len(forms) < len(names) else repr(name) for name in names)
