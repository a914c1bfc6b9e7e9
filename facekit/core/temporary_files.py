"""Temporary files beside their targets: their names, and the removal of those whose process has ended.

A name holds the machine and the process that writes: `.facekit-MACHINE-PROCESS-RANDOM.tmp`. A process that is killed
leaves its file behind; the next write to the same folder removes it.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
import uuid
import zlib
from pathlib import Path

# Earlier versions wrote .facekit-RANDOM.tmp.
_NAME = re.compile(r"\.facekit-(?:([0-9a-f]{8})-(\d+)-)?[0-9a-f]+\.tmp")
# Without a known process (another machine, an earlier version) a file counts as left behind after a day untouched.
_UNTOUCHED = 24 * 3600.0
# Looking for leftovers takes at most this share of the time, however many files a folder holds.
_SHARE = 0.01

_in_use: set[str] = set()
_next_look: dict[Path, float] = {}


def new_temporary(folder: Path) -> Path:
    """Return a new name for a temporary file in `folder`. Nothing is written."""
    # A plain name instead of tempfile, whose files would stay private (0600) after the rename.
    name = f".facekit-{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:12]}.tmp"
    _in_use.add(name)
    return folder / name


def remove_temporary(temporary: Path) -> None:
    """Remove the temporary file, if it is there still."""
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)
    _in_use.discard(temporary.name)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of ended processes from `folder`. Files that cannot be removed stay."""
    started = time.monotonic()
    if started < _next_look.get(folder, 0.0):
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".facekit-") and _left_behind(entry):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)
    ended = time.monotonic()
    _next_look[folder] = ended + (ended - started) / _SHARE


def _left_behind(entry: os.DirEntry[str]) -> bool:
    match = _NAME.fullmatch(entry.name)
    if match is None or entry.name in _in_use:
        return False
    machine, process = match.groups()
    # os.kill(…, 0) asks on POSIX; on Windows it would end the process.
    if machine == _machine() and os.name == "posix" and not _runs(int(process)):
        return True
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > _UNTOUCHED


def _runs(process: int) -> bool:
    """Whether another process of this number runs. This process knows its own files."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _machine() -> str:
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"
