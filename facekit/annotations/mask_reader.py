"""Read the mask files of a folder into a batch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.name_index import NameIndex
from ..labels import IGNORE_ID, SegmentationSet
from ..labels.palettes import Colour
from .image_finder import ImageFinder, image_size, named_as_mask
from .mask_files import may_hold_ids, read_mask_file
from .records import Declaration, ImageMask, LabelBatch
from .set_inference import infer_class_set


def read_masks(
    files: Sequence[Path], finder: ImageFinder, batch: LabelBatch, user_set: SegmentationSet | None, single: bool
) -> None:
    """Add the masks among image files to a batch.

    A file is a mask if an image has its name, its own name ends like that of a mask, or it has one channel.

    Args:
        files: Image files.
        finder: Finder of the images.
        batch: Batch to fill. Masks that cannot be used go to its ``skipped``.
        user_set: The user's label set, or None.
        single: Whether the user named this one file, so that it must be a mask.
    """
    image_of: dict[Path, Path | None] = {}
    for file in files:
        with batch.skip_errors(file.name):
            image_of[file] = finder.of_mask(file)
    images = {image.resolve() for image in image_of.values() if image is not None}
    colours = _class_colours(batch, user_set)
    orders = [names for names in batch.declared if isinstance(names, tuple)]
    if colours is None and orders:
        colours = infer_class_set(None, orders[:1], (), 0).palette
    for file, image in image_of.items():
        mask_like = single or finder.separate or named_as_mask(file) or may_hold_ids(file)
        if image is None and (file.resolve() in images or not mask_like):
            continue
        with batch.skip_errors(file.name):
            if image is None:
                raise ValueError(finder.missing(file))
            ids, declared = read_mask_file(file, image_size(image), colours)
            if batch.colours is not None:
                # Ids are places in the list of colours. Those of an `ImageMask` with names count from 1.
                shifted = np.where(ids == IGNORE_ID, ids, np.minimum(ids, IGNORE_ID - 2) + 1).astype(np.uint8)
                batch.masks.append(ImageMask(file.name, image, shifted, tuple(batch.colours)))
                continue
            batch.declare(declared)
            batch.masks.append(ImageMask(file.name, image, ids, _names_of_ids(ids, declared, user_set)))


def _class_colours(batch: LabelBatch, user_set: SegmentationSet | None) -> Sequence[Colour] | None:
    """Return the colours of the classes by a file in the folder or by the user's set. None if there are none."""
    if batch.colours:
        return list(batch.colours.values())
    return None if user_set is None else user_set.palette


def _names_of_ids(
    ids: NDArray[np.uint8], declared: Declaration | None, user_set: SegmentationSet | None
) -> tuple[str, ...] | None:
    """Return the class names of a mask if it declares the classes of the user's set in another order.

    None: the ids are those of the user's set. This is so, too, if the user's set has none of the names. It then gives
    the classes new names.
    """
    if user_set is None or not isinstance(declared, SegmentationSet) or declared.classes == user_set.classes:
        return None
    index = NameIndex(user_set.classes)
    present = [declared.classes[i] for i in np.unique(ids) if 0 < i < len(declared)]
    return declared.classes[1:] if any(index.find(name) for name in present) else None
