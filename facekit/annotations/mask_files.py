"""Read and write masks as image files whose numbers are class ids; 255 is ignored.

facekit writes palette PNGs in the colours of the label set. The set itself is stored in a text chunk, which other
programs ignore. The ids are read by `facekit.annotations.mask_ids`.
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
from ..labels.palettes import Colour, palette_image
from .mask_ids import read_ids
from .records import Declaration
from .set_description import describe_set, parse_set
from .values import Size

# Name of the text chunk that holds the label set.
_CHUNK = "facekit"


def read_mask_file(
    path: str | os.PathLike[str], size: Size, colours: Sequence[Colour] | None = None
) -> tuple[NDArray[np.uint8], Declaration | None]:
    """Read the ids of a mask file and the label set that it declares.

    Args:
        path: A PNG file, or another kind of file that keeps every id.
        size: (H, W) of the image.
        colours: RGB of each class, for masks that store colours.

    Returns:
        Ids as they are stored, shape (H, W), uint8, and the declared set or None.

    Raises:
        ImageError: If the file is damaged. It is a ``ValueError``, and its message begins with the file's name.
        ValueError: If a colour belongs to no class, an id is above 255, or the size is not that of the image. The
            message does not name the file.
    """
    where = os.path.basename(os.fsdecode(path))
    try:
        mask = read_ids(path, where, colours)
    except ImageError:
        raise
    except ValueError as error:
        raise ValueError(str(error).removeprefix(f"{where}: ")) from error
    ids = mask.ids
    if ids.shape != size:
        expected = f"expected its image's height x width {size[0]} x {size[1]}"
        fix = "resize it with nearest neighbour, or label the image again"
        raise ValueError(f"{expected}, got {ids.shape[0]} x {ids.shape[1]}; {fix}")
    if ids.dtype != np.bool_ and (ids.min() < 0 or ids.max() > 255):
        raise ValueError(f"expected ids 0 to 255, got {ids.min()} to {ids.max()}; save the mask with 8 bits")
    return ids.astype(np.uint8), _parse_chunk(mask.notes.get(_CHUNK))


def declared_set(path: str | os.PathLike[str]) -> SegmentationSet | None:
    """Return the label set that a mask file declares, None if it declares none."""
    declared = _parse_chunk(read_ids(path).notes.get(_CHUNK))
    return declared if isinstance(declared, SegmentationSet) else None


def mask_to_png(mask: NDArray[np.uint8], labels: SegmentationSet) -> bytes:
    """Return a mask as a palette PNG file. Ignored pixels are white.

    Args:
        mask: Array of shape (H, W), uint8 class ids; 255: ignored.
        labels: The segmentation set, which is stored in the file.

    Returns:
        The bytes of the file.
    """
    notes = PngImagePlugin.PngInfo()
    notes.add_text(_CHUNK, json.dumps(describe_set(labels)))
    buffer = io.BytesIO()
    palette_image(mask, labels).save(buffer, format="PNG", pnginfo=notes)
    return buffer.getvalue()


def may_hold_ids(path: Path) -> bool:
    """Return whether an image file has one channel, by its header alone.

    A damaged file counts as one, so that reading it reports the damage.
    """
    try:
        with Image.open(path, formats=["PNG", "GIF", "BMP", "TIFF", "PPM"]) as image:
            return image.mode in ("P", "L", "1") or image.mode.startswith("I")
    except Exception:  # Pillow's readers raise any type on a damaged header
        return True


def _parse_chunk(content: Any) -> Declaration | None:
    """Return the label set of a text chunk. None if another program wrote a chunk of this name."""
    try:
        return parse_set(json.loads(content), "segmentation") if isinstance(content, str) else None
    except (ValueError, RecursionError):
        return None
