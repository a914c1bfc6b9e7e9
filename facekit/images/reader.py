"""The only door for images: whatever comes in, RGB (H,W,3) uint8 goes out, upright, or an error that says what to do.

Taken: a path, a folder, a PIL image of any mode, numpy (H,W), (H,W,1|3|4) or a batch (N,H,W,C), torch (H,W),
(1|3|4,H,W) or a batch (N,C,H,W), and any iterable of single ones. EXIF orientation is applied, transparency is laid on
white; how numbers become 8 bit stands in formats.py. Images are counted from 0.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image

from ..core.atomic_file import whole_file
from .formats import MAX_PIXELS, ImageError, decoded, from_numpy, from_pil, from_torch, one_line, too_large
from .heic import ADVICE, has_reader, is_heic, open_heic

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "ImageError",
    "ImageBatch",
    "iter_images",
    "list_images",
    "load_image",
    "open_image",
    "read_images",
    "save_image",
    "to_tensor",
]

SUFFIXES = frozenset(
    (
        ".jpg .jpeg .jpe .jfif .mpo .png .webp .bmp .gif .tif .tiff .ppm .pgm .pbm .pnm .jp2 .j2k .avif .heic .heif"
        " .hif .qoi"
    ).split()
)
# Named one by one so that a stranger's file never reaches Pillow's EPS reader, which starts Ghostscript.
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF", "HEIF", "QOI")
_SAVE = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
_EXPECTED = "expected a path, a PIL image, numpy (H,W,3) uint8 or torch (3,H,W)"
_LISTED = 5


@dataclass(frozen=True)
class ImageBatch:
    """The images that were read.

    arrays: RGB (H,W,3) uint8 each. names: the file name, or "image 3". kept: the index of each in what was given.
    single: one image came, not a list. skipped: name -> reason, filled for on_error="skip".
    """

    arrays: Sequence[np.ndarray]
    names: list[str]
    kept: list[int]
    single: bool
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(height, width) of each image in pixels."""
        return [(array.shape[0], array.shape[1]) for array in self.arrays]


def load_image(image: Any, name: str | None = None) -> np.ndarray:
    """One image as RGB (H,W,3) uint8: a new array, contiguous and writable.

    image: one image of a kind listed at the top of this file. name: how errors call it (else file name, or "image").
    Raises ImageError for a missing, empty, truncated or non-image file, a zero-sized image, one above 100 megapixels
    (seen in the header, before decoding), a wrong rank or channel count, NaN or inf, floats outside [0,1], other types.
    """
    if isinstance(image, (str, os.PathLike)):
        where = name or _file_name(image)
        return from_pil(open_image(image, where), where)
    where = name or "image"
    if isinstance(image, Image.Image):
        return from_pil(image, where)
    if isinstance(image, torch.Tensor):
        return from_torch(image, where)
    if hasattr(image, "__array__"):
        return from_numpy(np.asarray(image), where)
    kind = type(image).__name__
    fix = "convert it to one of these"
    if isinstance(image, (list, tuple)):
        fix = "pass its images one by one"
    elif isinstance(image, (bytes, bytearray)) or hasattr(image, "read"):
        fix = "open it with PIL.Image.open (bytes inside io.BytesIO)"
    raise ImageError(f"{where}: {kind} came, {_EXPECTED}: {fix}")


