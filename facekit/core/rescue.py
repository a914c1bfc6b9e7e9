"""Save the result of a training to another folder if its own place cannot be written."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from .cache_folder import cache_folder
from .output_paths import OutputError, printable_path


def save_or_rescue(
    write: Callable[[Path], None], target: Path, checkpoint: str | os.PathLike[str] | None = None
) -> None:
    """Write the result of a training. If that fails, write it to another folder, so that it is not lost.

    The other folders are, in this order: that of the checkpoint, that of the target, facekit's cache folder, and the
    system's folder for temporary files.

    Args:
        write: Function that writes the result to a path. It raises OSError if it cannot.
        target: The output, as `output_paths.check_output` returned it.
        checkpoint: Path of the training's checkpoint, if there is one.

    Raises:
        OutputError: If `target` could not be written. The message tells where the result is instead.
    """
    try:
        return write(target)
    except OSError as error:
        cause = error
    reason = (
        str(cause) if isinstance(cause, OutputError) else f"{printable_path(str(target))}: {cause.strerror or cause}"
    )
    for folder in _other_folders(target, checkpoint):
        other = folder / f"{target.stem[:80]}-{uuid.uuid4().hex[:8]}{target.suffix}"
        try:
            write(other)
        except OSError:
            continue
        raise OutputError(f"the result is in {other}, since its own place failed: {reason}") from cause
    raise OutputError(f"the result is lost, no other place could be written either: {reason}") from cause


def _other_folders(target: Path, checkpoint: str | os.PathLike[str] | None) -> Iterator[Path]:
    if checkpoint is not None:
        yield Path(checkpoint).parent
    yield target.parent
    with contextlib.suppress(RuntimeError):  # a user without a home folder
        yield cache_folder() / "rescued"
    yield Path(tempfile.gettempdir())
