"""Lists of names in messages."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Any


def first_of(items: Collection[Any], most: int = 8) -> str:
    """Return the first items with commas between, and "..." if there are more.

    Args:
        items: Names or numbers.
        most: Number of items that are listed.
    """
    return ", ".join(map(str, islice(items, most))) + (" ..." if len(items) > most else "")
