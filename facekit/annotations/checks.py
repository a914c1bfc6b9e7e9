"""Checks the user's labels against the images they belong to and brings them into one form a task.

Everywhere: sizes are (height, width) of the images in pixels, names are the images' names for the errors (a file
name or "image 3", counted from 0). A single label may come without a list for a single image, and a folder stands for
its image files in natural order. Errors are ValueErrors that say which item, what came, what was expected, what to do.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..core.name_index import folded_name, plain_name
from ..images.formats import ImageError
from ..images.reader import list_images, load_image
from ..labels.palettes import Colour, check_palettes
from .mask_ids import ids_of_image, read_ids, warn_of_stretched

IGNORE = 255
_LISTED = 8

Sizes = Sequence[tuple[int, int]]
Names = Sequence[str] | None


def check_landmarks(labels: Any, sizes: Sizes, names: Names = None, k: int | None = None) -> np.ndarray:
    """Landmarks of all images as (N,K,2) float32: x, y in pixels of each image, NaN = not labelled.

    labels: array, tensor or list, one (K,2) an image. k: the points of the label set in use.
    Raises ValueError for another count of faces or points, a wrong shape, no numbers, inf, a point with only one of x
    and y, points further outside than the image is large (x < -w or x > 2w), no point at all. Warns if all points lie
    in [0,1], because pixels are expected.
    """
    if isinstance(labels, (str, os.PathLike)):
        name = os.path.basename(os.fsdecode(labels))
        raise ValueError(f"landmarks: a path came ({name}), expected an (N,K,2) array: read the file first")
    items = _listed(labels, sizes, 2, "(K,2)")
    _check_count(len(items), len(sizes), "arrays of landmarks", "one (K,2) array")
    faces: list[np.ndarray] = []
    for i, item in enumerate(items):
        where = _item("landmarks", i, names)
        face = _numbers(item, where)
        if face.ndim != 2 or face.shape[1] != 2:
            fix = "drop the third column" if face.ndim == 2 and face.shape[1] == 3 else "give x and y of every point"
            raise ValueError(f"{where}: shape {face.shape} came, expected (K,2): {fix}")
        faces.append(face)
        wanted, why = (k, "the label set has") if k is not None else (len(faces[0]), "the first image has")
        if len(face) != wanted:
            fix = "give every face the same points, NaN for those not labelled"
            raise ValueError(f"{where}: {len(face)} points came, expected {wanted} as {why}: {fix}")
        _check_points(face, sizes[i], where)
    points = np.stack(faces).astype(np.float32)
    known = points[~np.isnan(points)]
    if known.size == 0:
        raise ValueError(
            f"landmarks: all {points.shape[1]} points of all {len(points)} images are NaN, expected some labelled: "
            "check how the labels were read"
        )
    _warn_of_unlabelled_points(points, names)
    if known.size > 2 and known.min() >= 0 and known.max() <= 1 and min(min(size) for size in sizes) > 8:
        fix = "multiply x by the width and y by the height"
        warnings.warn(f"all landmarks lie in [0,1], expected pixels: {fix}", stacklevel=2)
    return points


def _warn_of_unlabelled_points(points: np.ndarray, names: Names) -> None:
    """Warn where several points of a face are all (0, 0) or all (-1, -1), as some tools write what is not labelled."""
    for value in (0.0, -1.0):
        several = (points == value).all(-1).sum(1) > 1
        if several.any():
            where = _item("landmarks", int(several.argmax()), names)
            warnings.warn(
                f"{where}: several points at ({value:g}, {value:g}) came, expected NaN for points that are not "
                "labelled: replace them",
                stacklevel=3,
            )


def check_masks(
    labels: Any,
    sizes: Sizes,
    classes: int | None,
    ignore: int = IGNORE,
    names: Names = None,
    colours: Sequence[Colour] | None = None,
) -> list[np.ndarray]:
    """One (H,W) uint8 array of class ids per image; pixels labelled `ignore` become 255.

    labels: paths or PIL images (see `facekit.annotations.mask_ids`), numpy or torch (H,W) of integers or bool. classes: ids 0 to
    classes - 1 are allowed (None: 0 to 254). ignore: the user's value for "not labelled", also a negative one. colours:
    RGB of each class, for masks that store colours.
    Raises ValueError for another count, size or rank, colours or fractions instead of ids, unknown ids, masks with
    nothing labelled or with nothing but 0 and 255 in all images, palettes that disagree. Warns about single masks
    with nothing labelled.
    """
    if classes is not None and not 1 <= classes <= IGNORE:
        raise ValueError(f"{classes} classes came, expected 1 to {IGNORE}: {IGNORE} itself means ignored")
    items = _listed(labels, sizes, 2, "(H,W)", names)
    _check_count(len(items), len(sizes), "masks", "one mask")
    masks: list[np.ndarray] = []
    empty: list[str] = []
    found = np.zeros(256, dtype=bool)
    for i, item in enumerate(items):
        where = _item("mask", i, names, item)
        ids = _read_mask(item, where, colours)
        if ids.ndim != 2:
            fix = "one-hot masks need an argmax over the classes, (H,W,1) needs [..., 0]"
            raise ValueError(f"{where}: rank {ids.ndim}, shape {ids.shape} came, expected (H,W) class ids: {fix}")
        _check_same_size(ids.shape, sizes[i], where, "resize it with nearest neighbour")
        mask = _check_ids(ids, classes, ignore, where)
        present = np.bincount(mask.ravel(), minlength=256) > 0
        if not present[:IGNORE].any():
            empty.append(where)
        found |= present
        masks.append(mask)
    check_palettes(items, masks, [_item("mask", i, names, item) for i, item in enumerate(items)])
    if len(empty) == len(masks):
        came = f"every pixel of all {len(masks)} masks is ignored ({ignore})"
        raise ValueError(f"masks: {came}, expected labelled pixels: check the ids")
    if classes != 1 and ignore == IGNORE and np.flatnonzero(found).tolist() == [0, IGNORE]:
        # The usual black and white mask: its white would silently mean "not labelled".
        fix = "if 255 is a class in your masks, pass mask // 255"
        raise ValueError(f"masks: only the ids 0 and 255 (ignored) came, expected a class besides background: {fix}")
    if empty:
        listing = ", ".join(empty[:_LISTED]) + (" ..." if len(empty) > _LISTED else "")
        warnings.warn(f"{len(empty)} of {len(masks)} masks have every pixel ignored: {listing}", stacklevel=2)
    return masks


def check_targets(labels: Any, sizes: Sizes, names: Names = None) -> list[np.ndarray]:
    """One target image for each image, of its size: RGB (H,W,3) uint8 (stylization, shadow removal).

    labels: anything facekit.images.load_image takes, one per image. Raises ImageError (a ValueError) for an image that
    cannot be read or has another size, ValueError for another count.
    """
    items = _listed(labels, sizes, 3, "picture", names)
    _check_count(len(items), len(sizes), "target images", "one target image")
    targets: list[np.ndarray] = []
    for i, item in enumerate(items):
        where = _item("target", i, names, item)
        target = load_image(item, where)
        _check_same_size(target.shape[:2], sizes[i], where, "crop or resize both alike", ImageError)
        targets.append(target)
    return targets


def check_attributes(labels: Any, n: int, names: Names = None, attributes: Sequence[str] | None = None) -> np.ndarray:
    """Attributes of n images as (N,A) float32 of 0 and 1, NaN = not labelled.

    labels: array, tensor or list, numbers or bool, one row an image (a bare row for a single image). names: of the
    images. attributes: the names of the columns, if known.
    Raises ValueError for another shape, other values than 0, 1 and NaN, or no label at all.
    """
    if isinstance(labels, (str, os.PathLike)):
        name = os.path.basename(os.fsdecode(labels))
        fix = "read the file with facekit.annotations.read_attributes"
        raise ValueError(f"attributes: a path came ({name}), expected an (N,A) array: {fix}")
    values = _numbers(labels, "attributes")
    if n == 1 and values.ndim == 1:
        values = values[None]
    if values.ndim != 2:
        fix = "for a single attribute pass labels[:, None]" if values.ndim == 1 else "give one row an image"
        raise ValueError(f"attributes: rank {values.ndim}, shape {values.shape} came, expected (N,A): {fix}")
    _check_count(len(values), n, "rows of attributes", "one row")
    if values.shape[1] == 0 or (attributes is not None and values.shape[1] != len(attributes)):
        wanted = "at least one" if attributes is None else f"{len(attributes)} ({', '.join(attributes[:_LISTED])})"
        raise ValueError(f"attributes: {values.shape[1]} columns came, expected {wanted}: give one column an attribute")
    wrong = np.argwhere(~(np.isnan(values) | (values == 0) | (values == 1)))
    if len(wrong):
        row, column = (int(index) for index in wrong[0])
        which = f"column {column}" + (f" ({attributes[column]})" if attributes is not None else "")
        fix = "turn -1 and 1 into 0 and 1 with (labels + 1) / 2" if (values == -1).any() else "NaN means not labelled"
        came = f"{values[row, column]:g} in {which} came"
        raise ValueError(f"{_item('attributes', row, names)}: {came}, expected 0, 1 or NaN: {fix}")
    if np.isnan(values).all():
        raise ValueError(f"attributes: all labels of all {n} images are NaN, expected some 0 and 1: check the labels")
    return values.astype(np.float32)


def _item(kind: str, i: int, names: Names, item: Any = None) -> str:
    """ "mask 3 (anna.png)": which label is meant, by its own file name or else by its image's."""
    name = os.path.basename(os.fsdecode(item)) if isinstance(item, (str, os.PathLike)) else names[i] if names else ""
    return f"{kind} {i} ({name})" if name and name != f"image {i}" else f"{kind} {i}"


