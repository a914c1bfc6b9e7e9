"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .output_paths import output_file, refused
from .temporary_files import new_temporary, remove_leftovers, remove_temporary

# Of these only the writing side is the cause; other errors in the block may come from what is read.
_OF_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


@contextmanager
def whole_file(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path to write to, which takes the place of `target` when the block ends.

    The path is gone when the block fails. A kill at any moment leaves the old file or the new one, never half a file;
    what the kill leaves beside it is removed by the next write to that folder. Missing parent folders are made.

    Args:
        target: The file to write. A link stands for what it points to.

    Raises:
        OutputError: If the target cannot be written. The message names the target.
    """
    final = output_file(target)
    remove_leftovers(final.parent)
    temporary = new_temporary(final.parent)
    try:
        try:
            yield temporary
        except OSError as error:
            of_writing = error.errno in _OF_WRITING or str(error.filename) == str(temporary)
            if not of_writing:
                raise
            raise refused(target, error) from error
        try:
            os.replace(temporary, final)
        except OSError as error:
            raise refused(target, error) from error
    finally:
        remove_temporary(temporary)
