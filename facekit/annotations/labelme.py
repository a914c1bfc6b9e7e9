"""LabelMe's JSON, one file an image: points for landmarks, areas for segmentation.

LabelMe has (0,0) at the top-left CORNER of the top-left pixel, hence ORIGIN = 0.5 for its centre. Landmarks are its
"point" shapes; other shapes may stand beside them and are left alone. Areas are "polygon", "rectangle",
"oriented_rectangle", "circle", a "linestrip" that ends where it starts, and "mask"; an unknown type with four corners
("rotation" of other tools) is a polygon. Later shapes lie over earlier ones, and points are left alone. An open line
has no area and is an error, because its width is anybody's guess. A "mask" is a PNG laid at its first corner, rounded
to whole pixels, and clipped to the image; as in LabelMe, its second corner says nothing. A point that is labelled but
hidden has the flag "occluded". Where the image's file is missing, the image is read from "imageData".

Written are "point" and "mask" shapes (LabelMe 5.2 and later), since a mask holds holes, islands and thin lines exactly.
"""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..images.reader import load_image
from ..labels import LandmarkSet, SegmentationSet
from .image_index import ImageFinder, size_of
from .label_names import IGNORE, IGNORED, describe, described
from .mask_ids import ids_of_image
from .polygons import fill_circle, fill_polygon, fill_rectangle
from .records import (
    Face,
    Found,
    Size,
    Task,
    check_declared,
    entries,
    entry,
    faces_of_points,
    pairs,
    parts_of_areas,
    shown,
    text,
)

ORIGIN = 0.5
_VERSION = "5.5.0"
_AREAS = ("polygon", "rectangle", "oriented_rectangle", "circle", "mask", "line", "linestrip")
_POINTS = ("point", "points")
_HIDDEN = "occluded"


def read_labelme(
    data: dict[str, Any], source: str, task: Task, finder: ImageFinder, origin: float, found: Found, label: Path
) -> None:
    """Adds one file's labels to `found`. Raises ValueError for whatever is wrong with the file or its image."""
    image, pixels = _image(data, finder, label)
    size: Size = size_of(image) if pixels is None else (pixels.shape[0], pixels.shape[1])
    check_declared(data.get("imageHeight"), data.get("imageWidth"), size)
    shapes = [entry(shape, f"shape {i}") for i, shape in enumerate(entries(data.get("shapes"), "shapes"))]
    declared = described(data.get("facekit"), task)
    kinds = [shape.get("shape_type") or "polygon" for shape in shapes]
    if task == "landmarks":
        chosen = [(i, shape) for i, shape in enumerate(shapes) if kinds[i] == "point"]
    else:
        chosen = [(i, shape) for i, shape in enumerate(shapes) if kinds[i] not in _POINTS]
    if not chosen and declared is None:
        what = '"point" shapes' if task == "landmarks" else "polygons or other areas"
        raise ValueError(f"{len(shapes)} shapes but no {what} came, expected some: label the image, or drop the file")
    if task == "landmarks":
        found.faces += _faces(chosen, source, image, pixels, size, origin, declared is not None)
    else:
        named = [(text(shape.get("label"), f"label of shape {i}"), i, shape) for i, shape in chosen]
        areas = ((label, _area(label, i, shape, size, origin)) for label, i, shape in named)
        found.parts.append(parts_of_areas(areas, source, image, size, pixels))
    found.listing(declared)


def labelme_of_faces(
    image: str, size: Size, faces: Sequence[NDArray[np.float32]], visible: Sequence[NDArray[np.uint8]],
    labels: LandmarkSet, origin: float = ORIGIN,
) -> dict[str, Any]:  # fmt: skip
    """One image's landmarks, (K,2) and (K,) a face, as LabelMe's JSON; points that are NaN are left out."""
    shapes: list[dict[str, Any]] = []
    for group, (points, seen) in enumerate(zip(faces, visible, strict=True)):
        for name, point, flag in zip(labels.points, points.astype(np.float64) + origin, seen, strict=True):
            if not np.isnan(point).any():
                flags = {_HIDDEN: True} if flag == 1 else {}
                corner = [[float(point[0]), float(point[1])]]
                shapes.append(_shape(name, "point", corner, group if len(faces) > 1 else None, flags))
    return _document(image, size, shapes, labels)


def labelme_of_mask(image: str, size: Size, mask: NDArray[np.uint8], labels: SegmentationSet) -> dict[str, Any]:
    """One image's mask (H,W) as LabelMe's JSON: a "mask" shape for each class but the background."""
    shapes: list[dict[str, Any]] = []
    for i in np.unique(mask[mask > 0]).tolist():
        inside = mask == i
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        box = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        buffer = io.BytesIO()
        Image.fromarray(box.astype(np.uint8)).save(buffer, format="PNG")
        corners = [[float(columns[0]), float(rows[0])], [float(columns[-1]), float(rows[-1])]]
        shape = _shape(IGNORED if i == IGNORE else labels.classes[i], "mask", corners, None, {})
        shapes.append({**shape, "mask": base64.b64encode(buffer.getvalue()).decode()})
    return _document(image, size, shapes, labels)


