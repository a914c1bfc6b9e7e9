"""Files that gradio stores for a visitor: uploads and drawings. They are deleted when their last visitor leaves.

Gradio names a file by its content, so two visitors with the same photo share one file.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

_lock = threading.Lock()
_owners: dict[Path, set[str]] = {}  # sessions by file
_own_files: set[Path] = set()


def keep_present_files() -> None:
    """Never delete the files that are stored now: those of the page itself, such as its example photos."""
    folder = Path(get_upload_folder())
    with _lock:
        _own_files.update(path.resolve() for path in folder.glob("*/*") if path.is_file())


def note_files(session: str | None, data: Any) -> None:
    """Remember that a visitor has the files in some data.

    Args:
        session: The visitor's session. None, for a call without a session: nothing is remembered.
        data: What the browser sends to a function or gets from it: nested lists and dictionaries, where a file has its
            path under "path".
    """
    if session is None:
        return
    folder = Path(get_upload_folder()).resolve()
    found = {path.resolve() for path in map(Path, _paths(data)) if path.is_file()}
    with _lock:
        for path in found - _own_files:
            # A file has a folder of its own in gradio's folder. Session folders are deleted by `close_session`.
            if path.parent.parent == folder:
                _owners.setdefault(path, set()).add(session)


def delete_files(session: str | None) -> None:
    """Delete the files of a visitor that no other visitor has.

    Args:
        session: The visitor's session.
    """
    with _lock:
        for path, owners in list(_owners.items()):
            owners.discard(str(session))
            if not owners:
                del _owners[path]
                path.unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    path.parent.rmdir()


def _paths(data: Any) -> Iterator[str]:
    """Return all paths in nested data."""
    if isinstance(data, dict):
        if isinstance(data.get("path"), str):
            yield data["path"]
        for value in data.values():
            yield from _paths(value)
    elif isinstance(data, (list, tuple)):
        for value in data:
            yield from _paths(value)
