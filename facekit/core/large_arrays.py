"""Arrays that may be larger than memory: beyond a limit they lie in a temporary file that is mapped into memory."""

from __future__ import annotations

import errno
import math
import os
import tempfile
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

LIMIT = 1_000_000_000


def large_array(shape: tuple[int, ...], dtype: DTypeLike, limit: int = LIMIT) -> np.ndarray[Any, Any]:
    """Return an array without values, in memory or in a temporary file.

    Args:
        shape: Of the array.
        dtype: Of the array.
        limit: Bytes; a larger array goes to a file in the folder that `tempfile.gettempdir` names. The file is gone
            with the array.

    Raises:
        OSError: If the disk has too little room.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= limit:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="facekit-") as file:
        _reserve(file.fileno(), size)
        return np.memmap(file, dtype, "r+", shape=shape)  # keeps the file open


def _reserve(file: int, size: int) -> None:
    """Make a file of `size` bytes now: on a full disk, writing to a mapped file would end the process."""
    os.truncate(file, size)
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(file, 0, size)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            return  # a file system that cannot reserve
        raise OSError(
            errno.ENOSPC,
            f"{tempfile.gettempdir()}: expected {size / 1e9:.1f} GB free for a temporary file; free some, or set "
            "TMPDIR to a folder on another disk",
        ) from error
