"""From a folder of label files, or one file, to pictures and labels as `facekit.adapt` takes them."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facekit.annotations import check_landmarks, check_masks
from facekit.labels import AttributeSet, LandmarkSet, SegmentationSet

from . import coco, labelme, pts
from .coco import read_coco
from .labelme import read_labelme
from .masks import ids_of_png, may_hold_ids
from .names import (
    IGNORE,
    check_listing,
    class_ids,
    classes_meant,
    first_number,
    given_set,
    landmarks_meant,
    natural,
    point_places,
)
from .pictures import PictureFinder, named_as_mask, size_of
from .records import Face, Found, Parts, Task

_LISTED = 5
_ORDERS = ("labels.txt", "class_names.txt")


@dataclass(frozen=True, eq=False)
class LabelFiles:
    """What `read_labels` found; `facekit.adapt(found.images, found.labels, task, names=found.names)` takes it. Also
    what `read_attributes` found.

    images: the N pictures; one with several labelled faces comes once for each. labels: landmarks (N,K,2) float32 in
    pixels or attributes (N,A) float32, NaN = not labelled, or N masks (H,W) uint8, 255 = ignored. names: the label set.
    skipped: label file, or picture of a table -> why it was left out. visible: landmarks only, (N,K) uint8, 0 not
    labelled, 1 labelled but hidden, 2 seen.
    """

    images: list[Path]
    labels: Any
    names: LandmarkSet | SegmentationSet | AttributeSet
    skipped: dict[str, str] = field(default_factory=dict)
    visible: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"LabelFiles({len(self)} labelled pictures, set {self.names.name!r}, {len(self.skipped)} files skipped)"


def read_labels(
    path: str | os.PathLike[str],
    task: Task,
    names: Any = None,
    *,
    images: str | os.PathLike[str] | None = None,
    origin: float | None = None,
) -> LabelFiles:
    """Read the label files of annotation tools: LabelMe and COCO JSON, .pts, PNG masks, told by their content.

    path: a folder (its files in natural order, not deeper) or one file. task: "landmarks" or "segmentation". names: a
    label set as for `facekit.adapt`; without it the files' own names make the set (.pts have none: 68 and 98 points are
    the known sets). Names are matched, so their order in a file is free; landmarks named by numbers also count through
    a given set. images: the folder of the pictures; without it they are looked for beside the labels, in `images`
    within or beside their folder, and above it. origin: what x and y the centre of the top-left pixel has in the files,
    by default 0.5 for LabelMe and COCO (its corner is 0) and 1 for .pts (Matlab); masks need none.

    Where LabelMe or COCO files lie in a folder, its PNG files are pictures and not masks. In segmentation, `labels.txt`
    or `class_names.txt` in the folder gives the order of the classes. See the formats' files for what they hold.

    A file that cannot be used is left out, named in `skipped` and warned about. Raises ValueError if nothing can be
    used, or for a path, task, set or folder of pictures that does not exist.
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
    finder, found = PictureFinder(folder, images), Found()
    if task == "segmentation":
        _read_order(folder, found)
    _read_files(files, task, finder, origin, found, alone=not root.is_dir())
    result = _landmarks(found, given) if task == "landmarks" else _masks(found, given)
    if result is None:
        if not found.skipped:
            kinds = "LabelMe or COCO JSON" + (", or .pts" if task == "landmarks" else ", or PNG masks")
            fix = "pass the folder in which they are, or the COCO file"
            came = f"{len(files)} files but none with labels for {task} came"
            raise ValueError(f"{root}: {came}, expected {kinds}: {fix}")
        came = "" if len(found.skipped) == 1 else f"{root}: none of the {len(found.skipped)} label files can be used: "
        raise ValueError(came + _listing(found.skipped))
    if found.skipped:
        many = "1 label file" if len(found.skipped) == 1 else f"{len(found.skipped)} label files"
        warnings.warn(f"{many} skipped: {_listing(found.skipped)}", stacklevel=2)
    return result


def _read_files(
    files: Sequence[Path], task: Task, finder: PictureFinder, origin: float | None, found: Found, alone: bool
) -> None:
    jsons, pngs = False, []
    for file in files:
        kind = None
        with found.attempt(file.name):
            kind = _kind(file)
            if kind is None and alone:
                raise ValueError("neither JSON, .pts nor PNG came, expected a label file: check the path")
            if kind == "json":
                data = _json(file)
                if isinstance(data.get("shapes"), list):
                    jsons = True
                    read_labelme(data, file.name, task, finder, labelme.ORIGIN if origin is None else origin, found)
                elif isinstance(data.get("images"), list) and "annotations" in data:
                    jsons = True
                    read_coco(data, file.name, task, finder, coco.ORIGIN if origin is None else origin, found)
                else:
                    keys = ", ".join(list(data)[:_LISTED])
                    expected = 'expected LabelMe ("shapes") or COCO ("images" and "annotations")'
                    raise ValueError(f"JSON with {keys or 'nothing'} came, {expected}: export it in one of these")
            elif kind == "pts" and task == "landmarks":
                points = pts.points_of_pts(_text(file), pts.ORIGIN if origin is None else origin)
                picture = finder.of_points(file)
                visible = np.where(np.isnan(points[:, 0]), 0, 2).astype(np.uint8)
                found.faces.append(Face(file.name, picture, size_of(picture), points, visible))
        if kind == "png":
            pngs.append(file)
    if task == "segmentation" and not jsons:
        _read_masks(pngs, finder, found, alone)


