"""Sessions of the page. When a visitor leaves, the session's files are deleted and its trainings are stopped."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import LocalContext
from gradio.utils import get_upload_folder

PREFIX = "facekit-page-"
_lock = threading.Lock()
_folders: dict[str | None, Path] = {}  # by session
_stops: dict[tuple[str | None, str], threading.Event] = {}  # by session and training


class StoppedError(Exception):
    """Ends a training between two steps, because Stop was pressed or the visitor has left."""


@contextmanager
def process_folder() -> Iterator[Path]:
    """Collect all files of the page in one folder: uploads, drawings and models.

    The folder is deleted when the page ends. Folders of earlier pages whose process has ended are deleted first.

    Yields:
        The folder. Its name contains the id of this process.
    """
    parent = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir())
    parent.mkdir(parents=True, exist_ok=True)
    for old in parent.glob(f"{PREFIX}*-*"):
        if not _is_running(old.name.removeprefix(PREFIX).partition("-")[0]):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
    before = os.environ.get("GRADIO_TEMP_DIR")
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    try:
        yield folder
    finally:
        if before is None:
            os.environ.pop("GRADIO_TEMP_DIR")
        else:
            os.environ["GRADIO_TEMP_DIR"] = before
        for stop in list(_stops.values()):
            stop.set()
        shutil.rmtree(folder, ignore_errors=True)


def _is_running(process: str) -> bool:
    """Return whether another process has this id.

    Args:
        process: The id, as part of a folder's name.

    Returns:
        True also on Windows, where `os.kill` would end the process, and for a text that is no id.
    """
    if not process.isdecimal() or os.name == "nt":
        return True
    if int(process) == os.getpid():
        return False  # an earlier process had the same id, for instance in a container
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def current_session() -> str | None:
    """Return the session that called the running handler, or None outside of the page."""
    request = LocalContext.request.get(None)
    return request.session_hash if request is not None else None


@functools.cache
def _sessions_folder(uploads: str) -> tempfile.TemporaryDirectory[str]:
    """Return the folder of all sessions, inside gradio's folder.

    Gradio would copy files from other places into its own folder, where they are not deleted with the session.
    """
    Path(uploads).mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix="sessions-", dir=uploads)


def new_file(name: str) -> Path:
    """Return the path of a new file to download, in a new folder of its own.

    The file is deleted with the session.

    Args:
        name: Name of the file, as the visitor sees it.
    """
    with _lock:
        session = current_session()
        if session not in _folders or not _folders[session].is_dir():
            _folders[session] = Path(tempfile.mkdtemp(dir=_sessions_folder(get_upload_folder()).name))
        return Path(tempfile.mkdtemp(dir=_folders[session])) / name


def close_session(session: str | None) -> None:
    """Stop the trainings of a session and delete its files."""
    with _lock:
        for key in [key for key in _stops if key[0] == session]:
            _stops.pop(key).set()
        folder = _folders.pop(session, None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def progress_reporter(
    bar: gr.Progress, training: str, unit: str = "steps"
) -> Callable[[float, int, dict[str, float]], None]:
    """Create the function that `facekit.adapt` calls after every step.

    Args:
        bar: Progress bar of the page.
        training: Name of the training. Its Stop button uses the same name.
        unit: What is counted.

    Returns:
        A function of the number of steps done, the number of all steps, and the losses. It raises `StoppedError` if
        Stop was pressed or the visitor has left.
    """
    stop, event = threading.Event(), _queued_event()
    with _lock:
        _stops[current_session(), training] = stop

    def report(done: float, total: int, losses: dict[str, float]) -> None:
        # Gradio notices a closed connection and clears `alive` of the events that waited for it.
        if stop.is_set() or (event is not None and not event.alive):
            raise StoppedError(f"It was stopped after {int(done)} of {total} {unit}. There is no new result.")
        numbers = [f"{name} {value:.3f}" for name, value in losses.items()]
        bar(done / max(1, total), desc=", ".join([f"{round(done, 1):g} of {total} {unit}", *numbers]))

    return report


def _queued_event() -> Any:
    """Return the entry of the running handler in gradio's queue, or None outside of the page."""
    page, event = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    return None if page is None or event is None else page._queue.event_ids_to_events.get(event)


def stop_training(training: str) -> None:
    """Stop a training of the current session, if it runs.

    Args:
        training: Name of the training, as given to `progress_reporter`.
    """
    running = _stops.get((current_session(), training))
    if running is not None:
        running.set()
