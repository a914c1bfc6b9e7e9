"""Read class ids from mask files. Every function that reads ids uses this module.

Image decoders give colours: Pillow scales 2-bit greys 0, 1, 2, 3 to 0, 85, 170, 255 and cuts 16-bit colours to 8 bits.
Here the ids are the numbers that the file stores:

- grey of 1 to 32 bits,
- indices of a palette of any depth (for a GIF with a palette of greys: the greys),
- colours with equal channels,
- other colours by a table of colours (`facekit.labels.palettes`).

Masks are turned upright by their EXIF data, as images are. Files whose compression changes numbers (JPEG, lossy WebP)
are refused.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..images.formats import decode_upright
from ..images.reader import open_image
from ..labels.palettes import Colour, ids_of_colours

_LOSSY = frozenset(("JPEG", "MPO", "JPEG2000", "AVIF", "HEIF"))
# Raw modes that Pillow decodes to 8-bit greys: 2- and 4-bit greys are scaled to 0 to 255, "I" is inverted.
_GREY = re.compile(r"L;([24]?)(I?)R?")
_GIF = "gif"
_FIX = 'save it as a palette ("P") or grey ("L") PNG in which each pixel is its class id'
_GREY_FIX = "save it as a grey PNG of 8 or 16 bits"
_EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True, eq=False)
class MaskFile:
    """A mask as its file stores it.

    Attributes:
        ids: Integers or bool of shape (H, W), upright.
        format: Pillow's name of the file's format, "PNG" for example.
        notes: Text and other values that the file holds besides its pixels.
    """

    ids: NDArray[Any]
    format: str | None
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Storage:
    """How a file stores a mask.

    Attributes:
        raw_mode: Pillow's raw mode of the pixels.
        pages: Number of pages or frames.
        orientation: EXIF orientation, if the colours have 16 bits.
        notes: Text and other values besides the pixels.
    """

    raw_mode: str = ""
    pages: int = 1
    orientation: Any = None
    notes: dict[Any, Any] = field(default_factory=dict)


def read_ids(
    path: str | os.PathLike[str], name: str | None = None, colours: Sequence[Colour] | None = None
) -> MaskFile:
    """Read a mask file.

    Args:
        path: The file: PNG, GIF, BMP, TIFF, PGM, QOI or lossless WebP.
        name: Name of the mask for errors. None: the file's name.
        colours: RGB of each class in the order of ids, for masks that store colours.

    Returns:
        The ids as they are stored.

    Raises:
        ValueError: If the file is damaged (`ImageError`), was compressed with loss, has several pages, or holds colours
            that the table does not have.
    """
    where = name or os.path.basename(os.fsdecode(path))
    storage = _Storage()

    def decode(image: Image.Image, where: str) -> Image.Image:
        storage.raw_mode, storage.pages = _raw_mode(image) or "", getattr(image, "n_frames", 1)
        if _has_16_bit_colours(storage.raw_mode):
            storage.orientation = image.getexif().get(_EXIF_ORIENTATION)
        upright = decode_upright(image, where)
        storage.notes = dict(image.info)
        return upright

    image = open_image(path, where, decode)
    lossy_webp = image.format == "WEBP" and not _is_lossless_webp(path)
    if image.format in _LOSSY or lossy_webp or storage.notes.get("compression") == "jpeg":
        kind = "lossy WebP" if lossy_webp else image.format if image.format in _LOSSY else f"{image.format} with JPEG"
        article = "an" if str(kind).startswith(("AVIF", "MPO", "HEIF")) else "a"
        why = "JPEG changes the ids" if "JPEG" in str(kind) or kind == "MPO" else "its compression changes the ids"
        raise ValueError(f"{where}: expected PNG, got {article} {kind} file; {why}, so save masks as PNG")
    if storage.pages > 1:
        fix = "save the mask as a PNG of its own"
        raise ValueError(f"{where}: expected one mask per file, got {storage.pages} pages or frames; {fix}")
    if _has_16_bit_colours(storage.raw_mode):
        ids = _ids_of_16_bit_colours(path, image, storage.orientation, where)
    else:
        ids = _stored_ids(image, storage.raw_mode, where, colours)
    return MaskFile(ids, image.format, storage.notes)


def ids_of_image(image: Image.Image, where: str, colours: Sequence[Colour] | None = None) -> NDArray[Any]:
    """Return the ids of a PIL image, as its file stores them if the file is still there.

    If the file is gone and all values are those of scaled 2- or 4-bit greys, a warning is given.

    Args:
        image: The image.
        where: Name of the mask for errors.
        colours: RGB of each class in the order of ids, for masks that store colours.

    Returns:
        Integers or bool of shape (H, W), upright.

    Raises:
        ValueError: As `read_ids`.
    """
    if image.format in _LOSSY:
        fix = "its compression changes the ids, so save masks as PNG"
        raise ValueError(f"{where}: expected PNG, got a {image.format} image; {fix}")
    raw_mode = _raw_mode(image) or _raw_mode_of_file(image)
    if _has_16_bit_colours(raw_mode or ""):
        got = "colours of 16 bits, which Pillow cuts to 8"
        raise ValueError(f"{where}: expected class ids, got {got}; pass the file's path, or {_GREY_FIX}")
    ids = _stored_ids(decode_upright(image, where), raw_mode or "", where, colours)
    if raw_mode is None:
        warn_of_stretched(ids, where)
    return ids


def warn_of_stretched(ids: NDArray[Any], where: str) -> None:
    """Warn if all values are those of scaled 2- or 4-bit greys: multiples of 85, or several multiples of 17.

    Args:
        ids: Any array. Only (H, W) uint8 is checked.
        where: Name of the mask for the warning.
    """
    if ids.dtype != np.uint8 or ids.ndim != 2:
        return
    values = np.flatnonzero(np.bincount(ids.ravel(), minlength=256))
    step = 85 if not (values % 85).any() else 17 if not (values % 17).any() else 1
    inner = int(((values > 0) & (values < 255)).sum())
    if step > 1 and inner >= (1 if step == 85 else 3):
        bits = {85: 2, 17: 4}[step]
        fix = f"if the file stores {bits}-bit ids, pass the file's path, or divide by {step}"
        got = f"only multiples of {step} ({', '.join(map(str, values[:8]))})"
        why = f"as image decoders make them of {bits}-bit greys"
        warnings.warn(f"{where}: expected the ids that the file stores, got {got}, {why}; {fix}", stacklevel=3)


def _raw_mode(image: Image.Image) -> str | None:
    """Return how the file of an image stores its pixels, as Pillow's raw mode. None once they are decoded."""
    tiles = getattr(image, "tile", None)
    if not tiles:
        return "" if image.format == "WEBP" else None
    kind, arguments = tiles[0][0], tiles[0][3]
    if kind == "gif":
        return _GIF
    if kind in ("ppm", "ppm_plain"):
        return f"scaled to {arguments[1]}"
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _raw_mode_of_file(image: Image.Image) -> str | None:
    """Return the raw mode of a decoded image from the header of its file. None if the file is gone or another."""
    name = getattr(image, "filename", "")
    if not image.format or not name or not Path(os.fsdecode(name)).is_file():
        return None
    try:
        with Image.open(name, formats=[image.format]) as header:
            return _raw_mode(header) if header.size == image.size else None
    except OSError:
        return None