def _read_masks(files: Sequence[Path], finder: PictureFinder, found: Found, alone: bool) -> None:
    """PNG files that are masks: told by a picture of the same name, by their own name, or by having one channel."""
    partners: dict[Path, Path | None] = {}
    for file in files:
        with found.attempt(file.name):
            partners[file] = finder.of_mask(file)
    pictures = {partner.resolve() for partner in partners.values() if partner is not None}
    for file, partner in partners.items():
        mask_like = alone or named_as_mask(file) or may_hold_ids(file)
        if partner is None and (file.resolve() in pictures or not mask_like):
            continue
        with found.attempt(file.name):
            if partner is None:
                raise ValueError(finder.missing(file))
            ids, listed = ids_of_png(file, size_of(partner))
            found.listing(listed)
            found.parts.append(Parts(file.name, partner, ids))


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
                came, fix = f"{len(face.points)} points came", "label all pictures alike, or pass names="
                raise ValueError(f"{came}, expected the {len(labels)} of set {labels.name!r}: {fix}")
            places = range(len(labels)) if face.names is None else point_places(face.names, labels, first)
            row, visible = np.full((len(labels), 2), np.nan, np.float32), np.zeros(len(labels), np.uint8)
            row[places], visible[places] = face.points, face.visible
            if visible.any():
                check_landmarks(row[None], [face.size], [face.picture.name])
            images.append(face.picture)
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
    images, masks = [], []
    for part in found.parts:
        with found.attempt(part.source):
            if part.names is None:
                mask = np.where(part.mask == labels.ignore, IGNORE, part.mask).astype(np.uint8)
                if (wrong := np.unique(mask[(mask < IGNORE) & (mask >= len(labels))])).size:
                    came, fix = f"id {wrong[0]} came", "map the ids, or pass names= that have it"
                    raise ValueError(f"{came}, expected 0 to {len(labels) - 1} of set {labels.name!r}: {fix}")
            else:
                table = np.array([0, *class_ids(part.names, labels)], np.uint8)
                mask = table[part.mask]
            images.append(part.picture)
            masks.append(mask)
    if not masks:
        return None
    labels = replace(labels, ignore=IGNORE)
    checked = check_masks(masks, [(m.shape[0], m.shape[1]) for m in masks], len(labels), names=[p.name for p in images])
    return LabelFiles(images, checked, labels, found.skipped)


def _once(records: list[Any], found: Found) -> list[Any]:
    """The records without those of a picture that an earlier file labels."""
    first: dict[Path, str] = {}
    kept = []
    for record in records:
        earlier = first.setdefault(record.picture.resolve(), record.source)
        if earlier == record.source:
            kept.append(record)
        else:
            came, expected = f"{record.picture.name} came again", f"expected only {earlier} to label it"
            found.skipped[record.source] = f"{came}, {expected}: keep one of the two files"
    return kept


def _kind(file: Path) -> str | None:
    with open(file, "rb") as stream:
        head = stream.read(1024)
    if head.startswith(b"\x89PNG"):
        return "png"
    beginning = head.decode("utf-8-sig", "replace")
    if file.suffix.lower() == ".json" or re.match(r'\s*\{\s*"', beginning):
        return "json"
    if file.suffix.lower() == ".pts" or pts.is_pts(beginning):
        return "pts"
    return None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"bytes that are no text came ({error.reason}), expected UTF-8: save it as UTF-8") from error


def _json(file: Path) -> dict[str, Any]:
    content = _text(file)
    try:
        data = json.loads(content)
    except ValueError as error:
        came = "an empty file" if not content.strip() else f"broken JSON ({error})"
        fix = "it may be cut off, so copy or export it again"
        raise ValueError(f"{came} came, expected a whole file: {fix}") from error
    if not isinstance(data, dict):
        raise ValueError(f"JSON of type {type(data).__name__} came, expected an object {{...}}: export the file again")
    return data


def _read_order(folder: Path, found: Found) -> None:
    for name in _ORDERS:
        if (folder / name).is_file():
            with found.attempt(name):
                lines = [line.strip() for line in _text(folder / name).splitlines()]
                order = check_listing([line for line in lines if line], name)
                found.listing(order if len(order) > 1 else None)
                return


def _listing(skipped: dict[str, str]) -> str:
    listing = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:_LISTED])
    return listing + (f"; and {len(skipped) - _LISTED} more" if len(skipped) > _LISTED else "")
