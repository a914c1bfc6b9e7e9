"""Check landmarks, attributes and target images against the images, and bring them into one form per task.

`mask_checks` does the same for masks. A single label may come without a list for a single image. A folder stands for
its image files in natural order. All errors are ``ValueError`` and name the item.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence

import numpy as np

from ..images.formats import ImageError
from ..images.reader import load_image
from .label_items import Labels, Names, Sizes, check_count, check_same_size, item_name, list_items, number_array

_MAX_LISTED = 8


def check_landmarks(labels: Labels | None, sizes: Sizes, names: Names = None, k: int | None = None) -> np.ndarray:
    """Check the landmarks of all images. Warns if all points lie in [0, 1], because pixels are expected.

    Args:
        labels: Array, tensor or list, one array of shape (K, 2) per image.
        sizes: (H, W) of each image in pixels.
        names: Name of each image for errors.
        k: Number of points of the label set in use. None: that of the first image.

    Returns:
        Array of shape (N, K, 2), float32: x and y in pixels of each image. NaN: not labelled.

    Raises:
        ValueError: If the shape, or the number of faces or points is wrong; a value is no number or infinite; a point
            has only one of x and y; no point is labelled; or a point is further outside than the image is large
            (x < -W or x > 2 W).
    """
    if isinstance(labels, (str, os.PathLike)):
        name = os.path.basename(os.fsdecode(labels))
        raise ValueError(f"landmarks: expected an (N,K,2) array, got a path ({name}); read the file first")
    items = list_items(labels, sizes, 2, "(K,2)")
    check_count(len(items), len(sizes), "arrays of landmarks", "one (K,2) array")
    faces: list[np.ndarray] = []
    for i, item in enumerate(items):
        where = item_name("landmarks", i, names)
        face = number_array(item, where)
        if face.ndim != 2 or face.shape[1] != 2:
            fix = "drop the third column" if face.ndim == 2 and face.shape[1] == 3 else "give x and y of every point"
            raise ValueError(f"{where}: expected shape (K,2), got {face.shape}; {fix}")
        faces.append(face)
        count, why = (k, "the label set") if k is not None else (len(faces[0]), "the first image")
        if len(face) != count:
            fix = "give every face the same points, NaN for those not labelled"
            raise ValueError(f"{where}: expected {count} points as in {why}, got {len(face)}; {fix}")
        _check_points(face, sizes[i], where)
    points = np.stack(faces).astype(np.float32)
    labelled = points[~np.isnan(points)]
    if labelled.size == 0:
        got = f"all {points.shape[1]} points of all {len(points)} images as NaN"
        raise ValueError(f"landmarks: expected some labelled points, got {got}; check how the labels were read")
    _warn_of_repeated_values(points, names)
    if labelled.size > 2 and labelled.min() >= 0 and labelled.max() <= 1 and min(min(size) for size in sizes) > 8:
        fix = "multiply x by the width and y by the height"
        warnings.warn(f"expected landmarks in pixels, got all of them in [0,1]; {fix}", stacklevel=2)
    return points


def check_targets(labels: Labels | None, sizes: Sizes, names: Names = None) -> list[np.ndarray]:
    """Check the target images of stylization and shadow removal.

    Args:
        labels: One image per image: anything that `facekit.images.load_image` takes.
        sizes: (H, W) of each image in pixels.
        names: Name of each image for errors.

    Returns:
        Arrays of shape (H, W, 3), uint8 RGB, each of the size of its image.

    Raises:
        ImageError: If a target cannot be read or has another size. It is a ``ValueError``.
        ValueError: If the number of targets is wrong.
    """
    items = list_items(labels, sizes, 3, "target image", names)
    check_count(len(items), len(sizes), "target images", "one target image")
    targets: list[np.ndarray] = []
    for i, item in enumerate(items):
        where = item_name("target", i, names, item)
        target = load_image(item, where)
        check_same_size(target.shape[:2], sizes[i], where, "crop or resize both alike", ImageError)
        targets.append(target)
    return targets


def check_attributes(
    labels: Labels | None, n: int, names: Names = None, attributes: Sequence[str] | None = None
) -> np.ndarray:
    """Check the attributes of all images.

    Args:
        labels: Array, tensor or list of numbers or bool, one row per image. A bare row for a single image.
        n: Number of images.
        names: Name of each image for errors.
        attributes: Names of the columns, if known.

    Returns:
        Array of shape (N, A), float32, of 0 and 1. NaN: not labelled.

    Raises:
        ValueError: If the shape is wrong, a value is none of 0, 1 and NaN, or nothing is labelled.
    """
    if isinstance(labels, (str, os.PathLike)):
        name = os.path.basename(os.fsdecode(labels))
        fix = "read the file with facekit.annotations.read_attributes"
        raise ValueError(f"attributes: expected an (N,A) array, got a path ({name}); {fix}")
    values = number_array(labels, "attributes")
    if n == 1 and values.ndim == 1:
        values = values[None]
    if values.ndim != 2:
        fix = "for a single attribute pass labels[:, None]" if values.ndim == 1 else "give one row per image"
        raise ValueError(f"attributes: expected (N,A), got rank {values.ndim}, shape {values.shape}; {fix}")
    check_count(len(values), n, "rows of attributes", "one row")
    if values.shape[1] == 0 or (attributes is not None and values.shape[1] != len(attributes)):
        count = "at least one" if attributes is None else f"{len(attributes)} ({', '.join(attributes[:_MAX_LISTED])})"
        got = f"{values.shape[1]} columns"
        raise ValueError(f"attributes: expected {count}, got {got}; give one column per attribute")
    wrong = np.argwhere(~(np.isnan(values) | (values == 0) | (values == 1)))
    if len(wrong):
        row, column = (int(index) for index in wrong[0])
        which = f"column {column}" + (f" ({attributes[column]})" if attributes is not None else "")
        fix = "turn -1 and 1 into 0 and 1 with (labels + 1) / 2" if (values == -1).any() else "NaN means not labelled"
        got = f"{values[row, column]:g} in {which}"
        raise ValueError(f"{item_name('attributes', row, names)}: expected 0, 1 or NaN, got {got}; {fix}")
    if np.isnan(values).all():
        raise ValueError(f"attributes: expected some labels 0 and 1, got only NaN for {n} images; check the labels")
    return values.astype(np.float32)


def _warn_of_repeated_values(points: np.ndarray, names: Names) -> None:
    """Warn if several points of a face are (0, 0) or (-1, -1).

    Some annotation tools write these values for points that are not labelled; facekit expects NaN.
    """
    for value in (0.0, -1.0):
        several = (points == value).all(-1).sum(1) > 1
        if several.any():
            where = item_name("landmarks", int(several.argmax()), names)
            warnings.warn(
                f"{where}: expected NaN for points that are not labelled, got several points at ({value:g}, "
                f"{value:g}); replace them",
                stacklevel=3,
            )


def _check_points(face: np.ndarray, size: tuple[int, int], where: str) -> None:
    """Raise ValueError for points (K, 2) that are infinite, have one coordinate only, or lie far outside the image."""
    infinite = np.flatnonzero(np.isinf(face).any(axis=1))
    if len(infinite):
        raise ValueError(f"{where}: expected pixels, got inf in point {infinite[0]}; use NaN for points not labelled")
    half = np.flatnonzero(np.isnan(face).sum(axis=1) == 1)
    if len(half):
        x, y = face[half[0]]
        fix = "set both to NaN if it is not labelled"
        raise ValueError(f"{where}: expected both x and y of point {half[0]}, got ({x:g}, {y:g}); {fix}")
    height, width = size
    with np.errstate(invalid="ignore"):
        low, high = np.array([-width, -height]), np.array([2 * width, 2 * height])
        outside = np.flatnonzero(((face < low) | (face > high)).any(axis=1))
    if len(outside):
        x, y = face[outside[0]]
        more = f" and {len(outside) - 1} others" if len(outside) > 1 else ""
        got = f"point {outside[0]} at x={x:g}, y={y:g}{more}"
        expected = f"expected x in [{-width}, {2 * width}] and y in [{-height}, {2 * height}]"
        fix = f"check the order x, y and the scale; this image is {width} wide and {height} high"
        raise ValueError(f"{where}: {expected}, got {got}; {fix}")
