"""Write files atomically: a file appears complete, or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .output_paths import output_file, write_error
from .temporary_files import new_temporary, remove_leftovers, remove_temporary

# Errors that only the write can cause. Others may come from a file that the caller reads in the block.
_WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


@contextmanager
def whole_file(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file atomically.

    If the block fails, the target stays as it was. If the process is killed, the folder holds the old file or the new
    one, never a part of it. The next write to that folder removes the temporary file of a killed process. Missing
    parent folders are made.

    Args:
        target: The file to write. For a symbolic link, the file that it points to is written.

    Yields:
        A temporary path to write to. It replaces the target at the end of the block.

    Raises:
        OutputError: If the target cannot be written. The message names the target.

    Example:
        >>> with whole_file("model.bin") as temporary:
        ...     temporary.write_bytes(content)
    """
    final = output_file(target)
    remove_leftovers(final.parent)
    temporary = new_temporary(final.parent)
    try:
        try:
            yield temporary
        except OSError as error:
            failed_to_write = error.errno in _WRITE_ERRORS or str(error.filename) == str(temporary)
            if not failed_to_write:
                raise
            raise write_error(target, error) from error
        try:
            os.replace(temporary, final)
        except OSError as error:
            raise write_error(target, error) from error
    finally:
        remove_temporary(temporary)