def _listed(labels: Any, sizes: Sizes, rank: int, one: str, names: Names = None) -> list[Any]:
    """The labels one by one; rank: that of a single label, which may come bare for a single image."""
    if isinstance(labels, (str, os.PathLike)):
        return _folder(labels, names) if os.path.isdir(labels) else [labels]
    if isinstance(labels, Image.Image):
        return [labels]
    if isinstance(labels, torch.Tensor):
        return [labels] if labels.ndim <= rank and len(sizes) == 1 else list(labels) if labels.ndim else [labels]
    if hasattr(labels, "__array__"):
        array = np.asarray(labels)
        if array.dtype != object and array.ndim <= rank and len(sizes) == 1:
            return [array]
        return list(array) if array.ndim else [array]
    if not isinstance(labels, Iterable) or isinstance(labels, (Mapping, Set, bytes)):
        came, expected = type(labels).__name__, f"expected one {one} an image, {len(sizes)} in all"
        raise ValueError(f"labels: {came} came, {expected}: pass a list or an array")
    listed = list(labels)
    # Nested lists of one label's rows; a target (rank 3) cannot be given so, since (H,W) is a whole image.
    bare = len(sizes) == 1 and rank == 2 and bool(listed) and _rank(listed[0]) == 1
    return [listed] if bare else listed


