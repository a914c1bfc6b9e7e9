"""Masks as files whose numbers are class ids, read by `facekit.annotations.mask_ids`: 255 = ignored.

Ours are palette PNGs in the label set's colours; the set itself lies in a text chunk, which other programs pass over.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from ..images.formats import ImageError
from ..labels import SegmentationSet
from ..labels.palettes import Colour
from ..results.drawing import palette_image
from .label_names import describe, described
from .mask_ids import read_ids
from .records import Listed, Size

_KEY = "facekit"


def ids_of_png(
    path: str | os.PathLike[str], size: Size, colours: Sequence[Colour] | None = None
) -> tuple[NDArray[np.uint8], Listed | None]:
    """A mask's ids as they stand, (H,W) uint8, and the label set that the file declares, if it does.

    path: a PNG file, or another kind that keeps every id. colours: RGB of each class, for masks that store colours.
    Raises ValueError for a file that is not whole, colours that are no class's, an id above 255, another size than the
    image's.
    """
    where = os.path.basename(os.fsdecode(path))
    try:
        mask = read_ids(path, where, colours)
    except ImageError:
        raise  # it names the file already
    except ValueError as error:
        raise ValueError(str(error).removeprefix(f"{where}: ")) from error
    ids = mask.ids
    if ids.shape != size:
        came = f"height x width {ids.shape[0]} x {ids.shape[1]} came"
        fix = "resize it with nearest neighbour, or label the image again"
        raise ValueError(f"{came}, expected its image's {size[0]} x {size[1]}: {fix}")
    if ids.dtype != np.bool_ and (ids.min() < 0 or ids.max() > 255):
        raise ValueError(f"ids {ids.min()} to {ids.max()} came, expected 0 to 255: save the mask with 8 bits")
    return ids.astype(np.uint8), _declared(mask.notes.get(_KEY))


def declared_set(path: str | os.PathLike[str]) -> SegmentationSet | None:
    """Return the label set that a mask file declares, None where it declares none."""
    declared = _declared(read_ids(path).notes.get(_KEY))
    return declared if isinstance(declared, SegmentationSet) else None


def png_of_mask(mask: NDArray[np.uint8], labels: SegmentationSet) -> bytes:
    """A mask (H,W) uint8 as a palette PNG file; ignored pixels are white."""
    notes = PngImagePlugin.PngInfo()
    notes.add_text(_KEY, json.dumps(describe(labels)))
    buffer = io.BytesIO()
    palette_image(mask, labels).save(buffer, format="PNG", pnginfo=notes)
    return buffer.getvalue()


def may_hold_ids(path: Path) -> bool:
    """Whether a file has one channel, from the header alone. A damaged one might: reading it says what is wrong."""
    try:
        with Image.open(path, formats=["PNG", "GIF", "BMP", "TIFF", "PPM"]) as image:
            return image.mode in ("P", "L", "1") or image.mode.startswith("I")
    except Exception:  # Pillow's readers raise any type on a damaged header
        return True


def _declared(content: Any) -> Listed | None:
    try:
        return described(json.loads(content), "segmentation") if isinstance(content, str) else None
    except (ValueError, RecursionError):
        return None  # a stranger's chunk of the same name
