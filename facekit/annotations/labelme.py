"""Read LabelMe's JSON, one file per image: points for landmarks, areas for segmentation.

- Coordinates: (0, 0) is the top-left corner of the top-left pixel, so its centre is ORIGIN = 0.5.
- Landmarks: shapes of type "point". A point that is labelled but hidden has the flag "occluded". Other shapes are
  ignored.
- Segmentation: "polygon", "rectangle", "oriented_rectangle", "circle", "mask", and a "linestrip" that ends where it
  starts. An unknown type with four corners ("rotation" of other tools) is a polygon. Later shapes cover earlier ones.
  Points are ignored. An open line is an error, because its width is unknown.
- A "mask" is a PNG. Its first corner, rounded to whole pixels, is its position; the second one is ignored, as in
  LabelMe. It is clipped to the image.
- If the file of the image is missing, the image is read from "imageData".

`labelme_writer` writes the format.
"""

from __future__ import annotations

import base64
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..images.reader import load_image
from .image_finder import ImageFinder, image_size
from .mask_ids import ids_of_image
from .polygons import fill_circle, fill_polygon, fill_rectangle
from .records import NamedPoint, ReadContext, faces_of_points, mask_of_areas
from .set_description import parse_set
from .values import Size, check_image_size, json_list, json_object, non_empty_text, point_array, short_repr

ORIGIN = 0.5
HIDDEN_FLAG = "occluded"
_AREAS = ("polygon", "rectangle", "oriented_rectangle", "circle", "mask", "line", "linestrip")
_POINTS = ("point", "points")


def read_labelme(data: dict[str, Any], context: ReadContext) -> None:
    """Add the labels of a file to the batch.

    Args:
        data: The JSON data of the file.
        context: File, task, image finder, origin and batch.

    Raises:
        ValueError: If anything is wrong with the file or its image.
    """
    task, batch, origin = context.task, context.batch, context.origin
    image, pixels = _find_image(data, context.finder, context.file)
    size: Size = image_size(image) if pixels is None else (pixels.shape[0], pixels.shape[1])
    check_image_size(data.get("imageHeight"), data.get("imageWidth"), size)
    shapes = [json_object(shape, f"shape {i}") for i, shape in enumerate(json_list(data.get("shapes"), "shapes"))]
    own_set = parse_set(data.get("facekit"), task)
    kinds = [shape.get("shape_type") or "polygon" for shape in shapes]
    if task == "landmarks":
        chosen = [(i, shape) for i, shape in enumerate(shapes) if kinds[i] == "point"]
    else:
        chosen = [(i, shape) for i, shape in enumerate(shapes) if kinds[i] not in _POINTS]
    if not chosen and own_set is None:
        what = '"point" shapes' if task == "landmarks" else "polygons or other areas"
        fix = "label the image, or drop the file"
        raise ValueError(f"expected {what}, got {len(shapes)} shapes but none of these; {fix}")
    if task == "landmarks":
        points = [_named_point(i, shape, origin) for i, shape in chosen]
        # In a file of facekit, every group is a face.
        batch.faces += faces_of_points(points, context.source, image, size, own_set is not None, pixels)
    else:
        named = [(non_empty_text(shape.get("label"), f"label of shape {i}"), i, shape) for i, shape in chosen]
        areas = ((label, _area(label, i, shape, size, origin)) for label, i, shape in named)
        batch.masks.append(mask_of_areas(areas, context.source, image, size, pixels))
    batch.declare(own_set)