def _rank(value: Any) -> int:
    if isinstance(value, (list, tuple)):
        return 1 + _rank(value[0]) if value else 1
    return int(getattr(value, "ndim", 0))


def _folder(folder: str | os.PathLike[str], names: Names) -> list[Any]:
    """The folder's files in the order of the images' names: a.jpg with a.png, a.jpg.png, a_mask.png or the like."""
    files = list_images(folder)
    if not names or not all(Path(name).suffix for name in names) or len(files) != len(names):
        return list(files)
    waiting: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        waiting.setdefault(folded_name(Path(name).stem), []).append(i)
    of_name: dict[int, Path] = {}
    for file in files:
        # "a.jpg.png" is named after the whole name of a.jpg.
        for stem in (folded_name(file.stem), folded_name(Path(plain_name(file.stem)).stem)):
            if waiting.get(stem):
                of_name[waiting[stem].pop(0)] = file
                break
    taken = set(of_name.values())
    for file in files:
        own = folded_name(file.stem)
        begins = (own[:end] for end in range(len(own), 0, -1) if waiting.get(own[:end]))
        begin = None if file in taken else next(begins, None)
        if begin is not None:
            of_name[waiting[begin].pop(0)] = file
    missing = [i for i in range(len(names)) if i not in of_name]
    if missing:
        name, taken = names[missing[0]], set(of_name.values())
        stem, other = Path(name).stem, next(file.name for file in files if file not in taken)
        fix = f"call it {stem}.png, or pass a list of files"
        raise ValueError(f"{name}: no label of its name, but {other}, expected {stem}.*: {fix}")
    return [of_name[i] for i in range(len(names))]


def _check_count(came: int, photos: int, plural: str, one: str) -> None:
    if came != photos or photos == 0:
        images = f"{photos} image" + ("" if photos == 1 else "s")
        raise ValueError(f"{images} but {came} {plural}, expected as many: pass {one} per image")


def _check_same_size(
    came: Sequence[int], size: tuple[int, int], where: str, fix: str, kind: type[ValueError] = ValueError
) -> None:
    if tuple(came) != tuple(size):
        if tuple(came) == tuple(size)[::-1]:
            fix = "height and width are swapped, so transpose it, or label the image turned as its EXIF data says"
        expected = f"expected its image's {size[0]} x {size[1]}"
        raise kind(f"{where}: height x width {came[0]} x {came[1]} came, {expected}: {fix}")


