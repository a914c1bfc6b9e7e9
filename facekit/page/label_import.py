"""Read what a visitor uploads to the labelling step: images, and label files of annotation tools beside them."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from ..annotations import LabelFiles, read_labels
from ..annotations.image_finder import ImageFinder
from ..images.reader import ImageError
from ..labelling import PartLabels, PointLabels
from .components import MOST_IMAGES
from .label_sheet import MOST_PARTS, MOST_POINTS, PARTS, POINTS, TASKS, Sheet
from .limits import MOST_PIXELS, read_photo
from .photo_files import numbered_names
from .sessions import new_file

LABEL_SUFFIXES = (".json", ".xml", ".pts")
LIST_SUFFIXES = (".txt",)  # a list of classes
MOST_FILES = 2 * MOST_IMAGES + 1
MOST_WARNINGS = 5


def read_uploads(files: list[str], kind: str) -> tuple[Sheet, str, list[str] | None]:
    """Read uploaded images and label files. A warning names each file that cannot be used.

    Args:
        files: Paths of the files.
        kind: POINTS or PARTS, the kind of labels to look for first.

    Returns:
        The images; the kind of the labels that were found, or ``kind``; the names of the points or parts, or None if
        there are no labels.

    Raises:
        ValueError: If there are too many files, or labels of too many names.
    """
    if len(files) > MOST_FILES:
        raise ValueError(f"expected at most {MOST_FILES} files, got {len(files)}; choose fewer")
    folder = new_file("uploads")
    folder.mkdir()
    names = numbered_names(files)
    for file, name in zip(files, names, strict=True):
        _link(Path(file), folder / name)
    found, found_kind = _labels_in(folder, names, kind)
    masks = set() if found is None or found_kind != PARTS else _mask_names(folder, names, found)
    beside = (*LABEL_SUFFIXES, *LIST_SUFFIXES)
    photos = [i for i, name in enumerate(names) if name not in masks and Path(name).suffix.lower() not in beside]
    if len(photos) > MOST_IMAGES:
        raise ValueError(f"expected at most {MOST_IMAGES} images, got {len(photos)}; choose fewer")
    sheet, factors = Sheet(), {}
    for i in photos:
        try:
            factors[names[i]] = sheet.add(read_photo(files[i]), names[i])
        except ImageError as error:
            gr.Warning(str(error), title="Left out")
    if found is None:
        return sheet, kind, None
    return sheet, found_kind, _add_labels(sheet, found, found_kind, factors, folder)


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it to another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _labels_in(folder: Path, names: list[str], kind: str) -> tuple[LabelFiles | None, str]:
    """Read the label files of a folder as one kind of labels, else as the other kind. None without labels."""
    finder = ImageFinder(folder, folder)
    has_files = any(Path(name).suffix.lower() in LABEL_SUFFIXES for name in names)
    has_masks = not has_files and any(_is_mask(finder, folder / name) for name in names)
    if not has_files and not has_masks:
        return None, kind
    kinds = [PARTS] if has_masks else [kind, PARTS if kind == POINTS else POINTS]
    message = ""
    for candidate in kinds:
        task = TASKS[candidate]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of skipped files; they are told below
                found = read_labels(folder, task, images=folder)
        except ValueError as error:
            message = message or str(error)
            continue
        for name, reason in list(found.skipped.items())[:MOST_WARNINGS]:
            gr.Warning(f"{name}: {reason}", title="Left out")
        return found, candidate
    gr.Warning(message.replace(f"{folder}: ", "").replace(str(folder), "the uploaded files"), title="Left out")
    return None, kind


def _is_mask(finder: ImageFinder, file: Path) -> bool:
    """Return whether a file is named as the mask of another uploaded image."""
    try:
        return file.suffix.lower() in (".png", ".gif", ".bmp", ".tif", ".tiff") and finder.of_mask(file) is not None
    except ValueError:
        return False


def _mask_names(folder: Path, names: list[str], found: LabelFiles) -> set[str]:
    """Return the names of the files that were read as masks."""
    if any(Path(name).suffix.lower() in LABEL_SUFFIXES for name in names):
        return set()
    finder = ImageFinder(folder, folder)
    return {name for name in names if name not in found.skipped and _is_mask(finder, folder / name)}


def _add_labels(sheet: Sheet, found: LabelFiles, kind: str, factors: dict[str, float], folder: Path) -> list[str]:
    """Give the images of a sheet the labels that were read.

    Args:
        sheet: The uploaded images. Images that only their label files hold are added.
        found: Images and labels.
        kind: POINTS or PARTS.
        factors: Scaling of each image by its name.
        folder: Folder of the uploads. Other images of this computer are not used.

    Returns:
        The names of the points, or of the parts without the background.
    """
    label_set: Any = found.names
    names = list(label_set.points if kind == POINTS else label_set.classes[1:])
    most = MOST_POINTS if kind == POINTS else MOST_PARTS
    if len(names) > most:
        raise ValueError(f"expected labels of at most {most} names, got {len(names)}; leave some out")
    rows: dict[int, Any] = {}
    for image, label in zip(found.images, found.labels, strict=True):
        if isinstance(image, Path):
            inside = image.resolve().parent == folder.resolve() and image.name in factors
            if not inside:
                gr.Warning(
                    f"{image.name}: expected this image beside its labels, got only the labels", title="Left out"
                )
                continue
            index, factor = sheet.names.index(image.name), factors[image.name]
        elif image.shape[0] * image.shape[1] <= MOST_PIXELS and len(sheet.images) < MOST_IMAGES:
            factor, index = sheet.add(image), len(sheet.images) - 1
        else:
            continue
        if index in rows:
            gr.Warning(
                f"{sheet.names[index]}: several faces are labelled; the first one is used", title="One face each"
            )
            continue
        rows[index] = (label + 0.5) * factor - 0.5 if kind == POINTS else label
    if not sheet.images:
        return names
    if kind == POINTS:
        points = np.full((len(sheet.images), len(names), 2), np.nan, np.float32)
        for index, row in rows.items():
            points[index] = row
        sheet.set_labels(kind, PointLabels(sheet.images, names, points))
    else:
        sizes = [image.shape[:2] for image in sheet.images]
        masks = [_resized(rows[i], size) if i in rows else np.zeros(size, np.uint8) for i, size in enumerate(sizes)]
        sheet.set_labels(kind, PartLabels(sheet.images, ["background", *names], masks))
    return names


def _resized(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a mask to (H, W). Ids stay as they are."""
    return np.array(Image.fromarray(mask).resize((size[1], size[0]), Image.Resampling.NEAREST))
