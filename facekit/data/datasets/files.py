"""Files of published data sets: folders that the user downloads, masks of class ids, and points."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...annotations.mask_files import read_mask_file
from ...images.reader import ImageError
from ...labels import SYNTHPARSE_11, SegmentationSet, segmentation_map


def dataset_folder(folder: str | os.PathLike[str], inside: tuple[str, ...], title: str, layout: str, home: str) -> Path:
    """Check that a folder of a data set is complete.

    Args:
        folder: The folder.
        inside: Files and folders that it must contain.
        title: Name of the data set.
        layout: Which files lie where in it.
        home: Page to get it from.

    Returns:
        The folder's path.

    Raises:
        FileNotFoundError: If something is missing. The text gives title, layout and home.
    """
    root = Path(folder).expanduser()
    missing = [str(root / part) for part in inside if not (root / part).exists()]
    if missing:
        raise missing_files(", ".join(missing), title, layout, home)
    return root


def missing_files(missing: str, title: str, layout: str, home: str) -> FileNotFoundError:
    """Return the error about missing files of a data set.

    Args:
        missing: Paths of what is missing, for the message.
        title: Name of the data set.
        layout: Expected layout of its folder.
        home: Where users get it.

    Returns:
        The error. The caller raises it.
    """
    return FileNotFoundError(
        f"{missing} does not exist, expected {title} ({layout}); facekit does not contain it, so get it from {home}"
    )


def check_split(split: str, choices: tuple[str, ...], title: str) -> str:
    """Check the name of a split.

    Args:
        split: The name.
        choices: Names of the data set's splits.
        title: Name of the data set.

    Returns:
        The name.

    Raises:
        ValueError: If the data set has no such split.
    """
    if split not in choices:
        raise ValueError(f"split of {title}: expected one of {', '.join(choices)}, got {split!r}")
    return split


def read_ids(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Read the class ids of a mask file without mapping them.

    Args:
        path: The file.
        size: (H,W) of its image.

    Returns:
        (H,W) uint8 ids.

    Raises:
        ValueError: If it is no PNG with one channel of 8 bits and this size. It may be an ImageError.
    """
    try:
        return read_mask_file(path, size)[0]
    except ImageError:
        raise  # its text names the file already
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def map_ids(ids: NDArray[np.uint8], table: NDArray[np.uint8], count: int, where: str) -> NDArray[np.uint8]:
    """Map class ids by a table.

    Args:
        ids: (H,W) uint8. Allowed are 0 to `count - 1` and 255.
        table: (256,) uint8, the new id of each id.
        count: Number of classes.
        where: Name of the mask in errors.

    Returns:
        `table[ids]`, (H,W) uint8.

    Raises:
        ValueError: If the mask has other ids.
    """
    present = np.flatnonzero(np.bincount(ids.ravel(), minlength=256))
    unknown = present[(present >= count) & (present != SYNTHPARSE_11.ignore)]
    if len(unknown):
        listing = ", ".join(str(i) for i in unknown)
        expected = f"expected ids 0 to {count - 1}, or {SYNTHPARSE_11.ignore} for ignored"
        raise ValueError(f"{where}: {expected}, got ids {listing}; check which data set the mask is from")
    return table[ids]


def map_classes(
    ids: NDArray[np.uint8], source: SegmentationSet, where: str, target: SegmentationSet = SYNTHPARSE_11
) -> NDArray[np.uint8]:
    """Map class ids from one label set to another by the names of the classes.

    Args:
        ids: (H,W) uint8 ids of `source`; 255 is ignored.
        source: Label set of the ids.
        where: Name of the mask in errors.
        target: Label set of the result.

    Returns:
        (H,W) uint8 ids of `target`.

    Raises:
        ValueError: If the mask has ids outside of `source`.
    """
    return map_ids(ids, segmentation_map(source, target), len(source), where)


def read_points(path: Path, count: int) -> NDArray[np.float64]:
    """Read points from .npy or from text, in which every line of two numbers is a point.

    This text format covers LaPa (whose first line is the count), iBugMask ("# 68"), 300-W (.pts), Face Synthetics and
    Helen ("x , y" below the image's name). A file of a single line is the count and then all numbers, as of Cat-Head.

    Args:
        path: The file.
        count: Expected number of points.

    Returns:
        (count,2) float64 x,y in pixels.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has another number of points, or one that is not finite.
    """
    if path.suffix == ".npy":
        try:
            points = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(
                f"{path.name}: expected an .npy file, got one that is not readable ({error}); copy or download it again"
            ) from error
    elif path.exists():
        points = np.array([p for p in map(_numbers, _point_lines(path, count)) if p is not None])
    else:
        raise FileNotFoundError(f"{path} does not exist, expected a file of {count} points; copy the data set again")
    if points.shape != (count, 2) or not np.isfinite(points).all():
        got = f"points of shape {points.shape}" if points.shape != (count, 2) else "NaN or inf"
        raise ValueError(f"{path.name}: expected {count} points x y in pixels, got {got}; check the file")
    return points.astype(np.float64)


def _point_lines(path: Path, count: int) -> list[str]:
    """Return the lines of a text file. A single line with the count in front is split into one line per point."""
    lines = path.read_text(errors="replace").splitlines()
    words = lines[0].split() if len(lines) == 1 else []
    return [" ".join(words[i : i + 2]) for i in range(1, len(words), 2)] if words[:1] == [str(count)] else lines


def _numbers(line: str) -> tuple[float, float] | None:
    """Parse a line of two numbers, with or without a comma between. Return None for any other line."""
    words = line.replace(",", " ").split()
    try:
        return (float(words[0]), float(words[1])) if len(words) == 2 else None
    except ValueError:
        return None
