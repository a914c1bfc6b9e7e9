"""Open image files and list the image files of a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from .formats import MAX_PIXELS, ImageError, decode_upright, one_line, size_message
from .heic import ADVICE, has_reader, is_heic, open_heic

SUFFIXES = frozenset(
    [
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"),
        *(".pbm", ".pnm", ".jp2", ".j2k", ".avif", ".heic", ".heif", ".hif", ".qoi"),
    ]
)
# Pillow may use these readers only. Others are unsafe for files from the internet: EPS would start Ghostscript.
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF", "HEIF", "QOI")
# First bytes of common image formats.
_SIGNATURES = (b"\x89PNG", b"\xff\xd8", b"GIF8", b"RIFF", b"BM", b"II*", b"MM\0*")


def open_image(
    path: str | os.PathLike[str],
    name: str | None = None,
    decode: Callable[[Image.Image, str], Image.Image] = decode_upright,
) -> Image.Image:
    """Open an image file as an upright PIL image in the mode of the file.

    HEIC files need the package pillow-heif (the extra ``heic``).

    Args:
        path: Path of the file.
        name: Name of the image in messages. Default: the file name.
        decode: Function of the opened PIL image and its name. It reads the pixels and returns the upright image.

    Returns:
        A PIL image with its pixels in memory.

    Raises:
        ImageError: If the file is missing, empty, truncated, not an image, or above 100 megapixels.
    """
    text, name = expand_home(path), name or file_name(path)
    _check_file(text, name)
    try:
        with _open_lazily(text) as image:
            decoded = decode(image, name)
            decoded.format = image.format
            return decoded
    except (ImageError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        number = re.search(r"\d+", str(error))
        pixels = int(number.group()) if number else MAX_PIXELS
        raise ImageError(size_message(name, pixels, "an image of its size")) from error
    except Image.UnidentifiedImageError as error:
        expected = "expected JPEG, PNG, WebP, TIFF, BMP or GIF"
        raise ImageError(f"{name}: not a readable image file, {expected}; {_advice(text)}") from error
    except OSError as error:
        if error.strerror is None:  # from Pillow: the file could be read
            got = f"got truncated or damaged data ({one_line(error)})"
            raise ImageError(f"{name}: expected a whole image file, {got}; copy or download it again") from error
        advice = "check the file and its permissions"
        raise ImageError(f"{name}: {error.strerror}, expected a readable image file; {advice}") from error
    except Exception as error:  # Pillow's readers raise any type on a damaged header
        got = f"got a damaged header ({one_line(error)})"
        raise ImageError(f"{name}: expected a whole image file, {got}; copy or download it again") from error


def list_images(folder: str | os.PathLike[str]) -> list[Path]:
    """List the image files of a folder in natural order: 2.png before 10.png.

    Files count as images by their suffix. Subfolders and hidden files are left out.

    Args:
        folder: Path of the folder.

    Returns:
        Paths of the image files.

    Raises:
        ImageError: If the folder cannot be read, or holds no image.
    """
    root = Path(expand_home(folder))
    try:
        entries = [entry for entry in root.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise ImageError(f"{root}: {error.strerror}, expected a folder of images; check the path") from error
    files = [entry for entry in entries if entry.suffix.lower() in SUFFIXES and entry.is_file()]
    if not files:
        folders = sum(entry.is_dir() for entry in entries)
        content = f"{len(entries) - folders} other files and {folders} subfolders, which are not searched"
        advice = "pass the folder that holds the images"
        raise ImageError(f"{root}: no images in this folder ({content}), expected .jpg, .png and the like; {advice}")
    return sorted(files, key=lambda file: (_natural_key(file.name), file.name))


def expand_home(path: str | os.PathLike[str]) -> str:
    """Return a path as text. A leading `~` is the home folder, unless a file of that name exists."""
    text = os.fsdecode(os.fspath(path))
    return text if os.path.lexists(text) else os.path.expanduser(text)


def file_name(path: str | os.PathLike[str]) -> str:
    """Return the last part of a path, for messages."""
    text = os.fsdecode(os.fspath(path))
    return Path(text).name or repr(text)


def _open_lazily(path: str) -> Image.Image:
    """Open a file as a PIL image without reading its pixels."""
    if has_reader() and is_heic(_first_bytes(path)):
        return open_heic(path)
    Image.init()
    return Image.open(path, formats=[kind for kind in _FORMATS if kind in Image.OPEN])


def _natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sorting key that compares digits as numbers."""
    return [(int(part), "") if part.isdecimal() else (-1, part.casefold()) for part in re.split(r"(\d+)", name)]


def _check_file(path: str, name: str) -> None:
    """Raise ImageError unless a path is a regular file with content."""
    if re.match(r"[a-z]+://", path, re.IGNORECASE):
        raise ImageError(f"{name}: expected a file, got a web address; download it and pass the file")
    if not path or not os.path.exists(path):
        raise ImageError(f"{name}: no such file ({path!r}), expected an image; check the path")
    if os.path.isdir(path):
        raise ImageError(f"{name}: expected one image, got a folder; pass the folder alone, or list its files")
    if not os.path.isfile(path):
        raise ImageError(f"{name}: expected an image file, got a device or pipe; check the path")
    if os.path.getsize(path) == 0:
        raise ImageError(f"{name}: expected an image, got an empty file (0 bytes); copy or download it again")


def _first_bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(64)


def _advice(path: str) -> str:
    """Return what to do about a file that Pillow does not recognise, by its first bytes."""
    head = _first_bytes(path)
    if is_heic(head):
        return ADVICE
    head = head.lstrip()
    if head.startswith(b"version https://git-lfs"):
        return "this is a Git LFS pointer, so run `git lfs pull`"
    if head.startswith(_SIGNATURES):
        return "it begins like one but is truncated or damaged, so copy or download it again"
    if head.startswith(b"<"):
        return "this is text (a web page or SVG), so download the image itself"
    return "open it in an image program and save it as PNG"
