"""Read CVAT's own XML, "CVAT for images 1.1": points, skeletons, polygons, boxes, ellipses and masks.

- Coordinates: (0, 0) is the corner of the top-left pixel, so its centre is ORIGIN = 0.5.
- Landmarks: a shape of one point is a named point; shapes with one group_id are the points of one face. A shape of
  several points is a whole face without names, in the order of the label set. A skeleton is a face with named points.
  ``outside`` points are not labelled, ``occluded`` ones are hidden.
- Segmentation: areas are ordered by their z_order. The run lengths of a mask go row by row within its box.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from .image_finder import image_size
from .label_names import check_unique
from .polygons import fill_ellipse, fill_polygon, rotate
from .records import FacePoints, NamedPoint, ReadContext, faces_of_points, mask_of_areas
from .run_lengths import alternating_runs_to_mask
from .values import Size, check_xml_size, non_empty_text, short_repr, xml_number

ORIGIN = 0.5
_AREAS = ("polygon", "box", "ellipse", "mask", "polyline")
# Types of labels in the head of the file that can have areas. None: the type is missing.
_AREA_TYPES = ("any", "polygon", "rectangle", "ellipse", "mask", "polyline", None)


def read_cvat(root: ElementTree.Element, context: ReadContext) -> None:
    """Add the labels of a file to the batch.

    Args:
        root: The root element of the file.
        context: File, task, image finder, origin and batch.

    Raises:
        ValueError: If the file is one of a video, or has no images.
    """
    if root.find("track") is not None:
        raise ValueError("expected CVAT's XML of single images, got that of a video; export it as CVAT for images 1.1")
    images = root.findall("image")
    if not images:
        raise ValueError("expected <image> in CVAT's XML, got none; export it again as CVAT for images 1.1")
    if context.task == "segmentation":
        labels = [element for element in root.iter("label") if element.find("name") is not None]
        kept = [e for e in labels if e.findtext("parent") is None and e.findtext("type") in _AREA_TYPES]
        order = check_unique([non_empty_text(e.findtext("name"), "name of a label") for e in kept], "labels")
        context.batch.declare(order if len(order) > 1 else None)
    for i, image in enumerate(images):
        source = f"{context.source}, {image.get('name') or f'image {i}'}"
        with context.batch.skip_errors(source):
            _read_image(image, source, context)


def _read_image(image: ElementTree.Element, source: str, context: ReadContext) -> None:
    """Add the labels of an <image> to the batch."""
    written = non_empty_text(image.get("name"), "name of an <image>")
    subset = image.get("subset")
    file = context.finder.by_path(written, context.file.with_name(subset) if subset else context.file)
    size = image_size(file)
    check_xml_size(image, size)
    fix = "label the image, or drop it from the file"
    if context.task == "landmarks":
        faces = _faces(image, source, file, size, context.origin)
        if not faces:
            raise ValueError(f"expected points, got {len(image)} shapes but no points; {fix}")
        context.batch.faces += faces
        return
    shapes = [shape for shape in image if shape.tag in _AREAS]
    if len(image) and not shapes:
        raise ValueError(f"expected areas, got {len(image)} shapes but no areas; {fix}")
    shapes.sort(key=lambda shape: xml_number(shape.get("z_order") or "0", "z_order"))
    context.batch.masks.append(mask_of_areas(_areas(shapes, size, context.origin), source, file, size))


def _faces(image: ElementTree.Element, source: str, file: Path, size: Size, origin: float) -> list[FacePoints]:
    """Return the faces of an <image>: whole faces and skeletons first, then those of single points."""
    faces: list[FacePoints] = []
    named: list[NamedPoint] = []
    for shape in image:
        if shape.tag == "points":
            points = _points(shape, origin)
            if len(points) == 1:
                named.append((_label(shape), shape.get("group_id"), points[0], _visibility(shape)))
            else:
                visible = np.full(len(points), _visibility(shape), np.uint8)
                faces.append(FacePoints(source, file, size, points, visible))
        elif shape.tag == "skeleton":
            inside = [point for point in shape.findall("points") if point.get("outside") != "1"]
            joints: list[NamedPoint] = [(_label(p), None, _points(p, origin)[0], _visibility(p)) for p in inside]
            faces += faces_of_points(joints, source, file, size) if joints else []
    return faces + (faces_of_points(named, source, file, size) if named else [])


def _areas(shapes: list[ElementTree.Element], size: Size, origin: float) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield name and pixels of each area."""
    for i, shape in enumerate(shapes):
        name = _label(shape)
        try:
            yield name, _fill(shape, size, origin)
        except ValueError as error:
            raise ValueError(f"{shape.tag} {i} ({short_repr(name)}): {error}") from error


def _fill(shape: ElementTree.Element, size: Size, origin: float) -> NDArray[np.bool_]:
    """Return the pixels (H, W) of a shape."""
    degrees = xml_number(shape.get("rotation") or "0", "rotation")
    if shape.tag == "mask":
        return _fill_mask(shape, size)
    if shape.tag == "box":
        x0, y0, x1, y1 = (xml_number(shape.get(key), key) - origin for key in ("xtl", "ytl", "xbr", "ybr"))
        corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
        return fill_polygon(rotate(corners, corners.mean(0), degrees) if degrees else corners, size)
    if shape.tag == "ellipse":
        x, y, *radii = (xml_number(shape.get(key), key) for key in ("cx", "cy", "rx", "ry"))
        return fill_ellipse(np.array([x, y]) - origin, np.array(radii), degrees, size)
    points = _points(shape, origin)
    if shape.tag == "polyline" and (len(points) < 4 or (points[0] != points[-1]).any()):
        fix = "draw a polygon instead, or delete it"
        raise ValueError(f"expected an area, got an open line of {len(points)} points; {fix}")
    return fill_polygon(points, size)


def _fill_mask(shape: ElementTree.Element, size: Size) -> NDArray[np.bool_]:
    """Return the pixels (H, W) of a <mask>, whose run lengths cover its box only."""
    left, top, width, height = (int(xml_number(shape.get(key), key)) for key in ("left", "top", "width", "height"))
    inside = left >= 0 and top >= 0 and 0 < width <= size[1] - left and 0 < height <= size[0] - top
    if not inside:
        got = f"one of {width} x {height} at x={left}, y={top}"
        expected = f"expected a mask within the image, {size[1]} wide and {size[0]} high"
        raise ValueError(f"{expected}, got {got}; export the file again")
    words = non_empty_text(shape.get("rle"), "rle").split(",")
    lengths = [int(xml_number(word, "a run length")) for word in words]
    mask = np.zeros(size, dtype=bool)
    mask[top : top + height, left : left + width] = alternating_runs_to_mask(lengths, (height, width))
    return mask


def _label(shape: ElementTree.Element) -> str:
    return non_empty_text(shape.get("label"), f"label of a <{shape.tag}>")


def _visibility(shape: ElementTree.Element) -> int:
    """Return 1 for a hidden point, 2 for a visible one."""
    return 1 if shape.get("occluded") == "1" else 2


def _points(shape: ElementTree.Element, origin: float) -> NDArray[np.float64]:
    """Return the points of a shape as an array of shape (n, 2)."""
    words = non_empty_text(shape.get("points"), f"points of a <{shape.tag}>").split(";")
    points = [[xml_number(word, f"x or y of a <{shape.tag}>") for word in pair.split(",")] for pair in words]
    if any(len(point) != 2 for point in points):
        got = f"{short_repr(words[0])} in a <{shape.tag}>"
        raise ValueError(f"expected x,y pairs with ; between them, got {got}; export it again")
    return np.array(points, np.float64) - origin
