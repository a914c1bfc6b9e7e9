"""Sessions of the page: their files and their trainings, which end when the visitor leaves."""

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
_folders: dict[str | None, Path] = {}
_stops: dict[tuple[str | None, str], threading.Event] = {}


class Stopped(Exception):
    """Ends a training between two steps: its visitor pressed Stop, or is gone."""


@contextmanager
def process_folder() -> Iterator[Path]:
    """Keep all files of the page in one folder: uploads, drawings and models. It is deleted when the page ends.

    Folders of earlier pages whose process is gone are deleted first.

    Yields:
        The folder, whose name holds this process's id.
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
    """Whether another process has this id. On Windows it cannot be asked without harm, so the answer is yes."""
    if not process.isdecimal() or os.name == "nt":
        return True
    if int(process) == os.getpid():
        return False  # an earlier process, for instance of a container, had the same id
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def session() -> str | None:
    """The session on whose behalf the running function was called, None outside of the page."""
    request = LocalContext.request.get(None)
    return request.session_hash if request is not None else None


@functools.cache
def _workshop(uploads: str) -> tempfile.TemporaryDirectory[str]:
    """All sessions' folders. They lie in gradio's folder, for files from elsewhere are copied there, and stay."""
    Path(uploads).mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix="sessions-", dir=uploads)


def new_file(name: str) -> Path:
    """Give a path for a file to download, alone in a new folder. It is deleted with the session.

    Args:
        name: The file's name, which the visitor sees.
    """
    with _lock:
        mine = session()
        if mine not in _folders or not _folders[mine].is_dir():
            _folders[mine] = Path(tempfile.mkdtemp(dir=_workshop(get_upload_folder()).name))
        return Path(tempfile.mkdtemp(dir=_folders[mine])) / name


def close(left: str | None) -> None:
    """Stop a session's trainings and delete its files.

    Args:
        left: The session.
    """
    with _lock:
        for key in [key for key in _stops if key[0] == left]:
            _stops.pop(key).set()
        folder = _folders.pop(left, None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def teller(bar: gr.Progress, training: str) -> Callable[[int, int, dict[str, float]], None]:
    """Make the function that `facekit.adapt` calls after every step.

    Args:
        bar: The page's progress bar.
        training: The training's name, which its Stop button uses.

    Returns:
        A function of steps done, steps and losses. It raises Stopped when Stop was pressed or the visitor is gone.
    """
    stop, queued = threading.Event(), _queued()
    with _lock:
        _stops[session(), training] = stop

    def tell(done: int, total: int, losses: dict[str, float]) -> None:
        # gradio notices a closed connection and marks what it waited for.
        if stop.is_set() or (queued is not None and not queued.alive):
            raise Stopped(f"The training was stopped after {done} of {total} steps. There is no new model.")
        bar((done, total), desc=", ".join(f"{name} {value:.3f}" for name, value in losses.items()), unit="steps")

    return tell


def _queued() -> Any:
    """The entry of gradio's queue for the running function, None outside of the page."""
    page, event = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    return None if page is None or event is None else page._queue.event_ids_to_events.get(event)


def stop_button(training: str, started: gr.events.Dependency, told: gr.Markdown, button: gr.Button) -> None:
    """Let a button stop a training of its session, also one that waits in the queue.

    Args:
        training: The training's name, as given to `teller`.
        started: The event that starts it.
        told: Where the training says how it ended.
        button: The button.
    """

    def stop() -> str:
        running = _stops.get((session(), training))
        if running is not None:
            running.set()
        return "Stopped. There is no new model."

    button.click(stop, None, told, api_name=f"{training}_stop", show_progress="hidden")
    button.click(None, None, None, cancels=[started])
