"""Compare names as people do. Every reader of files and labels compares names here.

Two names are the same where they differ only in Unicode form (macOS writes an umlaut as two characters), in blanks at
their ends, or in letter case. An exact match wins over a loose one, so such names can stand side by side.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterable, Sequence

# Characters without a width that editors leave at the ends of lines; str.strip() keeps them.
_INVISIBLE = "\ufeff\u200b\u200e\u200f\u2060"
_LISTED = 5


def plain_name(name: str) -> str:
    """Return the name without what nobody sees: composed (NFC), no blanks at its ends or before its suffix."""
    stripped = unicodedata.normalize("NFC", name).replace("\u00a0", " ").strip().strip(_INVISIBLE).strip()
    return re.sub(r"\s+(?=\.\w+$)", "", stripped)


def folded_name(name: str) -> str:
    """Return `plain_name` without letter case: equal for names that people call the same."""
    return unicodedata.normalize("NFC", plain_name(name).casefold())


class NameIndex:
    """Find names in a collection, each in constant time.

    Args:
        names: The known names, in order. Exact repetitions count once.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = dict.fromkeys(names)
        self._plain: dict[str, list[str]] = {}
        self._folded: dict[str, list[str]] = {}
        for name in self._exact:
            self._plain.setdefault(plain_name(name), []).append(name)
            self._folded.setdefault(folded_name(name), []).append(name)

    def find(self, name: str) -> list[str]:
        """Return the known names that `name` can mean: the exact one, else those that look alike, else in any case.

        More than one is ambiguous; the caller reports it.
        """
        if name in self._exact:
            return [name]
        return [*(self._plain.get(plain_name(name)) or self._folded.get(folded_name(name), []))]

    def alike(self) -> list[list[str]]:
        """Return the groups of known names that people would call the same."""
        return [group for group in self._folded.values() if len(group) > 1]


def warn_of_alike(names: Iterable[str], what: str, treated: str, stacklevel: int = 2) -> None:
    """Warn where names of one set differ only in blanks, letter case or Unicode form.

    Args:
        names: The names of one set.
        what: What they name, in the plural: "classes".
        treated: What happens to them: "kept apart".
        stacklevel: As in `warnings.warn`, counted from the caller.
    """
    groups = NameIndex(names).alike()
    if groups:
        listing = "; ".join(joined_names(group) for group in groups[:_LISTED])
        listing += f"; and {len(groups) - _LISTED} more" if len(groups) > _LISTED else ""
        fix = "rename one if they mean the same"
        warnings.warn(
            f"{what} {listing} differ only in blanks, letter case or Unicode form and are {treated}: {fix}",
            stacklevel=stacklevel + 1,
        )


def joined_names(names: Sequence[str]) -> str:
    """Return names for a message: "'a' and 'A '". Different Unicode forms of one name are told by their escapes."""
    forms = {unicodedata.normalize("NFC", name) for name in names}
    return " and ".join(ascii(name) if len(forms) < len(names) else repr(name) for name in names)