def _image(data: dict[str, Any], finder: ImageFinder, label: Path) -> tuple[Path, NDArray[np.uint8] | None]:
    """The image's file, and its pixels where only the label file holds them."""
    content = data.get("imageData")
    if not content:
        return finder.by_path(text(data.get("imagePath"), "imagePath"), label), None
    written = text(data.get("imagePath") or f"{label.stem}.png", "imagePath")
    try:
        return finder.by_path(written, label), None
    except ValueError as error:
        name = f"imageData of {label.name}"
        try:
            raw = base64.b64decode(text(content, "imageData"), validate=True)
        except ValueError as broken:
            came = f"{error}; its imageData is no base64 either ({broken})"
            raise ValueError(f"{came}, expected one of the two: export the file again") from broken
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "image"
            file.write_bytes(raw)
            pixels = load_image(file, name)
        return finder.expected(written, label), pixels


def _faces(
    shapes: list[tuple[int, dict[str, Any]]], source: str, image: Path, pixels: NDArray[np.uint8] | None, size: Size,
    origin: float, ours: bool,
) -> list[Face]:  # fmt: skip
    points: list[tuple[str, str | None, NDArray[np.float64], int]] = []
    for i, shape in shapes:
        name = text(shape.get("label"), f"label of shape {i}")
        xy = pairs(shape.get("points"), f"point {shown(name)} (shape {i})")
        if len(xy) != 1:
            raise ValueError(f"{len(xy)} places came for point {shown(name)}, expected one: draw it again")
        hidden = isinstance(flags := shape.get("flags"), dict) and flags.get(_HIDDEN) is True
        points.append((name, repr(shape.get("group_id")), xy[0] - origin, 1 if hidden else 2))
    return faces_of_points(points, source, image, size, ours, pixels)


def _area(label: str, i: int, shape: dict[str, Any], size: Size, origin: float) -> NDArray[np.bool_]:
    try:
        return _filled(shape.get("shape_type") or "polygon", shape, size, origin)
    except ValueError as error:
        raise ValueError(f"shape {i} ({shown(label)}): {error}") from error


def _filled(kind: Any, shape: dict[str, Any], size: Size, origin: float) -> NDArray[np.bool_]:
    points = pairs(shape.get("points"), "its points")
    if kind == "mask":
        return _pasted(shape.get("mask"), points, size)
    points = points - origin
    if kind not in _AREAS and len(points) != 4:
        expected = f"expected one of {', '.join(_AREAS)}, or four corners"
        raise ValueError(f"type {shown(kind)} with {len(points)} points came, {expected}: draw it again")
    if kind == "rectangle" and len(points) != 4:
        return fill_rectangle(points, size)
    if kind == "circle":
        return fill_circle(points, size)
    if kind in ("line", "linestrip"):
        if len(points) < 4 or (points[0] != points[-1]).any():
            fix = "draw a polygon instead, or delete it"
            raise ValueError(f"an open line of {len(points)} points came, expected an area: {fix}")
    return fill_polygon(points, size)


def _pasted(content: Any, corners: NDArray[np.float64], size: Size) -> NDArray[np.bool_]:
    """A "mask" shape: its PNG at the rounded first corner, clipped to the image, whatever the origin is."""
    if not len(corners):
        raise ValueError("no corner of a mask came, expected where it lies: draw it again")
    x, y = (int(value) for value in np.rint(corners[0]))
    try:
        raw = base64.b64decode(text(content, "a mask's PNG"), validate=True)
        with Image.open(io.BytesIO(raw), formats=["PNG"]) as image:
            stamp = ids_of_image(image, "its PNG") != 0
    except Exception as error:  # Pillow's readers raise any type on damaged data
        raise ValueError(f"its PNG cannot be used ({error}), expected one in base64: draw it again") from error
    height, width = stamp.shape
    top, left, bottom, right = max(y, 0), max(x, 0), min(y + height, size[0]), min(x + width, size[1])
    if top >= bottom or left >= right:
        came = f"a mask from x={x}, y={y} to x={x + width - 1}, y={y + height - 1} came"
        expected = f"expected it within the image, {size[1]} wide and {size[0]} high"
        raise ValueError(f"{came}, {expected}: draw it again, or delete it")
    mask = np.zeros(size, dtype=bool)
    mask[top:bottom, left:right] = stamp[top - y : bottom - y, left - x : right - x]
    return mask


def _shape(label: str, kind: str, points: list[list[float]], group: int | None, flags: dict[str, bool]) -> Any:
    shape = {"label": label, "points": points, "group_id": group, "description": "", "shape_type": kind}
    return {**shape, "flags": flags, "mask": None}


def _document(image: str, size: Size, shapes: list[Any], labels: LandmarkSet | SegmentationSet) -> dict[str, Any]:
    # LabelMe keeps keys that it does not know, so the set survives editing there.
    head: dict[str, Any] = {"version": _VERSION, "flags": {}, "shapes": shapes, "imagePath": image, "imageData": None}
    return {**head, "imageHeight": size[0], "imageWidth": size[1], "facekit": describe(labels)}
