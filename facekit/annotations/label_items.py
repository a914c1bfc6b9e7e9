"""Bring the user's labels into a list with one item per image, and name the items in errors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from PIL import Image

from ..core.name_index import folded_name, plain_name
from ..images.reader import list_images
from ..images.types import Images

# The labels of one or many images: an array, a tensor, a folder, or one item per image. See `facekit.adapt`.
Labels = Images | ArrayLike
# (H, W) of each image in pixels.
Sizes = Sequence[tuple[int, int]]
# Name of each image for errors: a file name or "image 3", counted from 0.
Names = Sequence[str] | None


def list_items(labels: Labels | None, sizes: Sizes, rank: int, item: str, names: Names = None) -> list[Any]:
    """Return labels as a list with one item per image.

    Args:
        labels: A folder, a path, an image, an array, a tensor or an iterable. For a single image, the bare label.
        sizes: (H, W) of each image.
        rank: Number of dimensions of one item.
        item: What one item is, for the message: "(K,2)".
        names: Name of each image.

    Returns:
        The items. Their number is not checked. The files of a folder are in the order of the images.

    Raises:
        ValueError: If the labels cannot be listed, or a file of a folder is missing.
    """
    if isinstance(labels, (str, os.PathLike)):
        return _files_of_folder(labels, names) if os.path.isdir(labels) else [labels]
    if isinstance(labels, Image.Image):
        return [labels]
    if isinstance(labels, torch.Tensor):
        return [labels] if _is_one(labels, rank, len(sizes)) else list(labels)
    if hasattr(labels, "__array__"):
        array = np.asarray(labels)
        return [array] if array.dtype != object and _is_one(array, rank, len(sizes)) else list(array)
    if not isinstance(labels, Iterable) or isinstance(labels, (Mapping, Set, bytes)):
        got = type(labels).__name__
        raise ValueError(f"labels: expected one {item} per image, {len(sizes)} in all, got {got}; pass a list or array")
    items = list(labels)
    # Nested lists can be the rows of one label. For targets (rank 3) this is impossible: (H, W) is a whole image.
    bare = len(sizes) == 1 and rank == 2 and bool(items) and _rank(items[0]) == 1
    return [items] if bare else items


def _is_one(array: np.ndarray | torch.Tensor, rank: int, images: int) -> bool:
    """Return whether an array is the label of one image, and not a batch of labels."""
    if array.ndim == 0 or (images == 1 and array.ndim <= rank):
        return True
    # A mask, or a mask as colours (H, W, 3), for which the check of the mask has a message.
    colours = array.ndim == 3 and array.shape[-1] in (3, 4) and len(array) > 1
    return rank == 2 and (array.ndim == 2 or (images == 1 and colours))


def item_name(kind: str, i: int, names: Names, item: Any = None) -> str:
    """Return the name of a label for errors: "mask 3 (anna.png)".

    Args:
        kind: What the label is: "mask".
        i: Its number, from 0.
        names: Name of each image.
        item: The label. If it is a path, its file name is used instead of the image's.

    Returns:
        The name.
    """
    name = os.path.basename(os.fsdecode(item)) if isinstance(item, (str, os.PathLike)) else names[i] if names else ""
    return f"{kind} {i} ({name})" if name and name != f"image {i}" else f"{kind} {i}"


def check_count(count: int, images: int, plural: str, one: str) -> None:
    """Check that there is one label per image.

    Args:
        count: Number of labels.
        images: Number of images.
        plural: What the labels are, for the message: "masks".
        one: What one label is, for the message: "one mask".

    Raises:
        ValueError: If the numbers differ, or are 0.
    """
    if count != images or images == 0:
        photos = f"{images} image" + ("" if images == 1 else "s")
        raise ValueError(f"expected {one} per image, got {photos} but {count} {plural}; pass as many labels as images")


def check_same_size(
    got: Sequence[int], size: tuple[int, int], where: str, fix: str, kind: type[ValueError] = ValueError
) -> None:
    """Check that a label has the size of its image.

    Args:
        got: (H, W) of the label.
        size: (H, W) of the image.
        where: Name of the label for the message.
        fix: What to do, for the message.
        kind: Type of the error.

    Raises:
        ValueError: If the sizes differ (``kind``).
    """
    if tuple(got) != tuple(size):
        if tuple(got) == tuple(size)[::-1]:
            fix = "height and width are swapped, so transpose it, or label the image turned as its EXIF data says"
        expected = f"expected its image's height x width {size[0]} x {size[1]}"
        raise kind(f"{where}: {expected}, got {got[0]} x {got[1]}; {fix}")


def number_array(values: Any, where: str) -> np.ndarray:
    """Return an array-like of numbers as an array.

    Args:
        values: Array, tensor, number, or nested lists of these.
        where: Name of the label for the message.

    Returns:
        float64 array of the same shape.

    Raises:
        ValueError: If the values are no numbers, or rows differ in length.
    """
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().double().numpy()
    elif isinstance(values, (list, tuple)) and any(isinstance(value, torch.Tensor) for value in values):
        values = [number_array(value, where) for value in values]
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"type {array.dtype}")
        return array.astype(np.float64)
    except (ValueError, TypeError) as error:
        got = f"{type(values).__name__} ({error})"
        fix = "give every row the same length, and NaN where there is no label"
        raise ValueError(f"{where}: expected an array of numbers, got {got}; {fix}") from error


def _rank(value: Any) -> int:
    """Return the number of dimensions of an array or of nested lists."""
    if isinstance(value, (list, tuple)):
        return 1 + _rank(value[0]) if value else 1
    return int(getattr(value, "ndim", 0))


def _files_of_folder(folder: str | os.PathLike[str], names: Names) -> list[Any]:
    """Return the image files of a folder in the order of the images.

    For a.jpg the file is a.png, a.jpg.png, a_mask.png or the like. Raise ValueError if an image has no file.
    """
    files = list_images(folder)
    if not names or not all(Path(name).suffix for name in names) or len(files) != len(names):
        return list(files)
    waiting: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        waiting.setdefault(folded_name(Path(name).stem), []).append(i)
    of_image: dict[int, Path] = {}
    for file in files:
        # "a.jpg.png" is named after the whole name of a.jpg.
        for stem in (folded_name(file.stem), folded_name(Path(plain_name(file.stem)).stem)):
            if waiting.get(stem):
                of_image[waiting[stem].pop(0)] = file
                break
    taken = set(of_image.values())
    for file in files:
        stem = folded_name(file.stem)
        beginnings = (stem[:end] for end in range(len(stem), 0, -1) if waiting.get(stem[:end]))
        beginning = None if file in taken else next(beginnings, None)
        if beginning is not None:
            of_image[waiting[beginning].pop(0)] = file
    missing = [i for i in range(len(names)) if i not in of_image]
    if missing:
        name, taken = names[missing[0]], set(of_image.values())
        stem, other = Path(name).stem, next(file.name for file in files if file not in taken)
        fix = f"rename it to {stem}.png, or pass a list of files"
        raise ValueError(f"{name}: expected a label named {stem}.*, got {other}; {fix}")
    return [of_image[i] for i in range(len(names))]