def _find_image(data: dict[str, Any], finder: ImageFinder, label: Path) -> tuple[Path, NDArray[np.uint8] | None]:
    """Return the file of the image, and its pixels if only the label file holds them."""
    content = data.get("imageData")
    if not content:
        return finder.by_path(non_empty_text(data.get("imagePath"), "imagePath"), label), None
    written = non_empty_text(data.get("imagePath") or f"{label.stem}.png", "imagePath")
    try:
        return finder.by_path(written, label), None
    except ValueError as missing:
        name = f"imageData of {label.name}"
        try:
            raw = base64.b64decode(non_empty_text(content, "imageData"), validate=True)
        except ValueError as error:
            got = f"{missing}; its imageData is no base64 either ({error})"
            raise ValueError(f"{got}; expected one of the two, so export the file again") from error
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "image"
            file.write_bytes(raw)
            pixels = load_image(file, name)
        return finder.default_path(written, label), pixels


def _named_point(i: int, shape: dict[str, Any], origin: float) -> NamedPoint:
    """Return a "point" shape."""
    name = non_empty_text(shape.get("label"), f"label of shape {i}")
    xy = point_array(shape.get("points"), f"point {short_repr(name)} (shape {i})")
    if len(xy) != 1:
        raise ValueError(f"expected one position of point {short_repr(name)}, got {len(xy)}; draw it again")
    hidden = isinstance(flags := shape.get("flags"), dict) and flags.get(HIDDEN_FLAG) is True
    return name, repr(shape.get("group_id")), xy[0] - origin, 1 if hidden else 2


def _area(label: str, i: int, shape: dict[str, Any], size: Size, origin: float) -> NDArray[np.bool_]:
    """Return the pixels (H, W) of a shape. Errors name the shape."""
    try:
        return _fill(shape.get("shape_type") or "polygon", shape, size, origin)
    except ValueError as error:
        raise ValueError(f"shape {i} ({short_repr(label)}): {error}") from error


def _fill(kind: Any, shape: dict[str, Any], size: Size, origin: float) -> NDArray[np.bool_]:
    """Return the pixels (H, W) of a shape of a kind."""
    points = point_array(shape.get("points"), "its points")
    if kind == "mask":
        return _paste(shape.get("mask"), points, size)
    points = points - origin
    if kind not in _AREAS and len(points) != 4:
        expected = f"expected type {', '.join(_AREAS)}, or four corners"
        raise ValueError(f"{expected}, got type {short_repr(kind)} with {len(points)} points; draw it again")
    if kind == "rectangle" and len(points) != 4:
        return fill_rectangle(points, size)
    if kind == "circle":
        return fill_circle(points, size)
    if kind in ("line", "linestrip") and (len(points) < 4 or (points[0] != points[-1]).any()):
        fix = "draw a polygon instead, or delete it"
        raise ValueError(f"expected an area, got an open line of {len(points)} points; {fix}")
    return fill_polygon(points, size)


def _paste(content: Any, corners: NDArray[np.float64], size: Size) -> NDArray[np.bool_]:
    """Return the pixels (H, W) of a "mask" shape. Its position does not depend on the origin."""
    if not len(corners):
        raise ValueError("expected a corner that gives the position of the mask, got none; draw it again")
    x, y = (int(value) for value in np.rint(corners[0]))
    try:
        raw = base64.b64decode(non_empty_text(content, "a mask's PNG"), validate=True)
        with Image.open(io.BytesIO(raw), formats=["PNG"]) as image:
            stamp = ids_of_image(image, "its PNG") != 0
    except Exception as error:  # Pillow's readers raise any type on damaged data
        raise ValueError(f"its PNG cannot be used ({error}), expected one in base64; draw it again") from error
    height, width = stamp.shape
    top, left, bottom, right = max(y, 0), max(x, 0), min(y + height, size[0]), min(x + width, size[1])
    if top >= bottom or left >= right:
        got = f"one from x={x}, y={y} to x={x + width - 1}, y={y + height - 1}"
        expected = f"expected a mask within the image, {size[1]} wide and {size[0]} high"
        raise ValueError(f"{expected}, got {got}; draw it again, or delete it")
    mask = np.zeros(size, dtype=bool)
    mask[top:bottom, left:right] = stamp[top - y : bottom - y, left - x : right - x]
    return mask
