"""Masks as PNG files whose numbers are class ids: palette or grey, 255 = ignored.

Ours are palette PNGs in the label set's colours; the set itself lies in a text chunk, which other programs pass over.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from facekit.drawing import palette_picture
from facekit.images import open_image
from facekit.labels import SegmentationSet

from .names import describe, described
from .records import Listed, Size

_KEY = "facekit"


def ids_of_png(path: str | os.PathLike[str], size: Size) -> tuple[NDArray[np.uint8], Listed | None]:
    """A mask's ids as they stand, (H,W) uint8, and the label set that the file declares, if it does.

    Raises ValueError for a file that is no whole PNG, colours in place of ids, an id above 255, another size than
    the picture's.
    """
    image = open_image(path)
    if image.format != "PNG":
        raise ValueError(f"{image.format} came, expected PNG, which keeps every id: save the mask as PNG")
    if not _one_channel(image.mode):
        fix = 'save it as palette ("P") or grey ("L") PNG in which each pixel is its class id'
        raise ValueError(f'mode "{image.mode}" came, expected one id a pixel, not a colour: {fix}')
    ids = np.asarray(image)
    if ids.shape != size:
        came = f"height x width {ids.shape[0]} x {ids.shape[1]} came"
        fix = "resize it with nearest neighbour, or label the picture again"
        raise ValueError(f"{came}, expected its picture's {size[0]} x {size[1]}: {fix}")
    if ids.dtype != np.bool_ and (ids.min() < 0 or ids.max() > 255):
        raise ValueError(f"ids {ids.min()} to {ids.max()} came, expected 0 to 255: save the mask with 8 bits")
    return ids.astype(np.uint8), _declared(image.info.get(_KEY))


def png_of_mask(mask: NDArray[np.uint8], labels: SegmentationSet) -> bytes:
    """A mask (H,W) uint8 as a palette PNG file; ignored pixels are white."""
    notes = PngImagePlugin.PngInfo()
    notes.add_text(_KEY, json.dumps(describe(labels)))
    buffer = io.BytesIO()
    palette_picture(mask, labels).save(buffer, format="PNG", pnginfo=notes)
    return buffer.getvalue()


def may_hold_ids(path: Path) -> bool:
    """Whether a PNG has one channel, from the header alone. A damaged one might have, reading it says what is wrong."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return _one_channel(image.mode)
    except Exception:  # Pillow's readers raise any type on a damaged header
        return True


def _one_channel(mode: str) -> bool:
    return mode in ("P", "L", "1") or mode.startswith("I")


def _declared(content: Any) -> Listed | None:
    try:
        return described(json.loads(content), "segmentation") if isinstance(content, str) else None
    except (ValueError, RecursionError):
        return None  # a stranger's chunk of the same name
