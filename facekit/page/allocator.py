"""Memory of the page's process: handlers run in many threads."""

from __future__ import annotations

import contextlib
import ctypes
import sys

_ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h
_ARENAS = 2


def limit_arenas() -> None:
    """Let all threads of this process share two arenas of glibc's allocator.

    By default up to eight per core are made. Each keeps the largest memory that a prediction in its threads needed:
    eight visitors with 25 predictions each added 490 MB. With two arenas they add 74 MB. Other systems have other
    allocators; nothing is done there.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # musl has no mallopt
            ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)
