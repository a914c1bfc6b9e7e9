"""Write COCO's JSON. Masks become compressed run lengths, and category ids are class ids.

`coco` reads the format and describes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..labels import IGNORE_ID, LandmarkSet, SegmentationSet
from .coco import ORIGIN
from .label_names import IGNORED
from .run_lengths import mask_to_coco_rle
from .set_description import describe_set
from .values import Size


def faces_to_coco(
    images: Sequence[str],
    sizes: Sequence[Size],
    points: NDArray[np.float32],
    visible: NDArray[np.uint8],
    labels: LandmarkSet,
    origin: float = ORIGIN,
) -> dict[str, Any]:
    """Return the landmarks of all images as one COCO document.

    Args:
        images: Name of the image file of each of the N faces. A repeated image has several faces.
        sizes: (H, W) of each image in pixels.
        points: Array of shape (N, K, 2), x and y in pixels; NaN: not labelled.
        visible: Array of shape (N, K): 0 not labelled, 1 hidden, 2 visible.
        labels: The landmark set.
        origin: x and y of the centre of the top-left pixel in the file.

    Returns:
        JSON data.
    """
    entries, ids = _image_entries(images, sizes)
    annotations = []
    for i, (name, face, flags) in enumerate(zip(images, points.astype(np.float64) + origin, visible, strict=True)):
        labelled = face[flags > 0]
        low, span = (labelled.min(0), np.ptp(labelled, axis=0)) if len(labelled) else (np.zeros(2), np.zeros(2))
        flat: list[float] = []
        for (x, y), flag in zip(face.tolist(), flags.tolist(), strict=True):
            flat += [x, y, flag] if flag else [0, 0, 0]
        annotation = {
            "id": i + 1,
            "image_id": ids[name],
            "category_id": 1,
            "iscrowd": 0,
            "keypoints": flat,
            "num_keypoints": len(labelled),
            "bbox": [*low.tolist(), *span.tolist()],
            "area": float(span.prod()),
        }
        annotations.append(annotation)
    skeleton = [[a + 1, b + 1] for a, b in labels.edges]
    category = {"id": 1, "name": "face", "supercategory": "", "keypoints": list(labels.points), "skeleton": skeleton}
    return _document(entries, annotations, [category], labels)


def masks_to_coco(images: Sequence[str], masks: Sequence[NDArray[np.uint8]], labels: SegmentationSet) -> dict[str, Any]:
    """Return the masks of all images as one COCO document.

    Args:
        images: Name of each image file.
        masks: Mask of each image, shape (H, W), uint8 class ids; 255: ignored.
        labels: The segmentation set.

    Returns:
        JSON data.
    """
    entries, ids = _image_entries(images, [(mask.shape[0], mask.shape[1]) for mask in masks])
    annotations: list[dict[str, Any]] = []
    for name, mask in zip(images, masks, strict=True):
        for i in np.unique(mask[mask > 0]).tolist():
            inside = mask == i
            rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
            x, y = int(columns[0]), int(rows[0])
            annotation = {
                "id": len(annotations) + 1,
                "image_id": ids[name],
                "category_id": i,
                "iscrowd": 0,
                "segmentation": mask_to_coco_rle(inside),
                "area": int(inside.sum()),
                "bbox": [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y],
            }
            annotations.append(annotation)
    classes = [*enumerate(labels.classes[1:], 1), (IGNORE_ID, IGNORED)]
    categories = [{"id": i, "name": name, "supercategory": ""} for i, name in classes]
    return _document(entries, annotations, categories, labels)


def _image_entries(images: Sequence[str], sizes: Sequence[Size]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return the entries of the images, each image once, and the id of each name."""
    ids = {name: i + 1 for i, name in enumerate(dict.fromkeys(images))}
    size_of = dict(zip(images, sizes, strict=True))
    entries = [{"id": i, "file_name": n, "height": size_of[n][0], "width": size_of[n][1]} for n, i in ids.items()]
    return entries, ids


def _document(
    images: list[Any], annotations: list[Any], categories: list[Any], labels: LandmarkSet | SegmentationSet
) -> dict[str, Any]:
    """Return a COCO document. The label set is stored in its info."""
    info = {"description": "written by facekit", "facekit": describe_set(labels)}
    return {"info": info, "licenses": [], "images": images, "annotations": annotations, "categories": categories}
