"""Read labels of any kind from one path, as the command line takes them."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..core.json_text import parse_json
from ..core.listing import first_of
from ..images.reader import list_images
from .attribute_tables import read_attributes
from .label_files import LabelFiles
from .mask_files import declared_set
from .reader import read_labels
from .text_files import read_text

# Tables that are read for no task but attributes.
_TABLES = {"landmarks": (".txt", ".xlsx"), "segmentation": (".csv", ".tsv", ".txt", ".xlsx")}
# What to do instead, by task.
_INSTEAD_OF_TABLES = {
    "landmarks": "save it as CSV with columns NAME_x and NAME_y per point, or export LabelMe, COCO or CVAT files",
    "segmentation": "draw masks as PNG, or export LabelMe, COCO or CVAT files",
}


def labels_from_path(
    images: str | os.PathLike[str] | None, path: str | os.PathLike[str] | None, task: str, names: Any = None
) -> tuple[Any, Any, Any]:
    """Read the labels at a path.

    Args:
        images: A folder of images, one image, or None if the label files hold the names of their images.
        path: A folder or file of an annotation tool, masks, a table of attributes or landmarks, a .json of lists or a
            .npy of landmarks, or target images. None: there are no labels.
        task: A task of `facekit.adapt`.
        names: A label set, its name, or new names separated by commas. None: the names in the files.

    Returns:
        Images, labels and label set as `facekit.adapt` takes them.

    Raises:
        FileNotFoundError: If a path does not exist.
        ValueError: If there are no images, or the labels cannot be used.
    """
    source = None if path is None else Path(path).expanduser()
    if source is not None and not source.exists():
        raise FileNotFoundError(
            f"{path}: no such labels; expected a folder of label files, masks or target images, a .json or .npy of "
            "landmarks, or a table of attributes"
        )
    if source is None and task not in ("shadow_removal", ""):
        raise ValueError(f"expected labels for {task!r}, got none; pass --labels with a folder or file of labels")
    if images is not None and not Path(images).expanduser().exists():
        raise FileNotFoundError(f"{images}: no such images; expected a folder of images, or one image; check the path")
    if isinstance(names, str) and "," in names:
        names = [name.strip() for name in names.split(",") if name.strip()]
    labels: Any = None if path is None else os.fspath(path)
    if source is not None and task in ("landmarks", "segmentation", "attributes"):
        if source.suffix.lower() == ".npy":
            labels = np.load(source, allow_pickle=False)
        elif source.suffix.lower() == ".json" and (rows := _read_lists(source)) is not None:
            labels = rows
        elif task == "segmentation" and _is_one_pair(images, source):
            names = declared_set(source) if names is None else names
        elif source.suffix.lower() in _TABLES.get(task, ()):
            got = f"a table ({source.suffix.lower()})"
            raise ValueError(f"{source.name}: expected labels for {task}, got {got}; {_INSTEAD_OF_TABLES[task]}")
        else:
            return _read_files(images, source, task, names)
    if images is None:
        raise ValueError("expected images, got none; pass --images with a folder of images")
    return images, labels, names


def _read_lists(file: Path) -> np.ndarray | None:
    """Return landmarks that a .json file stores as nested lists. None if it is the file of an annotation tool."""
    text = read_text(file)
    if not text.lstrip().startswith("["):
        return None
    content = parse_json(text, file.name)
    if content and isinstance(content[0], dict):
        return None
    expected = f"{file.name}: expected [[[x, y], ...], ...], as many points for each image"
    if not content:
        raise ValueError(f"{expected}, got an empty list; add one list per image")
    counts = [len(row) if isinstance(row, list) else 0 for row in content]
    for i, count in enumerate(counts):
        if count != counts[0]:
            raise ValueError(f"{expected}, got {counts[0]} in list 1 and {count} in list {i + 1}; correct them")
    try:
        return np.array(content, float)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{expected}, got other lists, or values that are no numbers; correct them") from error


def _is_one_pair(images: Any, source: Path) -> bool:
    """Return whether there is one image and one mask. They belong together whatever their names are."""
    return (
        source.is_file()
        and source.suffix.lower() not in (".json", ".xml")
        and images is not None
        and Path(images).is_file()
    )


def _read_files(images: Any, source: Path, task: str, names: Any) -> tuple[Any, Any, Any]:
    """Return images, labels and label set of label files or of a table."""
    path = None if images is None else Path(images).expanduser()
    folder = path if path is None or path.is_dir() else path.parent
    if task == "attributes":
        result = read_attributes(source, names, images=folder)
    else:
        result = read_labels(source, task, names, images=folder)  # type: ignore[arg-type]
    if path is not None and path.is_file():
        return _select_image(result, path, source)
    if path is not None:
        _warn_of_unlabelled(path, source, result)
    return result.images, result.labels, result.names


def _select_image(result: LabelFiles, image: Path, source: Path) -> tuple[Any, Any, Any]:
    """Return image, labels and label set of one image only. Raise ValueError if it has no labels."""
    rows = [i for i, path in enumerate(result.images) if isinstance(path, Path) and path.resolve() == image.resolve()]
    if not rows:
        fix = "check which image they belong to"
        raise ValueError(f"{source.name}: expected labels of {image.name}, got those of other images; {fix}")
    return [result.images[i] for i in rows], [result.labels[i] for i in rows], result.names


def _warn_of_unlabelled(folder: Path, source: Path, result: LabelFiles) -> None:
    """Warn about images of a folder without labels, unless the masks are in the same folder."""
    labels_folder = source.resolve().parent if source.is_file() else source.resolve()
    if folder.resolve() == labels_folder:
        return
    labelled = {path.resolve() for path in result.images if isinstance(path, Path)}
    unlabelled = [file.name for file in list_images(folder) if file.resolve() not in labelled]
    if unlabelled:
        listing = first_of(unlabelled, 5)
        text = "1 image without labels is" if len(unlabelled) == 1 else f"{len(unlabelled)} images without labels are"
        warnings.warn(f"{text} left out: {listing}", stacklevel=4)
