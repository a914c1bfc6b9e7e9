"""The embedded weights that a result rests on. A result whose weights were replaced is no result any more."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from ..zoo import EMBEDDED, FOLDER, embedded_file
from ..zoo.embedded import asked_files
from .needs import Need


@functools.cache
def embedded_identities() -> dict[str, str]:
    """Return the identity of each embedded file when this process began, see `Need.identity`."""
    return {name: Need(file, "").identity(FOLDER) for name, file in EMBEDDED.items()}


def used_weights() -> dict[str, str]:
    """Return the embedded files that this process has read up to now, each with its identity."""
    return {name: embedded_identities()[name] for name in asked_files()}


def same_weights(used: Mapping[str, str]) -> bool:
    """Return whether embedded files are those of an earlier result.

    Args:
        used: From `used_weights`, when that result was made. If they are the same, they count as read here, too.
    """
    if any(embedded_identities().get(name) != identity for name, identity in used.items()):
        return False
    for name in used:
        embedded_file(name)
    return True
