"""Read a folder of label files, or one file, as images and labels for `facekit.adapt`."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path
from typing import Any

from .assembly import assemble_landmarks, assemble_masks
from .class_lists import read_class_list
from .file_kinds import read_files
from .image_finder import ImageFinder
from .label_files import LabelFiles
from .label_names import natural_key
from .mask_reader import read_masks
from .records import LabelBatch, Task
from .set_inference import given_set

_MAX_LISTED = 5
_log = logging.getLogger("facekit")


def read_labels(
    path: str | os.PathLike[str],
    task: Task,
    names: Any = None,
    *,
    images: str | os.PathLike[str] | None = None,
    origin: float | None = None,
) -> LabelFiles:
    """Read the label files of annotation tools.

    The content of a file decides its format: LabelMe, COCO, Label Studio and VIA (JSON), CVAT and dlib (XML), .pts,
    tables of landmarks (CSV), or masks of class ids. The module of each format describes what is read. Names of files,
    classes and points are compared as in `facekit.core.name_index`. A file that cannot be used is left out with a
    warning.

    If a folder holds JSON or XML label files, its image files are images and not masks. In segmentation, a list of
    classes in the folder gives their order (see `facekit.annotations.class_lists`).

    Args:
        path: A folder, whose files are read in natural order without its subfolders; or one file.
        task: "landmarks" or "segmentation".
        names: A label set as for `facekit.adapt`. The order of the names in the files is then free, and points that
            are named by numbers are counted in the set. None: the names in the files form the set. (.pts files have
            no names; 68 and 98 points are the known sets.)
        images: Folder of the images. None: they are searched in the folder of the labels, in ``images`` within or next
            to it, and in the folder above.
        origin: x and y of the centre of the top-left pixel in the files. None: 0.5 (the corner is 0), but 0 for dlib
            and 1 for .pts (Matlab). It does not change masks.

    Returns:
        Images, labels and label set.

    Raises:
        ValueError: If nothing can be used, or the path, task, set or folder of images does not exist.

    Example:
        >>> found = read_labels("labelled faces", "segmentation")
        >>> model = facekit.adapt(found.images, found.labels, "segmentation", names=found.names)
    """
    if task not in ("landmarks", "segmentation"):
        raise ValueError(f"expected task 'landmarks' or 'segmentation', got task={task!r}; label files hold these two")
    root = Path(path).expanduser()
    if not root.exists():
        raise ValueError(f"{root}: no such file or folder, expected label files; check the path")
    user_set = given_set(names, task)
    single = not root.is_dir()
    folder = root.parent if single else root
    files = [root] if single else _files_of_folder(root)
    finder, batch = ImageFinder(folder, images), LabelBatch()
    if task == "segmentation":
        read_class_list(folder, batch)
    possible_masks = read_files(files, task, finder, origin, batch, single)
    if task == "segmentation":
        read_masks(possible_masks, finder, batch, user_set, single)
    result = assemble_landmarks(batch, user_set) if task == "landmarks" else assemble_masks(batch, user_set)
    if result is None:
        raise ValueError(_reason(root, task, len(files), batch.skipped))
    if batch.skipped:
        count = "1 label file" if len(batch.skipped) == 1 else f"{len(batch.skipped)} label files"
        warnings.warn(f"{count} skipped: {_listing(batch.skipped)}", stacklevel=2)
    embedded = sum(not isinstance(image, Path) for image in result.images)
    if embedded:
        _log.info(
            "%d images are read from their label files (imageData), because their own files are missing", embedded
        )
    return result


def _files_of_folder(folder: Path) -> list[Path]:
    """Return the files of a folder in natural order, without hidden ones."""
    files = [p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
    return sorted(files, key=lambda p: (natural_key(p.name), p.name))


def _reason(root: Path, task: Task, count: int, skipped: dict[str, str]) -> str:
    """Return the message of the error that no label file can be used."""
    if skipped:
        summary = "" if len(skipped) == 1 else f"{root}: none of the {len(skipped)} label files can be used: "
        return summary + _listing(skipped)
    kinds = "LabelMe or COCO JSON, CVAT or dlib XML"
    kinds += ", .pts or a CSV table of points" if task == "landmarks" else ", or PNG masks"
    fix = "pass the folder of the label files, or the COCO file"
    subfolders = [child.name for child in sorted(root.iterdir()) if _holds_labels(child)] if root.is_dir() else []
    if subfolders:
        fix = f"pass one of its folders with label files ({', '.join(subfolders[:_MAX_LISTED])})"
    return f"{root}: expected {kinds}, got {count} files but none with labels for {task}; {fix}"


def _holds_labels(folder: Path) -> bool:
    suffixes = (".json", ".xml", ".pts")
    return folder.is_dir() and any(entry.suffix.lower() in suffixes for entry in folder.iterdir())


def _listing(skipped: dict[str, str]) -> str:
    """Return the first skipped files with their reasons."""
    listing = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:_MAX_LISTED])
    return listing + (f"; and {len(skipped) - _MAX_LISTED} more" if len(skipped) > _MAX_LISTED else "")