def _numbers(values: Any, where: str) -> np.ndarray:
    """Anything array-like of numbers as float64."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().double().numpy()
    elif isinstance(values, (list, tuple)) and any(isinstance(value, torch.Tensor) for value in values):
        values = [_numbers(value, where) for value in values]
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"type {array.dtype}")
        return array.astype(np.float64)
    except (ValueError, TypeError) as error:
        came = f"{type(values).__name__} came ({error})"
        fix = "give every row the same length, and NaN where there is no label"
        raise ValueError(f"{where}: {came}, expected an array of numbers: {fix}") from error


def _check_points(face: np.ndarray, size: tuple[int, int], where: str) -> None:
    infinite = np.flatnonzero(np.isinf(face).any(axis=1))
    if len(infinite):
        raise ValueError(f"{where}: inf in point {infinite[0]} came, expected pixels: use NaN for points not labelled")
    half = np.flatnonzero(np.isnan(face).sum(axis=1) == 1)
    if len(half):
        x, y = face[half[0]]
        fix = "set both to NaN if it is not labelled"
        raise ValueError(f"{where}: point {half[0]} is ({x:g}, {y:g}), expected both x and y: {fix}")
    height, width = size
    with np.errstate(invalid="ignore"):
        low, high = np.array([-width, -height]), np.array([2 * width, 2 * height])
        outside = np.flatnonzero(((face < low) | (face > high)).any(axis=1))
    if len(outside):
        x, y = face[outside[0]]
        more = f" and {len(outside) - 1} others" if len(outside) > 1 else ""
        came = f"point {outside[0]} at x={x:g}, y={y:g}{more}"
        expected = f"expected x in [{-width}, {2 * width}] and y in [{-height}, {2 * height}]"
        fix = f"check the order x, y and the scale, this image being {width} wide and {height} high"
        raise ValueError(f"{where}: {came} came, {expected}: {fix}")


def _read_mask(item: Any, where: str, colours: Sequence[Colour] | None) -> np.ndarray:
    """The mask's numbers as they stand, integers or bool."""
    if isinstance(item, (str, os.PathLike)):
        return read_ids(item, where, colours).ids
    if isinstance(item, Image.Image):
        return ids_of_image(item, where, colours)
    if isinstance(item, torch.Tensor):
        item = item.detach().cpu()
        item = (item.double() if item.is_floating_point() else item).numpy()
    if not hasattr(item, "__array__") and not isinstance(item, (list, tuple)):
        kind = type(item).__name__
        raise ValueError(f"{where}: {kind} came, expected a path, PIL image, numpy or torch (H,W): convert it")
    try:
        ids = np.asarray(item)
    except ValueError as error:
        raise ValueError(f"{where}: rows of different lengths came, expected (H,W): make them equally long") from error
    if ids.dtype.kind == "f":
        whole = bool((np.isfinite(ids) & (ids == np.rint(ids))).all())
        fix = "use .astype(numpy.uint8) or .to(torch.uint8)" if whole else "probabilities need a threshold or an argmax"
        raise ValueError(f"{where}: numbers of type {ids.dtype} came, expected integer class ids: {fix}")
    if ids.dtype.kind not in "biu":
        raise ValueError(f"{where}: numbers of type {ids.dtype} came, expected integer class ids: convert them")
    warn_of_stretched(ids, where)
    return ids


def _check_ids(ids: np.ndarray, classes: int | None, ignore: int, where: str) -> np.ndarray:
    """(H,W) integers -> uint8 with `ignore` as 255."""
    top = IGNORE if classes is None else classes
    if ids.dtype == np.uint8:
        counts = np.bincount(ids.ravel(), minlength=256)
        found = np.flatnonzero(counts)
        counts = counts[found]
    else:
        found, counts = np.unique(ids.astype(np.int64), return_counts=True)
    wrong = (found != ignore) & ((found < 0) | (found >= top))
    if wrong.any():
        bad, pixels = found[wrong], int(counts[wrong].sum())
        listing = ", ".join(str(value) for value in bad[:_LISTED]) + (" ..." if len(bad) > _LISTED else "")
        fix = "negative ids do not exist" if (bad < 0).any() else "map your ids to the label set's"
        raise ValueError(
            f"{where}: ids {listing} ({pixels} pixels) came, expected 0 to {top - 1}, or {ignore} for ignored: {fix}"
        )
    return np.where(ids == ignore, IGNORE, ids).astype(np.uint8)
