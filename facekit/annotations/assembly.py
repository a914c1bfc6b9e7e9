"""Convert a batch of records into arrays of one label set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..labels import IGNORE_ID, LandmarkSet, SegmentationSet
from .checks import check_landmarks
from .label_files import LabelFiles
from .label_names import class_ids, first_number, point_indices
from .mask_checks import check_masks
from .records import FacePoints, ImageMask, LabelBatch
from .set_inference import infer_class_set, infer_landmark_set

Record = TypeVar("Record", FacePoints, ImageMask)


def assemble_landmarks(batch: LabelBatch, user_set: LandmarkSet | None) -> LabelFiles | None:
    """Return the landmarks of a batch as arrays.

    Args:
        batch: The batch. Faces that cannot be used are moved to its ``skipped``.
        user_set: The user's label set. None: it is inferred from the files.

    Returns:
        Images and landmarks. None if no face can be used.

    Raises:
        ValueError: If point names are numbers and it is unknown where they start.
    """
    batch.faces = _drop_relabelled(batch.faces, batch)
    if not batch.faces:
        return None
    used = {name for face in batch.faces for name in face.names or ()}
    counts = [len(face.points) for face in batch.faces if face.names is None]
    labels = infer_landmark_set(user_set, batch.declared, used, counts)
    first = None if used <= set(labels.points) else first_number(used, len(labels))
    images, rows, flags = [], [], []
    for face in batch.faces:
        with batch.skip_errors(face.source):
            if face.names is None and len(face.points) != len(labels):
                expected = f"expected the {len(labels)} points of set {labels.name!r}"
                fix = "label all images alike, or pass names="
                raise ValueError(f"{expected}, got {len(face.points)} points; {fix}")
            indices = range(len(labels)) if face.names is None else point_indices(face.names, labels, first)
            row, visible = np.full((len(labels), 2), np.nan, np.float32), np.zeros(len(labels), np.uint8)
            row[indices], visible[indices] = face.points, face.visible
            if visible.any():
                check_landmarks(row[None], [face.size], [face.image.name])
            images.append(face.image if face.pixels is None else face.pixels)
            rows.append(row)
            flags.append(visible)
    return LabelFiles(images, np.stack(rows), labels, batch.skipped, np.stack(flags)) if rows else None


def assemble_masks(batch: LabelBatch, user_set: SegmentationSet | None) -> LabelFiles | None:
    """Return the masks of a batch with the ids of one label set.

    Args:
        batch: The batch. Masks that cannot be used are moved to its ``skipped``.
        user_set: The user's label set. None: it is inferred from the files.

    Returns:
        Images and masks. None if no mask can be used.
    """
    batch.masks = _drop_relabelled(batch.masks, batch)
    if not batch.masks:
        return None
    used = {name for record in batch.masks for name in record.names or ()}
    unnamed = [record.mask for record in batch.masks if record.names is None]
    highest = max((int(mask[mask < IGNORE_ID].max(initial=0)) for mask in unnamed), default=0)
    labels = infer_class_set(user_set, batch.declared, used, highest)
    images, names, masks = [], [], []
    for record in batch.masks:
        with batch.skip_errors(record.source):
            mask = _mask_of_ids(record, labels) if record.names is None else _mask_of_names(record, labels)
            images.append(record.image if record.pixels is None else record.pixels)
            names.append(record.image.name)
            masks.append(mask)
    if not masks:
        return None
    labels = replace(labels, ignore=IGNORE_ID)
    checked = check_masks(masks, [(m.shape[0], m.shape[1]) for m in masks], len(labels), names=names)
    return LabelFiles(images, checked, labels, batch.skipped)


def _mask_of_ids(record: ImageMask, labels: SegmentationSet) -> np.ndarray:
    """Return a mask of class ids with the set's own ignored id as 255. Raise ValueError for an unknown id."""
    mask = np.where(record.mask == labels.ignore, IGNORE_ID, record.mask).astype(np.uint8)
    if (wrong := np.unique(mask[(mask < IGNORE_ID) & (mask >= len(labels))])).size:
        expected = f"expected ids 0 to {len(labels) - 1} of set {labels.name!r}"
        raise ValueError(f"{expected}, got {wrong[0]}; map the ids, or pass names= that have it")
    return mask


def _mask_of_names(record: ImageMask, labels: SegmentationSet) -> np.ndarray:
    """Return a mask of class names as class ids of the set. Raise ValueError for an unknown name."""
    names = record.names or ()
    n = min(len(names), IGNORE_ID - 1)
    numbers = np.flatnonzero(np.bincount(record.mask.ravel(), minlength=256)[: n + 1]).tolist()
    present = [i for i in numbers if i]
    id_of = np.zeros(256, np.uint8)
    id_of[IGNORE_ID] = IGNORE_ID
    id_of[present] = class_ids([names[i - 1] for i in present], labels)
    return id_of[record.mask]


def _drop_relabelled(records: Sequence[Record], batch: LabelBatch) -> list[Record]:
    """Return the records without those of an image that an earlier file labels. The others go to ``skipped``."""
    first: dict[Path, str] = {}
    kept = []
    for record in records:
        earlier = first.setdefault(record.image.resolve(), record.source)
        if earlier == record.source:
            kept.append(record)
        else:
            expected = f"expected only {earlier} to label {record.image.name}"
            batch.skipped[record.source] = f"{expected}, got this file, too; keep one of the two"
    return kept
