"""The folder for files that facekit may delete and fetch again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """FACEKIT_HOME, else the user's cache folder."""
    home = os.environ.get("FACEKIT_HOME")
    return Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "facekit"
