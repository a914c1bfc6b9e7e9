"""Allocate arrays that may be larger than memory. Above a limit, they are memory-mapped temporary files."""

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
    """Allocate an uninitialised array in memory or in a temporary file.

    The temporary file is in the folder that `tempfile.gettempdir` returns. It is deleted with the array.

    Args:
        shape: Shape of the array.
        dtype: Type of the array.
        limit: Bytes. A larger array goes to a file.

    Returns:
        The array, or a `numpy.memmap`.

    Raises:
        OSError: If the disk has too little space.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= limit:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="facekit-") as file:
        _reserve(file.fileno(), size)
        return np.memmap(file, dtype, "r+", shape=shape)  # keeps the file open


def _reserve(file: int, size: int) -> None:
    """Allocate `size` bytes on the disk now. On a full disk, a later write to the map would end the process."""
    os.truncate(file, size)
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(file, 0, size)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            return  # a file system that cannot reserve space
        raise OSError(
            errno.ENOSPC,
            f"{tempfile.gettempdir()}: expected {size / 1e9:.1f} GB free for a temporary file; free some, or set "
            "TMPDIR to a folder on another disk",
        ) from error
