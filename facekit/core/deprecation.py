"""Warn of old names at the line of the user's code, where Python's default filters show the warning."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from pathlib import Path

_PACKAGE = f"{Path(__file__).parents[1]}{os.sep}"


def warn_of_rename(message: str) -> None:
    """Raise a DeprecationWarning at the first calling frame outside facekit.

    Frames of contextlib are skipped, too: they belong to the decorators of public functions. The command line's own
    module ``__main__`` counts as outside.

    Args:
        message: Text of the warning.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_inside(frame.f_code.co_filename, frame.f_globals.get("__name__")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, DeprecationWarning, stacklevel=level)


def _is_inside(file: str, module: str | None) -> bool:
    """Return whether a frame is no code of the user."""
    return module != "__main__" and (file.startswith(_PACKAGE) or file == contextlib.__file__)
