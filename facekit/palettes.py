"""The colours that palette pictures give to class ids: several masks must mean the same by one id."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Colour = tuple[int, int, int]


def check_palettes(items: Sequence[Any], masks: Sequence[NDArray[np.uint8]], places: Sequence[str]) -> None:
    """Raises ValueError where two palette pictures, PIL or paths, paint an id that both hold in different colours.

    items: as they came, others than palette pictures are passed over. masks: their ids, (H,W) each. places: what errors
    call them.
    """
    seen: dict[int, tuple[Colour, str]] = {}
    for item, mask, place in zip(items, masks, places, strict=True):
        palette = _palette(item)
        if palette is None:
            continue
        for i in np.flatnonzero(np.bincount(mask.ravel(), minlength=256)[:255]):
            start = 3 * int(i)
            if start + 3 > len(palette):
                continue
            colour = (palette[start], palette[start + 1], palette[start + 2])
            known, first = seen.setdefault(int(i), (colour, place))
            if known != colour:
                raise ValueError(
                    f"{place}: class {i} has the colour {colour}, but {known} in {first}, expected one palette for all "
                    "masks: the same id would mean two parts; save all with one palette, or pass arrays of ids"
                )


def _palette(item: Any) -> bytes | None:
    if isinstance(item, (str, os.PathLike)):
        with Image.open(item) as image:
            return _palette(image)
    if isinstance(item, Image.Image) and item.mode == "P" and item.palette is not None:
        colours = item.palette
        return bytes(colours.palette) if colours.mode == "RGB" else None
    return None
