"""Trained intermediates that several cells share, such as parsers and towers: made once, known by what made them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..core.atomic_file import whole_file
from .embedded_weights import same_weights, used_weights


def kept(folder: Path, name: str, suffix: str, made_by: Mapping[str, Any], make: Callable[[Path], object]) -> Path:
    """Return a file or folder of an intermediate. It is made at the first call.

    Args:
        folder: Folder of the intermediates.
        name: Readable beginning of its name.
        suffix: End of its name, with the dot. "" is a folder.
        made_by: Everything that decides its content, as plain data. A hash of it is part of the name, and the text
            itself lies beside the file. The embedded weights that were read stand there, too: if they were replaced,
            it is made again.
        make: Function that writes it to the path that it gets, atomically or so that a second call goes on.

    Returns:
        Its path.
    """
    text = json.dumps(made_by, sort_keys=True, indent=1)
    path = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:10]}{suffix}"
    done = path.with_name(path.name + ".json")
    folder.mkdir(parents=True, exist_ok=True)
    with alone(path):
        if not _is_made(path, done):
            make(path)
            # Last: a folder without this file is not complete.
            with whole_file(done) as temporary:
                about = {"made by": made_by, "embedded": used_weights()}
                temporary.write_text(json.dumps(about, sort_keys=True, indent=1) + "\n", encoding="utf-8")
    return path


def _is_made(path: Path, done: Path) -> bool:
    """Return whether an intermediate is complete. One that rests on other embedded weights is removed."""
    if not done.exists():
        return False
    try:
        if same_weights(json.loads(done.read_text(encoding="utf-8"))["embedded"]):
            return True
    except (ValueError, KeyError, TypeError, AttributeError):
        pass  # damaged, or of an earlier version
    done.unlink()
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return False


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Let one process at a time make a file. The system frees the lock of a killed process.

    The lock is a file beside it, which is removed at the end. So check in the block whether the file is made already.
    Where the system has no such locks (Windows), several processes make the same file; the last one stays.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    lock = path.with_name(path.name + ".lock")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
        lock.unlink(missing_ok=True)
