"""Trained intermediates that several cells share, such as parsers and towers: made once, known by what made them."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..core.atomic_file import whole_file


def kept(folder: Path, name: str, suffix: str, made_by: Mapping[str, Any], make: Callable[[Path], object]) -> Path:
    """Return a file or folder of an intermediate. It is made at the first call.

    Args:
        folder: Folder of the intermediates.
        name: Readable beginning of its name.
        suffix: End of its name, with the dot. "" is a folder.
        made_by: Everything that decides its content, as plain data. A hash of it is part of the name, and the text
            itself lies beside the file.
        make: Function that writes it to the path that it gets, atomically or so that a second call goes on.

    Returns:
        Its path.
    """
    text = json.dumps(made_by, sort_keys=True, indent=1)
    path = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:10]}{suffix}"
    done = path.with_name(path.name + ".json")
    if done.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(path.with_name(path.name + ".lock")):
        if not done.exists():
            make(path)
            # Last: a folder without this file is not complete.
            with whole_file(done) as temporary:
                temporary.write_text(text + "\n", encoding="utf-8")
    return path


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one process at a time into the block. The system frees the lock of a killed process.

    Where the system has no such locks (Windows), several processes make the same file; the last one stays.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
