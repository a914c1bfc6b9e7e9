"""Read local files that a user or a table names: regular files up to a size, never a device or a pipe."""

from __future__ import annotations

from pathlib import Path

# Bytes. LAION's parts have 2 to 20 GB; a table of captions is read whole.
LARGEST_TABLE = 64 * 10**9
LARGEST_CAPTIONS = 2 * 10**9
LARGEST_IMAGE = 500 * 10**6
LARGEST_TEXT = 10**6


def check_table(path: Path, largest: int = LARGEST_TABLE) -> None:
    """Check that a listing is a regular file of a size that a table can have.

    Args:
        path: The table.
        largest: Most bytes.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is a folder, a device or a pipe, or larger.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; expected a table of images and texts")
    if not path.is_file():
        raise ValueError(f"{path}: a folder, a device or a pipe came, expected a regular file: save the table first")
    if path.stat().st_size > largest:
        raise ValueError(f"{path}: {path.stat().st_size} bytes came, expected at most {largest}: split the table")


def bytes_of(path: Path, largest: int = LARGEST_IMAGE) -> bytes:
    """Return a file's bytes. Raises OSError if it is no regular file or larger than `largest` bytes."""
    if not path.is_file():
        raise OSError("no such regular file")
    if path.stat().st_size > largest:
        raise OSError(f"larger than {largest} bytes")
    return path.read_bytes()
