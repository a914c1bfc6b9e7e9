"""Check segmentation masks against the images, and bring them into one form."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..core.listing import first_of
from ..labels import IGNORE_ID
from ..labels.palettes import Colour, check_palettes
from .label_items import Labels, Names, Sizes, check_count, check_same_size, item_name, list_items
from .mask_ids import ids_of_image, read_ids, warn_of_stretched


def check_masks(
    labels: Labels | None,
    sizes: Sizes,
    classes: int | None,
    ignore: int = IGNORE_ID,
    names: Names = None,
    colours: Sequence[Colour] | None = None,
) -> list[np.ndarray]:
    """Check the masks of all images. Warns about single masks without a labelled pixel.

    Args:
        labels: One mask per image: a path or PIL image (see `facekit.annotations.mask_ids`), or an array or tensor of
            shape (H, W), integers or bool.
        sizes: (H, W) of each image in pixels.
        classes: Number of classes: ids 0 to ``classes - 1`` are allowed. None: 0 to 254.
        ignore: The user's id for ignored pixels. It may be negative.
        names: Name of each image for errors.
        colours: RGB of each class, for masks that store colours.

    Returns:
        Arrays of shape (H, W), uint8, of class ids. 255: ignored.

    Raises:
        ValueError: If the number, size or rank of the masks is wrong; they hold colours or fractions instead of ids;
            an id is unknown; all masks hold nothing labelled, or only 0 and 255; or their palettes differ.
    """
    if classes is not None and not 1 <= classes <= IGNORE_ID:
        raise ValueError(f"expected 1 to {IGNORE_ID} classes, got {classes}; {IGNORE_ID} itself means ignored")
    items = list_items(labels, sizes, 2, "(H,W)", names)
    check_count(len(items), len(sizes), "masks", "one mask")
    masks: list[np.ndarray] = []
    empty: list[str] = []
    occurring = np.zeros(256, dtype=bool)
    for i, item in enumerate(items):
        where = item_name("mask", i, names, item)
        ids = _read_mask(item, where, colours)
        if ids.ndim != 2:
            fix = "one-hot masks need an argmax over the classes, (H,W,1) needs [..., 0]"
            raise ValueError(f"{where}: expected (H,W) class ids, got rank {ids.ndim}, shape {ids.shape}; {fix}")
        check_same_size(ids.shape, sizes[i], where, "resize it with nearest neighbour")
        mask = _check_ids(ids, classes, ignore, where)
        present = np.bincount(mask.ravel(), minlength=256) > 0
        if not present[:IGNORE_ID].any():
            empty.append(where)
        occurring |= present
        masks.append(mask)
    check_palettes(items, masks, [item_name("mask", i, names, item) for i, item in enumerate(items)])
    if len(empty) == len(masks):
        got = f"only ignored pixels ({ignore}) in all {len(masks)} masks"
        raise ValueError(f"masks: expected labelled pixels, got {got}; check the ids")
    if classes != 1 and ignore == IGNORE_ID and np.flatnonzero(occurring).tolist() == [0, IGNORE_ID]:
        # The usual black and white mask: its white would silently mean "not labelled".
        fix = "if 255 is a class in your masks, pass mask // 255"
        raise ValueError(f"masks: expected a class besides background, got only the ids 0 and 255 (ignored); {fix}")
    if empty:
        listing = first_of(empty)
        warnings.warn(f"{len(empty)} of {len(masks)} masks have every pixel ignored: {listing}", stacklevel=2)
    return masks


def _read_mask(item: Any, where: str, colours: Sequence[Colour] | None) -> np.ndarray:
    """Return the numbers of a mask as they are stored, integers or bool of any rank."""
    if isinstance(item, (str, os.PathLike)):
        return read_ids(item, where, colours).ids
    if isinstance(item, Image.Image):
        return ids_of_image(item, where, colours)
    if isinstance(item, torch.Tensor):
        item = item.detach().cpu()
        item = (item.double() if item.is_floating_point() else item).numpy()
    if not hasattr(item, "__array__") and not isinstance(item, (list, tuple)):
        got = type(item).__name__
        raise ValueError(f"{where}: expected a path, PIL image, numpy or torch (H,W), got {got}; convert it")
    try:
        ids = np.asarray(item)
    except ValueError as error:
        raise ValueError(f"{where}: expected (H,W), got rows of different lengths; make them equally long") from error
    if ids.dtype.kind == "f":
        whole = bool((np.isfinite(ids) & (ids == np.rint(ids))).all())
        fix = "use .astype(numpy.uint8) or .to(torch.uint8)" if whole else "probabilities need a threshold or an argmax"
        raise ValueError(f"{where}: expected integer class ids, got numbers of type {ids.dtype}; {fix}")
    if ids.dtype.kind not in "biu":
        raise ValueError(f"{where}: expected integer class ids, got numbers of type {ids.dtype}; convert them")
    warn_of_stretched(ids, where)
    return ids


def _check_ids(ids: np.ndarray, classes: int | None, ignore: int, where: str) -> np.ndarray:
    """Return integers (H, W) as uint8 with ``ignore`` as 255. Raise ValueError for an unknown id."""
    top = IGNORE_ID if classes is None else classes
    if ids.dtype == np.uint8:
        counts = np.bincount(ids.ravel(), minlength=256)
        present = np.flatnonzero(counts)
        counts = counts[present]
    else:
        present, counts = np.unique(ids.astype(np.int64), return_counts=True)
    wrong = (present != ignore) & ((present < 0) | (present >= top))
    if wrong.any():
        bad, pixels = present[wrong], int(counts[wrong].sum())
        listing = first_of(bad)
        known = "map your ids to the label set's, whose first class has id 0"
        fix = "negative ids do not exist" if (bad < 0).any() else known
        raise ValueError(
            f"{where}: expected ids 0 to {top - 1}, or {ignore} for ignored, got {listing} ({pixels} pixels); {fix}"
        )
    return np.where(ids == ignore, IGNORE_ID, ids).astype(np.uint8)
