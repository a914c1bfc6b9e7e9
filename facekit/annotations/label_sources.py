"""Read labels of any kind from one path, as the command line takes them."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..images.reader import list_images
from .mask_files import declared_set
from .reader import LabelFiles, read_labels
from .tables import read_attributes
from .text_files import parse_json, read_text

_LISTED = 5


def labels_from_path(
    images: str | os.PathLike[str] | None, path: str | os.PathLike[str] | None, task: str, names: Any = None
) -> tuple[Any, Any, Any]:
    """Read the labels that a path names.

    Args:
        images: A folder of images, one image, or None where label files name their own images.
        path: A folder or file of an annotation tool, masks, a table of attributes, a .json of lists or a .npy of
            landmarks, or target images. None: there are no labels.
        task: A task of `facekit.adapt`.
        names: A label set, its name, or own names with commas between. None: the files' own.

    Returns:
        Images, labels and label set as `facekit.adapt` takes them.

    Raises:
        FileNotFoundError: If a path does not exist.
        ValueError: If no images come, or the labels cannot be used.
    """
    source = None if path is None else Path(path).expanduser()
    if source is not None and not source.exists():
        raise FileNotFoundError(
            f"{path}: no such labels; expected a folder of label files, masks or target images, a .json or .npy of "
            "landmarks, or a table of attributes"
        )
    if source is None and task not in ("shadow_removal", ""):
        raise ValueError(f"no labels came, expected some for {task!r}: pass --labels with a folder or file of labels")
    if images is not None and not Path(images).expanduser().exists():
        raise FileNotFoundError(f"{images}: no such images; expected a folder of images, or one: check the path")
    if isinstance(names, str) and "," in names:
        names = [name.strip() for name in names.split(",") if name.strip()]
    labels: Any = None if path is None else os.fspath(path)
    if source is not None and task in ("landmarks", "segmentation", "attributes"):
        if source.suffix.lower() == ".npy":
            labels = np.load(source, allow_pickle=False)
        elif source.suffix.lower() == ".json" and (rows := _rows(source)) is not None:
            labels = rows
        elif task == "segmentation" and _one_mask(images, source):
            names = declared_set(source) if names is None else names
        else:
            return _of_files(images, source, task, names)
    if images is None:
        raise ValueError("no images came, expected some: pass --images with a folder of images")
    return images, labels, names


def _rows(file: Path) -> np.ndarray | None:
    """Landmarks written as lists in a .json file; None where it is an annotation tool's."""
    text = read_text(file)
    if not text.lstrip().startswith("["):
        return None
    content = parse_json(text)
    if not content or isinstance(content[0], dict):
        return None
    try:
        return np.array(content, float)
    except (ValueError, TypeError) as error:
        expected = "expected [[[x, y], ...], ...], as many points for each image"
        raise ValueError(f"{file.name}: lists that are no landmarks came ({error}), {expected}: correct it") from error


def _one_mask(images: Any, source: Path) -> bool:
    """Whether one image and one mask came, which belong together whatever they are called."""
    return (
        source.is_file()
        and source.suffix.lower() not in (".json", ".xml")
        and images is not None
        and Path(images).is_file()
    )


def _of_files(images: Any, source: Path, task: str, names: Any) -> tuple[Any, Any, Any]:
    given = None if images is None else Path(images).expanduser()
    folder = given if given is None or given.is_dir() else given.parent
    if task == "attributes":
        found = read_attributes(source, names, images=folder)
    else:
        found = read_labels(source, task, names, images=folder)  # type: ignore[arg-type]
    if given is not None and given.is_file():
        return _of_image(found, given, source)
    if given is not None:
        _warn_of_unlabelled(given, source, found)
    return found.images, found.labels, found.names


def _of_image(found: LabelFiles, image: Path, source: Path) -> tuple[Any, Any, Any]:
    """The labels of one image only."""
    rows = [i for i, path in enumerate(found.images) if isinstance(path, Path) and path.resolve() == image.resolve()]
    if not rows:
        raise ValueError(f"{source.name}: no labels of {image.name} came, expected some: check which image they are of")
    return [found.images[i] for i in rows], [found.labels[i] for i in rows], found.names


def _warn_of_unlabelled(folder: Path, source: Path, found: LabelFiles) -> None:
    inside = source.resolve().parent if source.is_file() else source.resolve()
    if folder.resolve() == inside:
        return  # masks may lie among the images
    labelled = {path.resolve() for path in found.images if isinstance(path, Path)}
    left = [file.name for file in list_images(folder) if file.resolve() not in labelled]
    if left:
        listing = ", ".join(left[:_LISTED]) + (" ..." if len(left) > _LISTED else "")
        warnings.warn(f"{len(left)} images without labels are left out: {listing}", stacklevel=4)