def _has_16_bit_colours(raw_mode: str) -> bool:
    """Return whether a file stores colours of 16 bits, which Pillow cuts to 8."""
    return ";16" in raw_mode and not raw_mode.startswith("I")


def _stored_ids(image: Image.Image, raw_mode: str, where: str, colours: Sequence[Colour] | None) -> NDArray[Any]:
    """Return the numbers (H, W) of an upright image as its file stores them."""
    mode = image.mode
    if mode in ("La", "RGBa"):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[mode])
    values = np.asarray(image)
    if mode in ("LA", "PA", "La", "RGBA", "RGBa", "RGB"):
        if mode != "RGB":
            _check_opaque(values[..., -1], where, mode)
        if mode == "PA":
            return values[..., 0]
        channels = values[..., : 1 if mode in ("LA", "La") else 3]
        return ids_of_colours(channels, where, mode, colours)
    if mode == "F":
        if not (np.isfinite(values) & (values == np.rint(values)) & (abs(values) < 2**31)).all():
            got = 'mode "F" with numbers between ids'
            raise ValueError(f"{where}: expected integer class ids, got {got}; {_GREY_FIX}")
        return values.astype(np.int64)
    if mode == "P" and raw_mode == _GIF:
        return _ids_of_gif(image, values)
    if mode not in ("P", "L", "1") and not mode.startswith("I"):
        raise ValueError(f'{where}: expected one id per pixel, not a colour, got mode "{mode}"; {_FIX}')
    if raw_mode.startswith("scaled to "):
        largest = int(raw_mode.removeprefix("scaled to "))
        return np.rint(values * (largest / (255 if mode == "L" else 65535))).astype(np.int64)
    grey = _GREY.fullmatch(raw_mode)
    if mode == "L" and grey is not None:
        stored = 255 - values if grey[2] else values
        return np.asarray(stored // {"2": 85, "4": 17, "": 1}[grey[1]], np.uint8)
    return values


def _ids_of_gif(image: Image.Image, indices: NDArray[Any]) -> NDArray[Any]:
    """Return the greys of a GIF if all its colours are grey, else the indices of its palette.

    A GIF stores greys through a palette only, and writers leave out unused colours. So the indices of greys change.
    """
    palette = np.zeros((256, 3), np.uint8)
    entries = np.frombuffer(image.palette.tobytes() if image.palette else b"", np.uint8).reshape(-1, 3)[:256]
    palette[: len(entries)] = entries
    colours = palette[np.flatnonzero(np.bincount(indices.ravel(), minlength=256))]
    return palette[..., 0][indices] if (colours == colours[:, :1]).all() else indices


def _ids_of_16_bit_colours(
    path: str | os.PathLike[str], image: Image.Image, orientation: Any, where: str
) -> NDArray[Any]:
    """Return the grey values of a PNG whose colours have 16 bits. OpenCV decodes it, because Pillow cuts to 8 bits."""
    if image.format != "PNG":
        raise ValueError(f"{where}: expected class ids, got {image.format} with colours of 16 bits; {_GREY_FIX}")
    values = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3:
        raise ValueError(f"{where}: expected class ids, got 16-bit colours that cannot be decoded; {_GREY_FIX}")
    if values.shape[2] == 4:
        _check_opaque(values[..., 3], where, image.mode)
    if (values[..., :3] != values[..., :1]).any():
        raise ValueError(f'{where}: expected one id per pixel, not a colour, got mode "RGB" of 16 bits; {_FIX}')
    orientation = orientation if orientation in range(2, 9) else 1
    ids = values[..., 0]
    quarter_turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}[orientation]
    turned = np.rot90(ids, quarter_turns)
    # 2, 4, 5 and 7 are mirrored as well: 2 and 4 left to right, 5 and 7 upside down.
    mirrored = {2: turned[:, ::-1], 4: turned[:, ::-1], 5: turned[::-1], 7: turned[::-1]}
    return mirrored.get(orientation, turned)


def _check_opaque(alpha: NDArray[Any], where: str, mode: str) -> None:
    """Raise ValueError if a mask has transparent pixels."""
    transparent = int((alpha != np.iinfo(alpha.dtype).max).sum())
    if transparent:
        expected = "expected one id per pixel, all opaque"
        got = f'mode "{mode}" with {transparent} transparent pixels'
        raise ValueError(f"{where}: {expected}, got {got}; save it without transparency")


def _is_lossless_webp(path: str | os.PathLike[str]) -> bool:
    with open(path, "rb") as file:
        head = file.read(4096)
    return b"VP8L" in head and b"VP8 " not in head
