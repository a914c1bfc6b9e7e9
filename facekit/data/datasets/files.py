"""What the readers share: folders that somebody has to fetch, masks of ids, points."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...annotations.mask_files import read_mask_file
from ...images.reader import ImageError
from ...labels import SYNTHPARSE_11, SegmentationSet, segmentation_map


def dataset_folder(folder: str | os.PathLike[str], inside: tuple[str, ...], title: str, layout: str, home: str) -> Path:
    """The folder, if it has everything named in `inside`.

    title, layout, home: the data set's name, what lies where in it, the page to get it from. Raises FileNotFoundError
    that says all of it.
    """
    root = Path(folder).expanduser()
    missing = [str(root / part) for part in inside if not (root / part).exists()]
    if missing:
        raise missing_files(", ".join(missing), title, layout, home)
    return root


def missing_files(missing: str, title: str, layout: str, home: str) -> FileNotFoundError:
    """The error about files of a data set that are not there."""
    why = "its licence does not let facekit bring it along"
    return FileNotFoundError(f"{missing} does not exist, expected {title} ({layout}): {why}, so get it from {home}")


def choice(split: str, known: tuple[str, ...], title: str) -> str:
    """The split, if the data set has it. Raises ValueError that lists those it has."""
    if split not in known:
        raise ValueError(f"split {split!r} came, but {title} has {', '.join(known)}: choose one of them")
    return split


def read_ids(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A mask file's ids as they stand, (H,W) uint8. size: (H,W) of its image.

    Raises ValueError (also ImageError) that names the file if it is no PNG with one channel of 8 bits and this size.
    """
    try:
        return read_mask_file(path, size)[0]
    except ImageError:
        raise  # it names the file already
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def mapped(ids: NDArray[np.uint8], table: NDArray[np.uint8], known: int, where: str) -> NDArray[np.uint8]:
    """`table[ids]`, (H,W) uint8. known: ids 0 to known - 1 and 255 may come.

    Raises ValueError that names `where` and the ids that are none of them.
    """
    found = np.flatnonzero(np.bincount(ids.ravel(), minlength=256))
    unknown = found[(found >= known) & (found != SYNTHPARSE_11.ignore)]
    if len(unknown):
        listing = ", ".join(str(i) for i in unknown)
        expected = f"expected 0 to {known - 1}, or {SYNTHPARSE_11.ignore} for ignored"
        raise ValueError(f"{where}: ids {listing} came, {expected}: check which data set the mask is from")
    return table[ids]


def mapped_from(
    ids: NDArray[np.uint8], source: SegmentationSet, where: str, target: SegmentationSet = SYNTHPARSE_11
) -> NDArray[np.uint8]:
    """`mapped` by the names of the source's classes."""
    return mapped(ids, segmentation_map(source, target), len(source), where)


def read_points(path: Path, count: int) -> NDArray[np.float64]:
    """Points (count,2) x,y in pixels, from .npy or from text: every line that is two numbers is a point.

    So LaPa's (its first line is the count), iBugMask's ("# 68"), 300-W's .pts and FaceSynthetics' are all read.
    Raises FileNotFoundError, or ValueError that names the file where the count is another.
    """
    if path.suffix == ".npy":
        try:
            points = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(f"{path.name}: not a readable .npy file ({error}): copy or download it again") from error
    else:
        points = np.array([p for p in map(_numbers, path.read_text(errors="replace").splitlines()) if p is not None])
    if points.shape != (count, 2) or not np.isfinite(points).all():
        came = f"points of shape {points.shape} came" if points.shape != (count, 2) else "NaN or inf came"
        raise ValueError(f"{path.name}: {came}, expected {count} points x y in pixels: check the file")
    return points.astype(np.float64)


def _numbers(line: str) -> tuple[float, float] | None:
    words = line.split()
    try:
        return (float(words[0]), float(words[1])) if len(words) == 2 else None
    except ValueError:
        return None
