"""Local files named by a user or a table: regular files up to a maximum size, never a device or a pipe."""

from __future__ import annotations

from pathlib import Path

# Bytes. A part of LAION's listings has 2 to 20 GB; a table of captions is read into memory as a whole.
LARGEST_TABLE = 64 * 10**9
LARGEST_CAPTIONS = 2 * 10**9
LARGEST_IMAGE = 500 * 10**6
LARGEST_TEXT = 10**6


def check_table(path: Path, largest: int = LARGEST_TABLE) -> None:
    """Check that a table is a regular file of a plausible size.

    Args:
        path: The table.
        largest: Most bytes.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is a folder, a device or a pipe, or larger.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected a table of images and texts, got no such file; check the path")
    if not path.is_file():
        raise ValueError(f"{path}: expected a regular file, got a folder, a device or a pipe; save the table first")
    if path.stat().st_size > largest:
        raise ValueError(f"{path}: expected at most {largest} bytes, got {path.stat().st_size}; split the table")


def bytes_of(path: Path, largest: int = LARGEST_IMAGE) -> bytes:
    """Read a file.

    Args:
        path: The file.
        largest: Most bytes.

    Returns:
        Its content.

    Raises:
        OSError: If it is no regular file or larger than `largest` bytes. The text does not name the file.
    """
    if not path.is_file():
        raise OSError("no such regular file")
    if path.stat().st_size > largest:
        raise OSError(f"larger than {largest} bytes")
    return path.read_bytes()
