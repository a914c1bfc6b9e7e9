"""Write images and labels as the files of annotation tools. Each file is written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.atomic_file import whole_file
from ..core.output_paths import check_output
from ..images.reader import list_images
from ..labels import IGNORE_ID, LandmarkSet, SegmentationSet, segmentation_set
from . import coco, labelme, pts
from .checks import check_landmarks
from .coco_writer import faces_to_coco, masks_to_coco
from .image_finder import image_size
from .label_items import Labels
from .label_names import check_writable
from .labelme_writer import faces_to_labelme, mask_to_labelme
from .mask_checks import check_masks
from .mask_files import mask_to_png
from .pts import points_to_pts
from .records import Task
from .set_inference import given_set, unnamed_landmark_set
from .values import Size, duplicates

Format = Literal["labelme", "coco", "pts", "png"]
_SUFFIX = {"labelme": ".json", "pts": ".pts", "png": ".png"}
_FORMATS = {"landmarks": ("labelme", "coco", "pts"), "segmentation": ("labelme", "coco", "png")}
_ORIGINS = {"labelme": labelme.ORIGIN, "coco": coco.ORIGIN, "pts": pts.ORIGIN, "png": 0.0}


@dataclass(frozen=True)
class _Target:
    """Where and how the labels are written.

    Attributes:
        path: The .json file of COCO, or the folder of the other formats.
        format: The format.
        images: File of each image.
        names: Name of each image in the label file, relative to it.
        sizes: (H, W) of each image.
    """

    path: Path
    format: Format
    images: Sequence[Path]
    names: Sequence[str]
    sizes: Sequence[Size]


def write_labels(
    path: str | os.PathLike[str],
    images: Any,
    labels: Labels,
    task: Task,
    names: Any = None,
    format: Format = "labelme",
    *,
    visible: Any = None,
    origin: float | None = None,
) -> list[Path]:
    """Write labels in the format of an annotation tool. `read_labels` gives back the same labels.

    Everything is checked before the first file is written. Existing label files are replaced, images never.

    Args:
        path: For "labelme", "pts" and "png" a folder with one file per image; it is created if missing. For "coco" one
            .json file.
        images: The image files, or their folder. JSON files hold their paths relative to the label file. .pts files
            and masks hold none: if they are in another folder, pass ``images=`` to `read_labels`.
        labels: As for `facekit.adapt`.
        task: "landmarks" or "segmentation".
        names: A label set as for `facekit.adapt`.
        format: "labelme", "coco", "pts" (landmarks only) or "png" (segmentation only).
        visible: Shape (N, K): 0 not labelled, 1 hidden, 2 visible, as in COCO. LabelMe stores it, too.
        origin: As in `read_labels`.

    Returns:
        The files that were written.

    Raises:
        ValueError: If the labels do not fit the images; the task does not have the format; two images would share one
            label file; or the path cannot be written.
    """
    if task not in _FORMATS:
        raise ValueError(f"expected task 'landmarks' or 'segmentation', got task={task!r}; label files hold these two")
    if format not in _FORMATS[task]:
        known = ", ".join(map(repr, _FORMATS[task]))
        raise ValueError(f"expected format {known} for {task}, got format={format!r}; choose one of them")
    user_set = given_set(names, task)
    files = _image_files(images)
    size_of = {file: image_size(file) for file in dict.fromkeys(files)}
    # COCO has one file for all images, the other formats one per image.
    output = check_output(path, (".json",)) if format == "coco" else check_output(path, folder=True)
    shift = _ORIGINS[format] if origin is None else float(origin)
    folder = output.parent if format == "coco" else output
    written_names = [_relative(file, folder) for file in files]
    target = _Target(output, format, files, written_names, [size_of[file] for file in files])
    if task == "landmarks":
        contents = _landmark_contents(target, labels, user_set, visible, shift)
    else:
        contents = _mask_contents(target, labels, user_set)
    _check_distinct(contents, files)
    for file, content in contents:
        with whole_file(file) as temporary:
            temporary.write_bytes(content)
    return [file for file, _ in contents]


def _landmark_contents(
    target: _Target, labels: Labels, user_set: LandmarkSet | None, visible: Any, origin: float
) -> list[tuple[Path, bytes]]:
    """Return path and content of each file of landmarks."""
    images, names, sizes = target.images, target.names, target.sizes
    points = check_landmarks(labels, sizes, [p.name for p in images], None if user_set is None else len(user_set))
    label_set = unnamed_landmark_set(points.shape[1]) if user_set is None else user_set
    flags = _check_visibility(visible, points)
    if target.format == "coco":
        return [(target.path, _to_bytes(faces_to_coco(names, sizes, points, flags, label_set, origin)))]
    if target.format == "pts":
        if (flags == 1).any():
            raise ValueError(
                "expected no hidden points in visible=, because .pts has none; leave it out, or write 'coco'"
            )
        texts = [points_to_pts(face, origin).encode() for face in points]
        return [(target.path / f"{p.stem}.pts", content) for p, content in zip(images, texts, strict=True)]
    contents = []
    rows_of: dict[Path, list[int]] = {}
    for i, image in enumerate(images):
        rows_of.setdefault(image, []).append(i)
    for image, rows in rows_of.items():
        if len(rows) > 1 and any(not flags[i].any() for i in rows):
            got = "one of several faces without any"
            raise ValueError(f"{image.name}: expected points of every face, got {got}; leave that face out")
        first = rows[0]
        faces, visibility = [points[i] for i in rows], [flags[i] for i in rows]
        data = faces_to_labelme(names[first], sizes[first], faces, visibility, label_set, origin)
        contents.append((target.path / f"{image.stem}.json", _to_bytes(data)))
    return contents


def _mask_contents(target: _Target, labels: Labels, user_set: SegmentationSet | None) -> list[tuple[Path, bytes]]:
    """Return path and content of each file of masks."""
    items = [p.name for p in target.images]
    if user_set is None:
        masks = check_masks(labels, target.sizes, None, IGNORE_ID, items)
        highest = max(int(m[m < IGNORE_ID].max(initial=0)) for m in masks)
        label_set = segmentation_set(None, max(2, 1 + highest))
    else:
        masks = check_masks(labels, target.sizes, len(user_set), user_set.ignore, items)
        label_set = replace(user_set, ignore=IGNORE_ID)
    check_writable(label_set)
    if target.format == "coco":
        if repeated := duplicates(target.names):
            fix = "put its classes into one mask"
            raise ValueError(f"expected one mask per image, got {repeated[0]} twice; {fix}")
        return [(target.path, _to_bytes(masks_to_coco(target.names, masks, label_set)))]
    contents = []
    for image, name, size, mask in zip(target.images, target.names, target.sizes, masks, strict=True):
        if target.format == "png":
            content = mask_to_png(mask, label_set)
        else:
            content = _to_bytes(mask_to_labelme(name, size, mask, label_set))
        contents.append((target.path / f"{image.stem}{_SUFFIX[target.format]}", content))
    return contents


def _image_files(images: Any) -> list[Path]:
    """Return the image files of a folder, of one path or of a sequence of paths."""
    if isinstance(images, (str, os.PathLike)):
        return list_images(images) if Path(images).is_dir() else [Path(images)]
    items = list(images)
    for i, image in enumerate(items):
        if not isinstance(image, (str, os.PathLike)):
            fix = "label files hold the name of the image's file, so save it first"
            raise ValueError(f"image {i}: expected a path, got {type(image).__name__}; {fix}")
    return [Path(image).expanduser() for image in items]


def _check_visibility(visible: Any, points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the visibility (N, K) of points (N, K, 2). Raise ValueError if it contradicts the NaN of the points."""
    labelled = ~np.isnan(points[..., 0])
    if visible is None:
        return np.where(labelled, 2, 0).astype(np.uint8)
    flags = np.asarray(visible)
    if flags.shape != labelled.shape or not np.isin(flags, (0, 1, 2)).all():
        got = f"shape {flags.shape} with values {np.unique(flags)[:5].tolist()}"
        raise ValueError(f"visible: expected {labelled.shape} of 0, 1 and 2, got {got}; give one for each point")
    wrong = np.argwhere((flags > 0) != labelled)
    if len(wrong):
        i, k = wrong[0].tolist()
        expected = "expected 0 for points that are NaN, and only for those"
        raise ValueError(f"{expected}, got visible={flags[i, k]} for point {k} of face {i}; correct it")
    return flags.astype(np.uint8)


def _check_distinct(contents: Sequence[tuple[Path, bytes]], images: Sequence[Path]) -> None:
    """Raise ValueError if two files would have one name, in any letter case, or an image would be replaced."""
    taken: set[str] = set()
    originals = {image.resolve() for image in images}
    for file, _ in contents:
        if file.name.casefold() in taken:
            got = f"two images that would share {file.name}"
            raise ValueError(f"expected images of different names, got {got}; rename one of them")
        if file.resolve() in originals:
            raise ValueError(f"expected another folder, got {file.name}, which is the image itself; choose another one")
        taken.add(file.name.casefold())


def _relative(image: Path, folder: Path) -> str:
    """Return the path of an image relative to a folder, with slashes."""
    try:
        return Path(os.path.relpath(image.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive of Windows
        return image.resolve().as_posix()


def _to_bytes(data: dict[str, Any]) -> bytes:
    return json.dumps(data, indent=1, allow_nan=False).encode()
