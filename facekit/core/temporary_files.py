"""Name temporary files in the folder of their target, and remove those of ended processes.

A name contains the machine and the process that writes: `.facekit-MACHINE-PROCESS-RANDOM.tmp`. A killed process leaves
its file behind. The next write to the same folder removes it.
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
# If the process is unknown (another machine, an earlier version), a file counts as left behind after this age.
_MAX_AGE_SECONDS = 24 * 3600.0
# The search for leftovers takes at most this share of the time, however many files a folder holds.
_MAX_TIME_SHARE = 0.01

_in_use: set[str] = set()
_next_search: dict[Path, float] = {}


def new_temporary(folder: Path) -> Path:
    """Return a new name for a temporary file in `folder`. No file is made."""
    # The files of the module tempfile would stay private (mode 0600) after they are renamed.
    name = f".facekit-{machine_id()}-{os.getpid()}-{uuid.uuid4().hex[:12]}.tmp"
    _in_use.add(name)
    return folder / name


def remove_temporary(temporary: Path) -> None:
    """Remove a temporary file, if it exists."""
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)
    _in_use.discard(temporary.name)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of ended processes from `folder`. Files that cannot be removed stay."""
    started = time.monotonic()
    if started < _next_search.get(folder, 0.0):
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".facekit-") and _is_leftover(entry):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)
    ended = time.monotonic()
    _next_search[folder] = ended + (ended - started) / _MAX_TIME_SHARE


def _is_leftover(entry: os.DirEntry[str]) -> bool:
    match = _NAME.fullmatch(entry.name)
    if match is None or entry.name in _in_use:
        return False
    machine, process = match.groups()
    # os.kill with signal 0 is harmless on POSIX only. On Windows it would end the process.
    if machine == machine_id() and os.name == "posix" and not is_other_running(int(process)):
        return True
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > _MAX_AGE_SECONDS


def is_other_running(process: int) -> bool:
    """Return whether another process of this machine with this number runs. It is False for this process itself.

    A process that has ended stays in the system's table until its parent reads its exit code. Such a zombie does not
    count as running.
    """
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    try:  # Linux only
        state = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state != "Z"


def machine_id() -> str:
    """Return a hash of the host name, 8 hexadecimal digits."""
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"
