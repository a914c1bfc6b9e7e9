"""Open HEIC images, the format of iPhone photos, with the optional package pillow-heif."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, BinaryIO

# Brands of HEVC-coded images, and brands that HEVC and AV1 share.
HEIC_BRANDS = frozenset((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"))
HEIF_BRANDS = frozenset((b"mif1", b"msf1"))
ADVICE = "this is HEIC, so save it as JPEG, or install the extra heic: pip install -e '.[heic]'"


def is_heic(head: bytes) -> bool:
    """Return whether a file is HEIC, by its first bytes.

    Args:
        head: The first 64 bytes of the file, or more.

    Returns:
        True for HEVC-coded images. False for all others, AVIF included, which Pillow reads.
    """
    if head[4:8] != b"ftyp":
        return False
    length = int.from_bytes(head[:4], "big")
    # The major brand, then four bytes of version, then the compatible brands.
    brands = [head[8:12], *(head[i : i + 4] for i in range(16, min(length, len(head)), 4))]
    if HEIC_BRANDS.intersection(brands):
        return True
    return not {b"avif", b"avis"}.intersection(brands) and bool(HEIF_BRANDS.intersection(brands))


def has_reader() -> bool:
    """Return whether pillow-heif is installed."""
    return find_spec("pillow_heif") is not None


def open_heic(source: str | BinaryIO) -> Any:
    """Open a HEIC file without registering pillow-heif's reader in Pillow.

    Args:
        source: Path of the file, or the file opened for reading bytes.

    Returns:
        A PIL image in upright orientation. Its pixels are decoded at the first ``load()``.

    Raises:
        SyntaxError: If the file is damaged.
        ImportError: If pillow-heif is not installed.
    """
    from pillow_heif import HeifImageFile

    return HeifImageFile(source)
