"""A second place for what a training has made."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from .cache_folder import cache_folder
from .output_paths import OutputError, shown


def save_or_rescue(
    write: Callable[[Path], None], target: Path, checkpoint: str | os.PathLike[str] | None = None
) -> None:
    """Write what a training has made. Where its place fails, write it elsewhere, so that it is not lost.

    The other places are, in this order: beside the checkpoint, beside the target, facekit's cache folder, and the
    system's folder for temporary files.

    Args:
        write: Writes to the path that it is given. Raises OSError where it cannot.
        target: The output, from `outputs.check_output`.
        checkpoint: The checkpoint file of the training, if there is one.

    Raises:
        OutputError: If `target` could not be written. The message says where the result is instead.
    """
    try:
        return write(target)
    except OSError as error:
        reason = error
    why = str(reason) if isinstance(reason, OutputError) else f"{shown(str(target))}: {reason.strerror or reason}"
    for folder in _places(target, checkpoint):
        other = folder / f"{target.stem[:80]}-{uuid.uuid4().hex[:8]}{target.suffix}"
        try:
            write(other)
        except OSError:
            continue
        raise OutputError(f"the result is in {other}, since its own place failed: {why}") from reason
    raise OutputError(f"the result is lost, no other place could be written either: {why}") from reason


def _places(target: Path, checkpoint: str | os.PathLike[str] | None) -> Iterator[Path]:
    if checkpoint is not None:
        yield Path(checkpoint).parent
    yield target.parent
    try:
        yield cache_folder() / "rescued"
    except RuntimeError:  # a user without a home folder
        pass
    yield Path(tempfile.gettempdir())
