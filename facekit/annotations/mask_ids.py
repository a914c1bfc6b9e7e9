"""Read class ids from mask files. Every function that reads ids uses this module.

Image decoders give colours: Pillow stretches 2-bit greys 0, 1, 2, 3 to 0, 85, 170, 255 and cuts 16-bit colours to 8.
Ids are the numbers that the file stores: grey of 1 to 32 bits, indices of a palette of any depth (of GIF with a palette
of greys: the greys), or colours whose channels are equal. Other colours become ids by a table of colours
(`facekit.labels.palettes`). Masks are turned upright by their EXIF data, as images are. Files whose compression changes
numbers (JPEG, lossy WebP) are refused.
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
# What a file may hold that Pillow gives as 8 bit greys: stretched to the whole range, or inverted.
_GREY = re.compile(r"L;([24]?)(I?)R?")
_GIF = "gif"
_FIX = 'save it as a palette ("P") or grey ("L") PNG in which each pixel is its class id'
_GREY_FIX = "save it as a grey PNG of 8 or 16 bits"


@dataclass(frozen=True, eq=False)
class MaskFile:
    """A mask as its file stores it.

    Attributes:
        ids: Integers or bool of shape (H, W), upright.
        format: Pillow's name of the file's format, "PNG" for example.
        notes: Text and other values that the file holds beside its pixels.
    """

    ids: NDArray[Any]
    format: str | None
    notes: dict[str, Any] = field(default_factory=dict)


def read_ids(
    path: str | os.PathLike[str], name: str | None = None, colours: Sequence[Colour] | None = None
) -> MaskFile:
    """Read a mask file.

    Args:
        path: The file: PNG, GIF, BMP, TIFF, PGM, QOI or lossless WebP.
        name: What errors call it. Without it, they use the file's name.
        colours: RGB of each class in the order of ids, for masks that store colours.

    Returns:
        The ids as they are stored.

    Raises:
        ValueError: If the file is damaged (`ImageError`), was compressed with loss, has several pages, or holds colours
            that the table does not have.
    """
    where = name or os.path.basename(os.fsdecode(path))
    seen: dict[str, Any] = {}

    def noted(image: Image.Image, where: str) -> Image.Image:
        seen.update(raw=_raw(image) or "", pages=getattr(image, "n_frames", 1))
        if _deep(seen["raw"]):
            seen["turn"] = image.getexif().get(0x0112)
        turned = decode_upright(image, where)
        seen["notes"] = dict(image.info)
        return turned

    image = open_image(path, where, noted)
    lossy_webp = image.format == "WEBP" and not _lossless_webp(path)
    if image.format in _LOSSY or lossy_webp or seen["notes"].get("compression") == "jpeg":
        kind = "lossy WebP" if lossy_webp else image.format if image.format in _LOSSY else f"{image.format} with JPEG"
        article = "an" if str(kind).startswith(("AVIF", "MPO", "HEIF")) else "a"
        kept = "JPEG changes the ids" if "JPEG" in str(kind) or kind == "MPO" else "its compression changes the ids"
        raise ValueError(f"{where}: {article} {kind} file came, expected PNG: {kept}, so save masks as PNG")
    if seen["pages"] > 1:
        fix = "save the mask as a PNG of its own"
        raise ValueError(f"{where}: {seen['pages']} pages or frames came, expected one mask a file: {fix}")
    if _deep(seen["raw"]):
        ids = _deep_colours(path, image, seen, where)
    else:
        ids = _stored(image, seen["raw"], where, colours)
    return MaskFile(ids, image.format, seen["notes"])


def ids_of_image(image: Image.Image, where: str, colours: Sequence[Colour] | None = None) -> NDArray[Any]:
    """Return the ids (H, W) of a PIL image, as its file stores them where that can still be told.

    Warns where it cannot and all values are those of stretched 2- or 4-bit greys. Arguments and errors as `read_ids`.
    """
    if image.format in _LOSSY:
        fix = "its compression changes the ids, so save masks as PNG"
        raise ValueError(f"{where}: a {image.format} image came, expected PNG: {fix}")
    raw = _raw(image) or _raw_of_file(image)
    if _deep(raw or ""):
        fix = f"pass the file's path, or {_GREY_FIX}"
        raise ValueError(f"{where}: colours of 16 bits came, which Pillow cuts to 8, expected class ids: {fix}")
    ids = _stored(decode_upright(image, where), raw or "", where, colours)
    if raw is None:
        warn_of_stretched(ids, where)
    return ids


def warn_of_stretched(ids: NDArray[Any], where: str) -> None:
    """Warn where all values are those that decoders make of 2- or 4-bit greys: multiples of 85, or several of 17."""
    if ids.dtype != np.uint8 or ids.ndim != 2:
        return
    values = np.flatnonzero(np.bincount(ids.ravel(), minlength=256))
    step = 85 if not (values % 85).any() else 17 if not (values % 17).any() else 1
    inner = int(((values > 0) & (values < 255)).sum())
    if step > 1 and inner >= (1 if step == 85 else 3):
        bits = {85: 2, 17: 4}[step]
        fix = f"pass the file's path, or divide by {step}, if the file stores {bits}-bit ids"
        came = f"all ids are multiples of {step} ({', '.join(map(str, values[:8]))})"
        why = f"as image decoders make them of {bits}-bit greys"
        warnings.warn(f"{where}: {came}, {why}, expected the ids that the file stores: {fix}", stacklevel=3)


def _raw(image: Image.Image) -> str | None:
    """How an image's file stores its pixels, in Pillow's words; None once they are read."""
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


def _deep(raw: str) -> bool:
    """Whether a file stores colours of 16 bits, which Pillow cuts to 8."""
    return ";16" in raw and not raw.startswith("I")


def _raw_of_file(image: Image.Image) -> str | None:
    """`_raw` of an image whose pixels are read, from the header of its file, where that is still there."""
    name = getattr(image, "filename", "")
    if not image.format or not name or not Path(os.fsdecode(name)).is_file():
        return None
    try:
        with Image.open(name, formats=[image.format]) as again:
            return _raw(again) if again.size == image.size else None
    except OSError:
        return None


def _stored(image: Image.Image, raw: str, where: str, colours: Sequence[Colour] | None) -> NDArray[Any]:
    """An upright image's numbers as its file stores them, (H,W). raw: how it does."""
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
            raise ValueError(
                f'{where}: mode "F" with numbers between ids came, expected integer class ids: {_GREY_FIX}'
            )
        return values.astype(np.int64)
    if mode == "P" and raw == _GIF:
        return _greys_of_gif(image, values)
    if mode not in ("P", "L", "1") and not mode.startswith("I"):
        raise ValueError(f'{where}: mode "{mode}" came, expected one id a pixel, not a colour: {_FIX}')
    if raw.startswith("scaled to "):
        largest = int(raw.removeprefix("scaled to "))
        return np.rint(values * (largest / (255 if mode == "L" else 65535))).astype(np.int64)
    grey = _GREY.fullmatch(raw)
    if mode == "L" and grey is not None:
        upright = 255 - values if grey[2] else values
        return np.asarray(upright // {"2": 85, "4": 17, "": 1}[grey[1]], np.uint8)
    return values


def _greys_of_gif(image: Image.Image, indices: NDArray[Any]) -> NDArray[Any]:
    """GIF has no greys but through a palette, which writers shorten: where all colours are grey, they are the ids."""
    palette = np.zeros((256, 3), np.uint8)
    own = np.frombuffer(image.palette.tobytes() if image.palette else b"", np.uint8).reshape(-1, 3)[:256]
    palette[: len(own)] = own
    colours = palette[np.flatnonzero(np.bincount(indices.ravel(), minlength=256))]
    return palette[..., 0][indices] if (colours == colours[:, :1]).all() else indices


def _deep_colours(path: str | os.PathLike[str], image: Image.Image, seen: dict[str, Any], where: str) -> NDArray[Any]:
    """The grey value of a PNG whose colours have 16 bits, which Pillow would cut to 8."""
    if image.format != "PNG":
        raise ValueError(f"{where}: {image.format} with colours of 16 bits came, expected class ids: {_GREY_FIX}")
    values = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3:
        raise ValueError(f"{where}: colours of 16 bits that cannot be decoded came, expected class ids: {_GREY_FIX}")
    if values.shape[2] == 4:
        _check_opaque(values[..., 3], where, image.mode)
    if (values[..., :3] != values[..., :1]).any():
        raise ValueError(f'{where}: mode "RGB" of 16 bits came, expected one id a pixel, not a colour: {_FIX}')
    turn = seen["turn"] if seen["turn"] in range(2, 9) else 1
    ids = values[..., 0]
    quarter = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}[turn]
    turned = np.rot90(ids, quarter)
    # 2, 4, 5 and 7 are also mirrored: the quarter turns above, then left and right or up and down.
    return {2: turned[:, ::-1], 4: turned[:, ::-1], 5: turned[::-1], 7: turned[::-1]}.get(turn, turned)


def _check_opaque(alpha: NDArray[Any], where: str, mode: str) -> None:
    clear = int((alpha != np.iinfo(alpha.dtype).max).sum())
    if clear:
        came = f'mode "{mode}" with {clear} transparent pixels came'
        raise ValueError(f"{where}: {came}, expected one id a pixel, all opaque: save it without transparency")


def _lossless_webp(path: str | os.PathLike[str]) -> bool:
    with open(path, "rb") as file:
        head = file.read(4096)
    return b"VP8L" in head and b"VP8 " not in head
