"""From images and labels to the files of annotation tools, each whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.atomic_file import whole_file
from ..core.output_paths import check_output
from ..images.reader import list_images
from ..labels import LandmarkSet, SegmentationSet, segmentation_set
from . import coco, labelme, pts
from .checks import check_landmarks, check_masks
from .coco import coco_of_faces, coco_of_masks
from .image_index import size_of
from .label_names import IGNORE, check_writable, given_set, unnamed_points
from .labelme import labelme_of_faces, labelme_of_mask
from .mask_files import png_of_mask
from .pts import pts_of_points
from .records import Size, Task, repeated

Format = Literal["labelme", "coco", "pts", "png"]
_SUFFIX = {"labelme": ".json", "pts": ".pts", "png": ".png"}
_FORMATS = {"landmarks": ("labelme", "coco", "pts"), "segmentation": ("labelme", "coco", "png")}
_ORIGINS = {"labelme": labelme.ORIGIN, "coco": coco.ORIGIN, "pts": pts.ORIGIN, "png": 0.0}


def write_labels(
    path: str | os.PathLike[str],
    images: Any,
    labels: Any,
    task: Task,
    names: Any = None,
    format: Format = "labelme",
    *,
    visible: Any = None,
    origin: float | None = None,
) -> list[Path]:
    """Write labels as annotation tools read them; `read_labels` gives back the same. Returns the files written.

    path: for "labelme", "pts" and "png" a folder (made where it is missing), with one file an image; for "coco"
    one .json file. Existing label files are replaced, images never. images: the image files, or their folder.
    labels, names: as for `facekit.adapt`. visible: (N,K) of 0, 1, 2 as in COCO, which LabelMe holds as well. origin: as
    in `read_labels`. JSON names the images relative to itself; .pts and masks are found by the images' names only,
    so pass read_labels(images=) where they lie apart.

    All is checked before the first file is written, then each appears whole or not at all.
    Raises ValueError for labels that do not go with the images, a format that the task does not have, names of
    images that would meet in one file, a path that cannot be written.
    """
    if task not in _FORMATS:
        raise ValueError(f"task={task!r} came, expected 'landmarks' or 'segmentation': label files hold these two")
    if format not in _FORMATS[task]:
        known = ", ".join(map(repr, _FORMATS[task]))
        raise ValueError(f"format={format!r} came for {task}, expected {known}: choose one of them")
    given = given_set(names, task)
    photos = _images(images)
    of_image = {image: size_of(image) for image in dict.fromkeys(photos)}
    sizes = [of_image[image] for image in photos]
    target = _check_target(path, format)
    shift = _ORIGINS[format] if origin is None else float(origin)
    folder = target.parent if format == "coco" else target
    called = [_relative(image, folder) for image in photos]
    if task == "landmarks":
        contents = _landmarks(target, photos, called, sizes, labels, given, format, visible, shift)
    else:
        contents = _masks(target, photos, called, sizes, labels, given, format)
    _check_apart(contents, photos)
    for file, content in contents:
        with whole_file(file) as temporary:
            temporary.write_bytes(content)
    return [file for file, _ in contents]


def _landmarks(
    target: Path, images: Sequence[Path], called: Sequence[str], sizes: Sequence[Size], labels: Any,
    given: LandmarkSet | None, format: str, visible: Any, origin: float,
) -> list[tuple[Path, bytes]]:  # fmt: skip
    points = check_landmarks(labels, sizes, [p.name for p in images], None if given is None else len(given))
    chosen = unnamed_points(points.shape[1]) if given is None else given
    seen = _visibility(visible, points)
    if format == "coco":
        return [(target, _json(coco_of_faces(called, sizes, points, seen, chosen, origin)))]
    if format == "pts":
        if (seen == 1).any():
            raise ValueError("hidden points came in visible=, but .pts has none: leave it out, or write 'coco'")
        texts = [pts_of_points(face, origin).encode() for face in points]
        return [(target / f"{p.stem}.pts", content) for p, content in zip(images, texts, strict=True)]
    contents = []
    rows_of: dict[Path, list[int]] = {}
    for i, image in enumerate(images):
        rows_of.setdefault(image, []).append(i)
    for image, rows in rows_of.items():
        faces, flags = [points[i] for i in rows], [seen[i] for i in rows]
        if len(rows) > 1 and any(not flag.any() for flag in flags):
            fix = "leave that face out"
            raise ValueError(f"{image.name}: one of several faces without any point came, expected points: {fix}")
        data = labelme_of_faces(called[rows[0]], sizes[rows[0]], faces, flags, chosen, origin)
        contents.append((target / f"{image.stem}.json", _json(data)))
    return contents


def _masks(
    target: Path, images: Sequence[Path], called: Sequence[str], sizes: Sequence[Size], labels: Any,
    given: SegmentationSet | None, format: str,
) -> list[tuple[Path, bytes]]:  # fmt: skip
    items = [p.name for p in images]
    if given is None:
        masks = check_masks(labels, sizes, None, IGNORE, items)
        chosen = segmentation_set(None, max(2, 1 + max(int(m[m < IGNORE].max(initial=0)) for m in masks)))
    else:
        masks = check_masks(labels, sizes, len(given), given.ignore, items)
        chosen = replace(given, ignore=IGNORE)
    check_writable(chosen)
    if format == "coco":
        if twice := repeated(called):
            raise ValueError(f"{twice[0]} came twice, expected one mask per image: put its classes into one mask")
        return [(target, _json(coco_of_masks(called, masks, chosen)))]
    contents = []
    for image, name, size, mask in zip(images, called, sizes, masks, strict=True):
        written = png_of_mask(mask, chosen) if format == "png" else _json(labelme_of_mask(name, size, mask, chosen))
        contents.append((target / f"{image.stem}{_SUFFIX[format]}", written))
    return contents


def _images(images: Any) -> list[Path]:
    if isinstance(images, (str, os.PathLike)):
        return list_images(images) if Path(images).is_dir() else [Path(images)]
    photos = list(images)
    for i, image in enumerate(photos):
        if not isinstance(image, (str, os.PathLike)):
            fix = "label files name the image's file, so save it first"
            raise ValueError(f"image {i}: {type(image).__name__} came, expected a path: {fix}")
    return [Path(image).expanduser() for image in photos]


def _visibility(visible: Any, points: NDArray[np.float32]) -> NDArray[np.uint8]:
    known = ~np.isnan(points[..., 0])
    if visible is None:
        return np.where(known, 2, 0).astype(np.uint8)
    seen = np.asarray(visible)
    if seen.shape != known.shape or not np.isin(seen, (0, 1, 2)).all():
        came = f"visible of shape {seen.shape} with values {np.unique(seen)[:5].tolist()} came"
        raise ValueError(f"{came}, expected {known.shape} of 0, 1 and 2: one for each point")
    wrong = np.argwhere((seen > 0) != known)
    if len(wrong):
        i, k = wrong[0].tolist()
        came = f"visible={seen[i, k]} came for point {k} of face {i}"
        fix = "0 is for points that are NaN, and only for those"
        raise ValueError(f"{came}, expected it to go with the labels: {fix}")
    return seen.astype(np.uint8)


def _check_target(path: str | os.PathLike[str], format: str) -> Path:
    if format != "coco":
        return check_output(path, folder=True)  # one file an image
    return check_output(path, (".json",))  # all images in one


def _check_apart(contents: Sequence[tuple[Path, bytes]], images: Sequence[Path]) -> None:
    """Raises ValueError where two files would have one name (on any file system), or an image would be lost."""
    taken: set[str] = set()
    originals = {image.resolve() for image in images}
    for file, _ in contents:
        if file.name.casefold() in taken:
            raise ValueError(f"two images would share {file.name}, expected different names: rename one of them")
        if file.resolve() in originals:
            raise ValueError(f"{file.name} would replace the image itself, expected another folder: choose one")
        taken.add(file.name.casefold())


def _relative(image: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(image.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive of Windows
        return image.resolve().as_posix()


def _json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, indent=1, allow_nan=False).encode()
