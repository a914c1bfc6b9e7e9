"""Locate the folder of files that facekit can download or compute again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the cache folder: the environment variable FACEKIT_HOME, else `facekit` in the user's cache folder.

    Raises:
        RuntimeError: If neither variable is set and the user has no home folder.
    """
    home = os.environ.get("FACEKIT_HOME")
    return Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "facekit"