def open_image(
    path: str | os.PathLike[str],
    name: str | None = None,
    decode: Callable[[Image.Image, str], Image.Image] = decoded,
) -> Image.Image:
    """The file's PIL image in its own mode, pixels read, upright. Errors about the file as load_image's.

    HEIC files open where the package pillow-heif is installed (the extra ``heic``).
    decode: reads the pixels of the image that is open; `facekit.annotations.mask_ids` notes there how the file stores them.
    """
    text, where = _path(path), name or _file_name(path)
    _check_file(text, where)
    try:
        with _opened(text) as image:
            turned = decode(image, where)
            turned.format = image.format
            return turned
    except (ImageError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        number = re.search(r"\d+", str(error))
        pixels = int(number.group()) if number else MAX_PIXELS
        raise ImageError(too_large(where, pixels, "an image of its size")) from error
    except Image.UnidentifiedImageError as error:
        expected = "expected JPEG, PNG, WebP, TIFF, BMP or GIF"
        raise ImageError(f"{where}: not a readable image file, {expected}: {_advice(text)}") from error
    except OSError as error:
        fix = "check the file and its permissions"
        raise ImageError(f"{where}: {error.strerror or error}, expected a readable image file: {fix}") from error
    except Exception as error:  # Pillow's readers raise any type on a damaged header
        fix = "copy or download it again"
        raise ImageError(f"{where}: damaged header ({one_line(error)}), expected a whole image file: {fix}") from error


def _opened(path: str) -> Image.Image:
    """The file as a PIL image whose pixels are not read yet, in one of the formats that facekit reads."""
    if has_reader() and is_heic(_head(path)):
        return open_heic(path)
    Image.init()
    return Image.open(path, formats=[kind for kind in _FORMATS if kind in Image.OPEN])


def read_images(images: Any, on_error: Literal["raise", "skip"] = "raise") -> ImageBatch:
    """Read one image, or all of a list, batch, iterator or folder (its image files in natural order, not deeper).

    on_error: "raise" stops at the first bad image; "skip" goes on, warns once with the names and keeps the reasons.
    Raises ImageError as load_image does, and if there is no readable image; ValueError for another on_error.
    """
    _check_on_error(on_error)
    items, single, folder = _items(images)
    skipped: dict[str, str] = {}
    read = list(_walk(items, single or folder, on_error, skipped))
    names, kept = [name for _, name, _ in read], [index for index, _, _ in read]
    return ImageBatch([array for _, _, array in read], names, kept, single, skipped)


def iter_images(images: Any, on_error: Literal["raise", "skip"] = "raise") -> Iterator[tuple[str, np.ndarray]]:
    """(name, RGB (H,W,3) uint8) one at a time, so that memory does not grow with the number of images.

    Arguments and errors as read_images. A wrong folder or on_error is told at the call, a bad image in its turn and
    the skipped ones at the end.
    """
    _check_on_error(on_error)
    items, single, folder = _items(images)
    return ((name, array) for _, name, array in _walk(items, single or folder, on_error, {}))


def list_images(folder: str | os.PathLike[str]) -> list[Path]:
    """A folder's image files (by suffix) in natural order, 2.png before 10.png, without subfolders and hidden files.

    Raises ImageError if the folder cannot be read or holds no image.
    """
    root = Path(_path(folder))
    try:
        entries = [entry for entry in root.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise ImageError(f"{root}: {error.strerror}, expected a folder of images: check the path") from error
    files = [entry for entry in entries if entry.suffix.lower() in SUFFIXES and entry.is_file()]
    if not files:
        folders = sum(entry.is_dir() for entry in entries)
        came = f"{len(entries) - folders} other files and {folders} subfolders, which are not searched"
        fix = "pass the folder in which the images are"
        raise ImageError(f"{root}: no images in this folder ({came}), expected .jpg, .png and the like: {fix}")
    return sorted(files, key=lambda file: (_natural(file.name), file.name))


def to_tensor(arrays: np.ndarray | Sequence[np.ndarray]) -> torch.Tensor:
    """RGB (H,W,3) uint8 -> (3,H,W) float32 in [0,1]; a list of equal-sized ones, or (N,H,W,3) -> (N,3,H,W).

    Raises ImageError if the sizes in a list differ or if anything but RGB uint8 comes.
    """
    if not isinstance(arrays, np.ndarray):
        shapes = sorted({np.shape(array) for array in arrays})
        if len(shapes) != 1:
            fix = "crop or resize the images first"
            raise ImageError(f"a batch of shapes {shapes} came, expected one common shape: {fix}")
        arrays = np.stack(list(arrays))
    if arrays.dtype != np.uint8 or arrays.ndim not in (3, 4) or arrays.shape[-1] != 3:
        came = f"{arrays.dtype} {arrays.shape} came"
        raise ImageError(f"to_tensor: {came}, expected uint8 (H,W,3) or (N,H,W,3): pass it through load_image")
    tensor = torch.from_numpy(np.ascontiguousarray(np.moveaxis(arrays, -1, -3)))
    return tensor.to(torch.float32).div_(255)


def save_image(array: Any, path: str | os.PathLike[str]) -> None:
    """Write an image (anything load_image takes) as PNG or JPEG by suffix; the file appears whole or not at all.

    Missing folders are made. Raises ImageError for another suffix or an image load_image refuses; OutputError for a
    path that cannot be written.
    """
    target = Path(_path(path))
    kind = _SAVE.get(target.suffix.lower())
    if kind is None:
        raise ImageError(f"{target.name}: suffix {target.suffix!r} came, expected .png, .jpg or .jpeg: rename the file")
    image = Image.fromarray(load_image(array))
    with whole_file(target) as temporary:
        image.save(temporary, format=kind, **({"quality": 95} if kind == "JPEG" else {}))


def _path(path: str | os.PathLike[str]) -> str:
    text = os.fsdecode(os.fspath(path))
    return text if os.path.lexists(text) else os.path.expanduser(text)


def _file_name(path: str | os.PathLike[str]) -> str:
    text = os.fsdecode(os.fspath(path))
    return Path(text).name or repr(text)


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part.casefold()) for part in re.split(r"(\d+)", name)]


