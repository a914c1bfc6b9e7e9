"""Label Studio's JSON export: a list of tasks, coordinates in percent of the image.

(0,0) is the corner of the top-left pixel, hence ORIGIN = 0.5. Key points are landmarks; polygons, rectangles and
ellipses are areas, later over earlier. Points with a common parent are one face where names come again. Brush labels
have a coding of their own and are refused: export those as COCO or PNG.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.reader import SUFFIXES
from .image_index import ImageFinder, size_of
from .polygons import fill_ellipse, fill_polygon, turned
from .records import (
    Found,
    Size,
    Task,
    check_declared,
    entries,
    entry,
    faces_of_points,
    number,
    pairs,
    parts_of_areas,
    shown,
    text,
)

ORIGIN = 0.5
_POINTS = ("keypointlabels",)
_AREAS = ("polygonlabels", "rectanglelabels", "ellipselabels")
# Uploaded files get eight characters before their names.
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")


def is_label_studio(data: Any) -> bool:
    """Return whether JSON is such a list of tasks."""
    first = data[0] if isinstance(data, list) and data else None
    return (
        isinstance(first, dict) and isinstance(first.get("data"), dict) and isinstance(first.get("annotations"), list)
    )


def read_label_studio(
    data: list[Any], source: str, task: Task, finder: ImageFinder, origin: float, found: Found, label: Path
) -> None:
    """Add the labels of all tasks to `found`, and single images that cannot be used to its skipped ones."""
    for i, item in enumerate(data):
        with found.attempt(f"{source}, task {i}"):
            content = entry(item, f"task {i}")
            image = _image(entry(content.get("data"), "data of the task"), finder, label)
            size = size_of(image)
            results = _results(content)
            for result in results:
                check_declared(result.get("original_height"), result.get("original_width"), size)
            wanted = _POINTS if task == "landmarks" else _AREAS
            if task == "segmentation" and any(r.get("type") == "brushlabels" for r in results):
                fix = "export the project as COCO or PNG"
                raise ValueError(f"brush labels came in Label Studio's own coding, expected polygons: {fix}")
            chosen = [result for result in results if result.get("type") in wanted]
            if not chosen:
                raise ValueError(f"{len(results)} regions but none of type {' or '.join(wanted)} came, expected some")
            scale = np.array(size[::-1]) / 100
            where = f"{source}, {image.name}"
            if task == "landmarks":
                points = [(_label(r), _parent(r), _place(r) * scale - origin, 2) for r in chosen]
                found.faces += faces_of_points(points, where, image, size)
            else:
                found.parts.append(parts_of_areas(_areas(chosen, scale, size, origin), where, image, size))


def _image(data: dict[str, Any], finder: ImageFinder, label: Path) -> Path:
    values = [value for value in data.values() if isinstance(value, str)]
    images = [value for value in values if Path(value.split("?X-")[0]).suffix.lower() in SUFFIXES] or values
    written = text(images[0] if images else None, "image of the task").split("?d=")[-1].split("?")[0]
    try:
        return finder.by_path(written, label)
    except ValueError:
        short = _UPLOADED.sub("", Path(written).name)
        if short == Path(written).name:
            raise
        return finder.by_path(short, label)


def _results(content: dict[str, Any]) -> list[dict[str, Any]]:
    made = [entry(a, "annotation") for a in entries(content.get("annotations"), "annotations")]
    done = [a for a in made if not a.get("was_cancelled")]
    if len(done) != 1:
        raise ValueError(f"{len(done)} annotations of one image came, expected one: keep the right one in Label Studio")
    return [entry(result, "result") for result in entries(done[0].get("result"), "result")]


def _areas(
    results: list[dict[str, Any]], scale: NDArray[np.float64], size: Size, origin: float
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    for i, result in enumerate(results):
        name = _label(result)
        try:
            yield name, _area(result, scale, size, origin)
        except ValueError as error:
            raise ValueError(f"region {i} ({shown(name)}): {error}") from error


def _area(result: dict[str, Any], scale: NDArray[np.float64], size: Size, origin: float) -> NDArray[np.bool_]:
    value = entry(result.get("value"), "value of a region")
    if result["type"] == "polygonlabels":
        return fill_polygon(pairs(value.get("points"), "its points") * scale - origin, size)
    corner = _place(result) * scale - origin
    degrees = number(value.get("rotation", 0), "rotation")
    keys = ("radiusX", "radiusY") if result["type"] == "ellipselabels" else ("width", "height")
    extent = np.array([number(value.get(key), key) for key in keys]) * scale
    if result["type"] == "ellipselabels":
        return fill_ellipse(corner, extent, degrees, size)
    corners = corner + np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * extent
    return fill_polygon(turned(corners, corner, degrees) if degrees else corners, size)


def _label(result: dict[str, Any]) -> str:
    value = entry(result.get("value"), "value of a region")
    labels = entries(value.get(str(result["type"])), f"{result['type']} of a region")
    if len(labels) != 1:
        raise ValueError(f"{len(labels)} labels of one region came, expected one: choose one in Label Studio")
    return text(labels[0], "label of a region")


def _parent(result: dict[str, Any]) -> str | None:
    return str(result["parentID"]) if result.get("parentID") else None


def _place(result: dict[str, Any]) -> NDArray[np.float64]:
    value = entry(result.get("value"), "value of a region")
    return np.array([number(value.get(axis), f"{axis} of a region") for axis in "xy"])
