"""Read Label Studio's JSON export: a list of tasks with coordinates in percent of the image.

- Coordinates: (0, 0) is the corner of the top-left pixel, so its centre is ORIGIN = 0.5.
- Landmarks: key points. Points with a common parent are one face if names occur twice in the image.
- Segmentation: polygons, rectangles and ellipses, where later ones cover earlier ones. Brush labels have a coding of
  their own and are refused: export those as COCO or PNG.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.reader import SUFFIXES
from .image_finder import ImageFinder, image_size
from .polygons import fill_ellipse, fill_polygon, rotate
from .records import NamedPoint, ReadContext, faces_of_points, mask_of_areas
from .values import (
    Size,
    check_image_size,
    finite_number,
    json_list,
    json_object,
    non_empty_text,
    point_array,
    short_repr,
)

ORIGIN = 0.5
_POINTS = ("keypointlabels",)
_AREAS = ("polygonlabels", "rectanglelabels", "ellipselabels")
# Uploaded files get eight characters before their names.
_UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-")


def is_label_studio(data: Any) -> bool:
    """Return whether JSON data is a list of Label Studio's tasks."""
    first = data[0] if isinstance(data, list) and data else None
    return (
        isinstance(first, dict) and isinstance(first.get("data"), dict) and isinstance(first.get("annotations"), list)
    )


def read_label_studio(data: list[Any], context: ReadContext) -> None:
    """Add the labels of all tasks to the batch.

    Args:
        data: The JSON data of the file.
        context: File, task, image finder, origin and batch.
    """
    for i, item in enumerate(data):
        with context.batch.skip_errors(f"{context.source}, task {i}"):
            _read_task(json_object(item, f"task {i}"), context)


def _read_task(content: dict[str, Any], context: ReadContext) -> None:
    """Add the labels of one task, which is one image, to the batch."""
    image = _find_image(json_object(content.get("data"), "data of the task"), context.finder, context.file)
    size = image_size(image)
    results = _results(content)
    for result in results:
        check_image_size(result.get("original_height"), result.get("original_width"), size)
    types = _POINTS if context.task == "landmarks" else _AREAS
    if context.task == "segmentation" and any(r.get("type") == "brushlabels" for r in results):
        fix = "export the project as COCO or PNG"
        raise ValueError(f"expected polygons, got brush labels in Label Studio's own coding; {fix}")
    chosen = [result for result in results if result.get("type") in types]
    if not chosen:
        got = f"{len(results)} regions but none of these"
        raise ValueError(f"expected regions of type {' or '.join(types)}, got {got}; label the image")
    scale = np.array(size[::-1]) / 100
    source = f"{context.source}, {image.name}"
    if context.task == "landmarks":
        points: list[NamedPoint] = [(_label(r), _parent(r), _position(r) * scale - context.origin, 2) for r in chosen]
        context.batch.faces += faces_of_points(points, source, image, size)
    else:
        areas = _areas(chosen, scale, size, context.origin)
        context.batch.masks.append(mask_of_areas(areas, source, image, size))


def _find_image(data: dict[str, Any], finder: ImageFinder, label: Path) -> Path:
    """Return the image of a task, also by its name before the upload."""
    values = [value for value in data.values() if isinstance(value, str)]
    images = [value for value in values if Path(value.split("?X-")[0]).suffix.lower() in SUFFIXES] or values
    written = non_empty_text(images[0] if images else None, "image of the task").split("?d=")[-1].split("?")[0]
    try:
        return finder.by_path(written, label)
    except ValueError:
        short = _UPLOAD_PREFIX.sub("", Path(written).name)
        if short == Path(written).name:
            raise
        return finder.by_path(short, label)


def _results(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the results of the only annotation of a task that was not cancelled."""
    annotations = [json_object(a, "annotation") for a in json_list(content.get("annotations"), "annotations")]
    finished = [a for a in annotations if not a.get("was_cancelled")]
    if len(finished) != 1:
        fix = "keep the right one in Label Studio"
        raise ValueError(f"expected one annotation per image, got {len(finished)}; {fix}")
    return [json_object(result, "result") for result in json_list(finished[0].get("result"), "result")]


def _areas(
    results: list[dict[str, Any]], scale: NDArray[np.float64], size: Size, origin: float
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield name and pixels of each area."""
    for i, result in enumerate(results):
        name = _label(result)
        try:
            yield name, _fill(result, scale, size, origin)
        except ValueError as error:
            raise ValueError(f"region {i} ({short_repr(name)}): {error}") from error


def _fill(result: dict[str, Any], scale: NDArray[np.float64], size: Size, origin: float) -> NDArray[np.bool_]:
    """Return the pixels (H, W) of a region."""
    value = json_object(result.get("value"), "value of a region")
    if result["type"] == "polygonlabels":
        return fill_polygon(point_array(value.get("points"), "its points") * scale - origin, size)
    corner = _position(result) * scale - origin
    degrees = finite_number(value.get("rotation", 0), "rotation")
    keys = ("radiusX", "radiusY") if result["type"] == "ellipselabels" else ("width", "height")
    extent = np.array([finite_number(value.get(key), key) for key in keys]) * scale
    if result["type"] == "ellipselabels":
        return fill_ellipse(corner, extent, degrees, size)
    corners = corner + np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * extent
    return fill_polygon(rotate(corners, corner, degrees) if degrees else corners, size)


def _label(result: dict[str, Any]) -> str:
    value = json_object(result.get("value"), "value of a region")
    labels = json_list(value.get(str(result["type"])), f"{result['type']} of a region")
    if len(labels) != 1:
        raise ValueError(f"expected one label per region, got {len(labels)}; choose one in Label Studio")
    return non_empty_text(labels[0], "label of a region")


def _parent(result: dict[str, Any]) -> str | None:
    return str(result["parentID"]) if result.get("parentID") else None


def _position(result: dict[str, Any]) -> NDArray[np.float64]:
    value = json_object(result.get("value"), "value of a region")
    return np.array([finite_number(value.get(axis), f"{axis} of a region") for axis in "xy"])
