"""The colours of class ids: one palette for all masks of a set, and masks that store colours in place of ids."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Colour = tuple[int, int, int]

IGNORE = 255
_WHITE = (255, 255, 255)
_VOID = (224, 224, 192)
_LISTED = 8


def voc_colours(count: int) -> list[Colour]:
    """Return the colours of Pascal VOC's masks, which LabelMe, CVAT and many others use, in the order of ids.

    The bits of an id, three at a time, are the highest bits of red, green and blue.
    """
    return [
        (
            sum((i >> (3 * bit) & 1) << (7 - bit) for bit in range(3)),
            sum((i >> (3 * bit + 1) & 1) << (7 - bit) for bit in range(3)),
            sum((i >> (3 * bit + 2) & 1) << (7 - bit) for bit in range(3)),
        )
        for i in range(count)
    ]


def ids_of_colours(
    values: NDArray[np.uint8], where: str, mode: str = "RGB", colours: Sequence[Colour] | None = None
) -> NDArray[Any]:
    """Return the ids (H, W) of a mask that stores colours.

    Equal channels are ids. Other colours are found in the table, exactly: in the set's own, else in Pascal VOC's, if it
    has all colours of the mask. White is "not labelled" where it is no class's colour, and so is VOC's border.

    Args:
        values: Colours of shape (H, W, 1) or (H, W, 3), uint8.
        where: What errors call the mask.
        mode: Pillow's name of its mode, for errors.
        colours: RGB of each class in the order of ids. None: there is no table, so only equal channels are ids.

    Raises:
        ValueError: If a colour is in no table; lists the colours.
    """
    grey = values[..., 0]
    equal = bool((values == values[..., :1]).all())
    if equal and (colours is None or int(grey[grey < IGNORE].max(initial=0)) < len(colours)):
        return grey
    packed = values.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1]) if values.shape[2] == 3 else grey * 0x010101
    found, inverse = np.unique(packed, return_inverse=True)
    came: list[Colour] = [(int(c) >> 16, int(c) >> 8 & 255, int(c) & 255) for c in found]
    for known, others in (
        (colours, (_WHITE,)),
        (voc_colours(len(colours)) if colours else None, (_WHITE, _VOID)),
    ):
        first = [] if known is None else [(colour, i) for i, colour in reversed([*enumerate(known)])]
        table = {colour: IGNORE for colour in others} | dict(first) if first else {}
        if table and all(colour in table for colour in came):
            return np.array([table[colour] for colour in came], np.uint8)[inverse].reshape(grey.shape)
    if equal:
        return grey
    unknown = [c for c in came if colours is None or c not in colours]
    listing = ", ".join(map(str, unknown[:_LISTED]))
    listing += f" and {len(unknown) - _LISTED} more" if len(unknown) > _LISTED else ""
    fix = 'save it as a palette ("P") or grey ("L") PNG in which each pixel is its class id'
    if colours is None:
        fix += ", or pass names= of a set with these colours"
    raise ValueError(f'{where}: mode "{mode}" came, expected one id a pixel, not a colour ({listing}): {fix}')


def check_palettes(items: Sequence[Any], masks: Sequence[NDArray[np.uint8]], places: Sequence[str]) -> None:
    """Raises ValueError where two palette images, PIL or paths, paint an id that both hold in different colours.

    items: as they came, others than palette images are passed over. masks: their ids, (H,W) each. places: what errors
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
