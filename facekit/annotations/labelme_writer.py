"""Write LabelMe's JSON with "point" and "mask" shapes (LabelMe 5.2 and later).

A "mask" shape holds holes, islands and thin lines exactly. `labelme` reads the format and describes it.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..labels import IGNORE_ID, LandmarkSet, SegmentationSet
from .label_names import IGNORED
from .labelme import HIDDEN_FLAG, ORIGIN
from .set_description import describe_set
from .values import Size

_VERSION = "5.5.0"


def faces_to_labelme(
    image: str,
    size: Size,
    faces: Sequence[NDArray[np.float32]],
    visible: Sequence[NDArray[np.uint8]],
    labels: LandmarkSet,
    origin: float = ORIGIN,
) -> dict[str, Any]:
    """Return the landmarks of one image as LabelMe's JSON.

    Args:
        image: Name of the image file.
        size: (H, W) of the image in pixels.
        faces: Points of each face, shape (K, 2), x and y in pixels. NaN points are left out.
        visible: Visibility of the points of each face, shape (K,): 0 not labelled, 1 hidden, 2 visible.
        labels: The landmark set.
        origin: x and y of the centre of the top-left pixel in the file.

    Returns:
        JSON data.
    """
    shapes: list[dict[str, Any]] = []
    for group, (points, flags) in enumerate(zip(faces, visible, strict=True)):
        for name, point, flag in zip(labels.points, points.astype(np.float64) + origin, flags, strict=True):
            if not np.isnan(point).any():
                hidden = {HIDDEN_FLAG: True} if flag == 1 else {}
                position = [[float(point[0]), float(point[1])]]
                shapes.append(_shape(name, "point", position, group if len(faces) > 1 else None, hidden))
    return _document(image, size, shapes, labels)


def mask_to_labelme(image: str, size: Size, mask: NDArray[np.uint8], labels: SegmentationSet) -> dict[str, Any]:
    """Return the mask of one image as LabelMe's JSON: a "mask" shape for each class but the background.

    Args:
        image: Name of the image file.
        size: (H, W) of the image in pixels.
        mask: Array of shape (H, W), uint8 class ids; 255: ignored.
        labels: The segmentation set.

    Returns:
        JSON data.
    """
    shapes: list[dict[str, Any]] = []
    for i in np.unique(mask[mask > 0]).tolist():
        inside = mask == i
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        box = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        buffer = io.BytesIO()
        Image.fromarray(box.astype(np.uint8)).save(buffer, format="PNG")
        corners = [[float(columns[0]), float(rows[0])], [float(columns[-1]), float(rows[-1])]]
        shape = _shape(IGNORED if i == IGNORE_ID else labels.classes[i], "mask", corners, None, {})
        shapes.append({**shape, "mask": base64.b64encode(buffer.getvalue()).decode()})
    return _document(image, size, shapes, labels)


def _shape(label: str, kind: str, points: list[list[float]], group: int | None, flags: dict[str, bool]) -> Any:
    """Return one shape with all keys that LabelMe writes."""
    shape = {"label": label, "points": points, "group_id": group, "description": "", "shape_type": kind}
    return {**shape, "flags": flags, "mask": None}


def _document(image: str, size: Size, shapes: list[Any], labels: LandmarkSet | SegmentationSet) -> dict[str, Any]:
    """Return a LabelMe document. LabelMe keeps unknown keys, so the label set survives editing there."""
    head: dict[str, Any] = {"version": _VERSION, "flags": {}, "shapes": shapes, "imagePath": image, "imageData": None}
    return {**head, "imageHeight": size[0], "imageWidth": size[1], "facekit": describe_set(labels)}