def _check_file(path: str, where: str) -> None:
    if re.match(r"[a-z]+://", path, re.IGNORECASE):
        raise ImageError(f"{where}: a web address came, expected a file: download it and pass the file")
    if not path or not os.path.exists(path):
        raise ImageError(f"{where}: no such file ({path!r}), expected an image: check the path")
    if os.path.isdir(path):
        raise ImageError(f"{where}: a folder came, expected one image: pass the folder alone, or list its files")
    if not os.path.isfile(path):
        raise ImageError(f"{where}: a device or pipe came, expected an image file: check the path")
    if os.path.getsize(path) == 0:
        raise ImageError(f"{where}: the file is empty (0 bytes), expected an image: copy or download it again")


def _head(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(64)


def _advice(path: str) -> str:
    head = _head(path)
    if is_heic(head):
        return ADVICE
    head = head.lstrip()
    if head.startswith(b"version https://git-lfs"):
        return "this is a Git LFS pointer, so run `git lfs pull`"
    if head.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8", b"RIFF", b"BM", b"II*", b"MM\0*")):
        return "it begins like one but is truncated or damaged, so copy or download it again"
    if head.startswith(b"<"):
        return "this is text (a web page or SVG), so download the image itself"
    return "open it in an image program and save it as PNG"


def _items(images: Any) -> tuple[Iterable[Any], bool, bool]:
    """What to read in order, whether it is one single image, and whether it is a folder's files."""
    if isinstance(images, (str, os.PathLike)):
        path = _path(images)
        return (list_images(path), False, True) if path and os.path.isdir(path) else ([images], True, False)
    if isinstance(images, torch.Tensor):
        return (images, False, False) if images.ndim == 4 else ([images], True, False)
    if hasattr(images, "__array__"):
        array = np.asarray(images)
        if array.ndim == 1 and array.dtype.kind in "OU":  # a pandas column or an array of paths
            return array.tolist(), False, False
        return (array, False, False) if array.ndim == 4 else ([array], True, False)
    one = isinstance(images, (Image.Image, Mapping, Set, bytes, bytearray)) or hasattr(images, "read")
    return ([images], True, False) if one or not isinstance(images, Iterable) else (images, False, False)


def _check_on_error(on_error: str) -> None:
    if on_error not in ("raise", "skip"):
        raise ValueError(f'on_error={on_error!r} came, expected "raise" or "skip": choose one of them')


def _walk(
    items: Iterable[Any], name_only: bool, on_error: str, skipped: dict[str, str]
) -> Iterator[tuple[int, str, np.ndarray]]:
    """(index, name, array) of every readable item, filling `skipped`. name_only: errors leave the index out."""
    index, good = -1, 0
    for index, item in enumerate(items):
        is_file = isinstance(item, (str, os.PathLike))
        name = _file_name(item) if is_file else f"image {index}"
        where = f"image {index} ({name})" if is_file and not name_only else name
        try:
            array = load_image(item, where)
        except ImageError as error:
            if on_error == "raise":
                raise
            skipped[where if name in skipped else name] = str(error).removeprefix(f"{where}: ")
            continue
        good += 1
        yield index, name, array
    if index < 0:
        raise ImageError(f"no images: an empty list or batch came, {_EXPECTED}: pass at least one image")
    listing = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:_LISTED])
    listing += f"; and {len(skipped) - _LISTED} more" if len(skipped) > _LISTED else ""
    if not good:
        raise ImageError(f"none of the {index + 1} images can be read: {listing}")
    if skipped:
        warnings.warn(f"{len(skipped)} of {index + 1} images skipped: {listing}", stacklevel=3)
