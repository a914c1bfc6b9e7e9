"""Convert masks between class ids and colours, and check that all masks have one palette."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .segmentation import IGNORE_ID, SegmentationSet

Colour = tuple[int, int, int]

_WHITE = (255, 255, 255)
# Colour of the borders between objects in Pascal VOC.
_VOC_BORDER = (224, 224, 192)
# Colours that a message lists.
_LISTED = 8


def voc_colours(count: int) -> list[Colour]:
    """Compute the colours of Pascal VOC's masks, which LabelMe, CVAT and many other tools use.

    The bits of an id, three at a time, are the highest bits of red, green and blue.

    Args:
        count: Number of classes.

    Returns:
        RGB of each class in the order of ids, 0 to 255.
    """
    return [
        (
            sum((i >> (3 * bit) & 1) << (7 - bit) for bit in range(3)),
            sum((i >> (3 * bit + 1) & 1) << (7 - bit) for bit in range(3)),
            sum((i >> (3 * bit + 2) & 1) << (7 - bit) for bit in range(3)),
        )
        for i in range(count)
    ]


def palette_image(mask: NDArray[np.uint8], labels: SegmentationSet) -> Image.Image:
    """Convert a mask to a palette image.

    Args:
        mask: (H,W) uint8 class ids.
        labels: The set with the colours.

    Returns:
        An image of mode "P" whose values are the ids. Ids outside the set, also ignored ones, are white.
    """
    image = Image.fromarray(mask)
    colours = [*labels.palette, *[_WHITE] * (256 - len(labels))]
    image.putpalette([value for colour in colours for value in colour])
    return image


def ids_of_colours(
    values: NDArray[np.uint8], where: str, mode: str = "RGB", colours: Sequence[Colour] | None = None
) -> NDArray[Any]:
    """Convert a mask that stores colours to class ids.

    If all pixels have equal channels, these are the ids. Other colours must match a table exactly: the palette of the
    set, or else Pascal VOC's, if it has all colours of the mask. White is unlabelled unless it is the colour of a
    class. VOC's border colour is unlabelled, too.

    Args:
        values: Colours of shape (H, W, 1) or (H, W, 3), uint8.
        where: Name of the mask in messages.
        mode: Pillow's name of its mode, for messages.
        colours: RGB of each class in the order of ids. None: only pixels with equal channels are ids.

    Returns:
        Ids of shape (H, W).

    Raises:
        ValueError: If a colour is in no table. The message lists the colours.
    """
    grey = values[..., 0]
    equal = bool((values == values[..., :1]).all())
    if equal and (colours is None or int(grey[grey < IGNORE_ID].max(initial=0)) < len(colours)):
        return grey
    packed = values.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1]) if values.shape[2] == 3 else grey * 0x010101
    unique, inverse = np.unique(packed, return_inverse=True)
    present: list[Colour] = [(int(c) >> 16, int(c) >> 8 & 255, int(c) & 255) for c in unique]
    for palette, unlabelled in (
        (colours, (_WHITE,)),
        (voc_colours(len(colours)) if colours else None, (_WHITE, _VOC_BORDER)),
    ):
        # Reversed, because the first of equal colours counts.
        classes = [] if palette is None else [(colour, i) for i, colour in reversed([*enumerate(palette)])]
        table = dict.fromkeys(unlabelled, IGNORE_ID) | dict(classes) if classes else {}
        if table and all(colour in table for colour in present):
            return np.array([table[colour] for colour in present], np.uint8)[inverse].reshape(grey.shape)
    if equal:
        return grey
    unknown = [c for c in present if colours is None or c not in colours]
    listing = ", ".join(map(str, unknown[:_LISTED]))
    listing += f" and {len(unknown) - _LISTED} more" if len(unknown) > _LISTED else ""
    advice = 'save it as a palette ("P") or grey ("L") PNG in which each pixel is its class id'
    if colours is None:
        advice += ", or pass names= of a set with these colours"
    raise ValueError(f'{where}: expected one class id per pixel, got colours of mode "{mode}" ({listing}); {advice}')


def check_palettes(items: Sequence[Any], masks: Sequence[NDArray[np.uint8]], places: Sequence[str]) -> None:
    """Check that palette images give the same colour to every id that they share.

    Args:
        items: Masks as the user passed them. Only palette images, as PIL images or paths, are checked.
        masks: Their ids of shape (H, W).
        places: Name of each mask in messages.

    Raises:
        ValueError: If two palette images give an id different colours.
    """
    first_seen: dict[int, tuple[Colour, str]] = {}
    for item, mask, place in zip(items, masks, places, strict=True):
        palette = _palette(item)
        if palette is None:
            continue
        for i in np.flatnonzero(np.bincount(mask.ravel(), minlength=256)[:IGNORE_ID]):
            start = 3 * int(i)
            if start + 3 > len(palette):
                continue
            colour = (palette[start], palette[start + 1], palette[start + 2])
            earlier, first_place = first_seen.setdefault(int(i), (colour, place))
            if earlier != colour:
                raise ValueError(
                    f"{place}: expected one palette for all masks, got the colour {colour} for class {i}, but "
                    f"{earlier} in {first_place}, so the same id would mean two parts; save all with one palette, or "
                    "pass arrays of ids"
                )


def _palette(item: Any) -> bytes | None:
    """Return the RGB palette of a palette image, else None."""
    if isinstance(item, (str, os.PathLike)):
        with Image.open(item) as image:
            return _palette(image)
    if isinstance(item, Image.Image) and item.mode == "P" and item.palette is not None:
        colours = item.palette
        return bytes(colours.palette) if colours.mode == "RGB" else None
    return None
