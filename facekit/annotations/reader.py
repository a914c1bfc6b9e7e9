"""From a folder of label files, or one file, to images and labels as `facekit.adapt` takes them."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.name_index import NameIndex
from ..labels import AttributeSet, LandmarkSet, SegmentationSet
from .checks import check_landmarks, check_masks
from .class_lists import read_class_list
from .file_kinds import read_files
from .image_index import ImageFinder, named_as_mask, size_of
from .label_names import (
    IGNORE,
    class_ids,
    classes_meant,
    first_number,
    given_set,
    landmarks_meant,
    natural,
    point_places,
)
from .mask_files import ids_of_png, may_hold_ids
from .records import Found, Listed, Parts, Task

_LISTED = 5
_log = logging.getLogger("facekit")


@dataclass(frozen=True, eq=False)
class LabelFiles:
    """What `read_labels` found; `facekit.adapt(found.images, found.labels, task, names=found.names)` takes it. Also
    what `read_attributes` found.

    images: the N images; one with several labelled faces comes once for each. An image that only its label file
    holds (LabelMe's imageData) is an array, RGB (H,W,3) uint8. labels: landmarks (N,K,2) float32 in
    pixels or attributes (N,A) float32, NaN = not labelled, or N masks (H,W) uint8, 255 = ignored. names: the label set.
    skipped: label file, or image of a table -> why it was left out. visible: landmarks only, (N,K) uint8, 0 not
    labelled, 1 labelled but hidden, 2 seen.
    """

    images: list[Path | NDArray[np.uint8]]
    labels: Any
    names: LandmarkSet | SegmentationSet | AttributeSet
    skipped: dict[str, str] = field(default_factory=dict)
    visible: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"LabelFiles({len(self)} labelled images, set {self.names.name!r}, {len(self.skipped)} files skipped)"


def read_labels(
    path: str | os.PathLike[str],
    task: Task,
    names: Any = None,
    *,
    images: str | os.PathLike[str] | None = None,
    origin: float | None = None,
) -> LabelFiles:
    """Read the label files of annotation tools, told by their content: LabelMe, COCO, Label Studio and VIA (JSON), CVAT
    and dlib (XML), .pts, masks of ids.

    path: a folder (its files in natural order, not deeper) or one file. task: "landmarks" or "segmentation". names: a
    label set as for `facekit.adapt`; without it the files' own names make the set (.pts have none: 68 and 98 points are
    the known sets). Names are matched, so their order in a file is free; landmarks named by numbers also count through
    a given set. images: the folder of the images; without it they are looked for beside the labels, in `images`
    within or beside their folder, and above it. origin: what x and y the centre of the top-left pixel has in the files,
    by default 0.5 (its corner is 0), but 0 for dlib and 1 for .pts (Matlab); masks need none.

    Where JSON or XML label files lie in a folder, its image files are images and not masks. In segmentation, a list
    of classes in the folder gives their order (see `class_lists`). See the formats' files for what they hold. Names of
    files, classes and points are compared as `facekit.core.name_index` says.

    A file that cannot be used is left out, named in `skipped` and warned about. Raises ValueError if nothing can be
    used, or for a path, task, set or folder of images that does not exist.
    """
    if task not in ("landmarks", "segmentation"):
        raise ValueError(f"task={task!r} came, expected 'landmarks' or 'segmentation': label files hold these two")
    root = Path(path).expanduser()
    if not root.exists():
        raise ValueError(f"{root}: no such file or folder, expected label files: check the path")
    given = given_set(names, task)
    folder = root if root.is_dir() else root.parent
    files = [root]
    if root.is_dir():
        inside = [p for p in root.iterdir() if p.is_file() and not p.name.startswith(".")]
        files = sorted(inside, key=lambda p: (natural(p.name), p.name))
    finder, found = ImageFinder(folder, images), Found()
    if task == "segmentation":
        read_class_list(folder, found)
    masks = read_files(files, task, finder, origin, found, alone=not root.is_dir())
    if task == "segmentation":
        _read_masks(masks, finder, found, given, alone=not root.is_dir())
    result = _landmarks(found, given) if task == "landmarks" else _masks(found, given)
    if result is None:
        if not found.skipped:
            kinds = "LabelMe or COCO JSON, CVAT or dlib XML"
            kinds += ", or .pts" if task == "landmarks" else ", or PNG masks"
            fix = "pass the folder in which they are, or the COCO file"
            inner = [child.name for child in sorted(root.iterdir()) if _holds_labels(child)] if root.is_dir() else []
            if inner:
                fix = f"pass one of its folders with label files ({', '.join(inner[:_LISTED])})"
            came = f"{len(files)} files but none with labels for {task} came"
            raise ValueError(f"{root}: {came}, expected {kinds}: {fix}")
        came = "" if len(found.skipped) == 1 else f"{root}: none of the {len(found.skipped)} label files can be used: "
        raise ValueError(came + _listing(found.skipped))
    if found.skipped:
        many = "1 label file" if len(found.skipped) == 1 else f"{len(found.skipped)} label files"
        warnings.warn(f"{many} skipped: {_listing(found.skipped)}", stacklevel=2)
    held = sum(not isinstance(image, Path) for image in result.images)
    if held:
        _log.info("%d images are read from their label files (imageData), because their own files are missing", held)
    return result


def _holds_labels(folder: Path) -> bool:
    suffixes = (".json", ".xml", ".pts")
    return folder.is_dir() and any(entry.suffix.lower() in suffixes for entry in folder.iterdir())


def _read_masks(
    files: Sequence[Path], finder: ImageFinder, found: Found, given: SegmentationSet | None, alone: bool
) -> None:
    """Image files that are masks: told by an image of the same name, by their own name, or by having one channel."""
    partners: dict[Path, Path | None] = {}
    for file in files:
        with found.attempt(file.name):
            partners[file] = finder.of_mask(file)
    images = {partner.resolve() for partner in partners.values() if partner is not None}
    known = found.colours
    colours = list(known.values()) if known else None if given is None else given.palette
    if colours is None and (listed := next((names for names in found.listed if isinstance(names, tuple)), None)):
        colours = classes_meant(None, [listed], (), 0).palette
    for file, partner in partners.items():
        mask_like = alone or finder.apart or named_as_mask(file) or may_hold_ids(file)
        if partner is None and (file.resolve() in images or not mask_like):
            continue
        with found.attempt(file.name):
            if partner is None:
                raise ValueError(finder.missing(file))
            ids, listed_set = ids_of_png(file, size_of(partner), colours)
            if known is not None:
                # Ids are places in the list of colours.
                moved = np.where(ids == IGNORE, ids, np.minimum(ids, IGNORE - 2) + 1).astype(np.uint8)
                found.parts.append(Parts(file.name, partner, moved, tuple(known)))
                continue
            found.listing(listed_set)
            names = _names_of_ids(ids, listed_set, given)
            found.parts.append(Parts(file.name, partner, ids, names))


def _names_of_ids(
    ids: NDArray[np.uint8], declared: Listed | None, given: SegmentationSet | None
) -> tuple[str, ...] | None:
    """The classes of a mask that declares another set than the user's, if they are the user's in another order.

    None: the ids are the user's. That is so, too, where the user's set has none of the names: then it renames them.
    """
    if given is None or not isinstance(declared, SegmentationSet) or declared.classes == given.classes:
        return None
    index = NameIndex(given.classes)
    present = [declared.classes[i] for i in np.unique(ids) if 0 < i < len(declared)]
    return declared.classes[1:] if any(index.find(name) for name in present) else None


def _landmarks(found: Found, given: LandmarkSet | None) -> LabelFiles | None:
    found.faces = _once(found.faces, found)
    if not found.faces:
        return None
    used = {name for face in found.faces for name in face.names or ()}
    counts = [len(face.points) for face in found.faces if face.names is None]
    labels = landmarks_meant(given, found.listed, used, counts)
    first = None if used <= set(labels.points) else first_number(used, len(labels))
    images, rows, seen = [], [], []
    for face in found.faces:
        with found.attempt(face.source):
            if face.names is None and len(face.points) != len(labels):
                came, fix = f"{len(face.points)} points came", "label all images alike, or pass names="
                raise ValueError(f"{came}, expected the {len(labels)} of set {labels.name!r}: {fix}")
            places = range(len(labels)) if face.names is None else point_places(face.names, labels, first)
            row, visible = np.full((len(labels), 2), np.nan, np.float32), np.zeros(len(labels), np.uint8)
            row[places], visible[places] = face.points, face.visible
            if visible.any():
                check_landmarks(row[None], [face.size], [face.image.name])
            images.append(face.image if face.pixels is None else face.pixels)
            rows.append(row)
            seen.append(visible)
    return LabelFiles(images, np.stack(rows), labels, found.skipped, np.stack(seen)) if rows else None


def _masks(found: Found, given: SegmentationSet | None) -> LabelFiles | None:
    found.parts = _once(found.parts, found)
    if not found.parts:
        return None
    used = {name for part in found.parts for name in part.names or ()}
    plain = [part.mask for part in found.parts if part.names is None]
    highest = max((int(mask[mask < IGNORE].max(initial=0)) for mask in plain), default=0)
    labels = classes_meant(given, found.listed, used, highest)
    images, photos, masks = [], [], []
    for part in found.parts:
        with found.attempt(part.source):
            if part.names is None:
                mask = np.where(part.mask == labels.ignore, IGNORE, part.mask).astype(np.uint8)
                if (wrong := np.unique(mask[(mask < IGNORE) & (mask >= len(labels))])).size:
                    came, fix = f"id {wrong[0]} came", "map the ids, or pass names= that have it"
                    raise ValueError(f"{came}, expected 0 to {len(labels) - 1} of set {labels.name!r}: {fix}")
            else:
                table = np.zeros(256, np.uint8)
                table[IGNORE] = IGNORE
                places = _present(part)
                table[places] = class_ids([part.names[i - 1] for i in places], labels)
                mask = table[part.mask]
            images.append(part.image if part.pixels is None else part.pixels)
            photos.append(part.image.name)
            masks.append(mask)
    if not masks:
        return None
    labels = replace(labels, ignore=IGNORE)
    checked = check_masks(masks, [(m.shape[0], m.shape[1]) for m in masks], len(labels), names=photos)
    return LabelFiles(images, checked, labels, found.skipped)


def _once(records: list[Any], found: Found) -> list[Any]:
    """The records without those of an image that an earlier file labels."""
    first: dict[Path, str] = {}
    kept = []
    for record in records:
        earlier = first.setdefault(record.image.resolve(), record.source)
        if earlier == record.source:
            kept.append(record)
        else:
            came, expected = f"{record.image.name} came again", f"expected only {earlier} to label it"
            found.skipped[record.source] = f"{came}, {expected}: keep one of the two files"
    return kept


def _present(part: Parts) -> list[int]:
    """The numbers of a mask with names that are names."""
    n = min(len(part.names or ()), IGNORE - 1)
    return [int(i) for i in np.flatnonzero(np.bincount(part.mask.ravel(), minlength=256)[: n + 1]) if i]


def _listing(skipped: dict[str, str]) -> str:
    listing = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:_LISTED])
    return listing + (f"; and {len(skipped) - _LISTED} more" if len(skipped) > _LISTED else "")
