"""CVAT's own XML, "CVAT for images 1.1": points, skeletons, polygons, boxes, ellipses and masks.

Coordinates have (0,0) at the corner of the top-left pixel, hence ORIGIN = 0.5. A shape of one point is a named point;
shapes with a group_id are the points of one face each. A shape of several points is a whole face without names, in the
order of the label set. A skeleton is a face whose points have names; `outside` ones are not labelled, `occluded` ones
are hidden. Areas lie over each other by their z_order. A mask's run lengths go row by row within its box.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from .image_index import ImageFinder, size_of
from .label_names import check_listing
from .polygons import fill_ellipse, fill_polygon, turned
from .records import Face, Found, Size, Task, check_xml_size, faces_of_points, parts_of_areas, shown, text, xml_number

ORIGIN = 0.5
_AREAS = ("polygon", "box", "ellipse", "mask", "polyline")
# Types of labels in the file's head that have areas.
_AREA_TYPES = ("any", "polygon", "rectangle", "ellipse", "mask", "polyline", None)


def read_cvat(
    root: ElementTree.Element, source: str, task: Task, finder: ImageFinder, origin: float, found: Found, label: Path
) -> None:
    """Add a file's labels to `found`, and single images that cannot be used to its skipped ones.

    Raises:
        ValueError: If it is a video's file, or has no images.
    """
    if root.find("track") is not None:
        raise ValueError("CVAT's XML for video came, expected single images: export it as CVAT for images 1.1")
    images = root.findall("image")
    if not images:
        raise ValueError("CVAT's XML without <image> came, expected some: export it again as CVAT for images 1.1")
    if task == "segmentation":
        labels = [element for element in root.iter("label") if element.find("name") is not None]
        kept = [e for e in labels if e.findtext("parent") is None and e.findtext("type") in _AREA_TYPES]
        order = check_listing([text(e.findtext("name"), "name of a label") for e in kept], "labels")
        found.listing(order if len(order) > 1 else None)
    for i, image in enumerate(images):
        where = f"{source}, {image.get('name') or f'image {i}'}"
        with found.attempt(where):
            written = text(image.get("name"), "name of an <image>")
            subset = image.get("subset")
            photo = finder.by_path(written, label.with_name(subset) if subset else label)
            size = size_of(photo)
            check_xml_size(image, size)
            if task == "landmarks":
                faces = _faces(image, where, photo, size, origin)
                if not faces:
                    fix = "label the image, or drop it from the file"
                    raise ValueError(f"{len(image)} shapes but no points came, expected some: {fix}")
                found.faces += faces
            else:
                shapes = [shape for shape in image if shape.tag in _AREAS]
                if len(image) and not shapes:
                    fix = "label the image, or drop it from the file"
                    raise ValueError(f"{len(image)} shapes but no areas came, expected some: {fix}")
                shapes.sort(key=lambda shape: xml_number(shape.get("z_order") or "0", "z_order"))
                found.parts.append(parts_of_areas(_areas(shapes, size, origin), where, photo, size))


def _faces(image: ElementTree.Element, where: str, photo: Path, size: Size, origin: float) -> list[Face]:
    faces: list[Face] = []
    named: list[tuple[str, str | None, NDArray[np.float64], int]] = []
    for shape in image:
        if shape.tag == "points":
            points = _pairs(shape, origin)
            hidden = 1 if shape.get("occluded") == "1" else 2
            if len(points) == 1:
                named.append((_label(shape), shape.get("group_id"), points[0], hidden))
            else:
                faces.append(Face(where, photo, size, points, np.full(len(points), hidden, np.uint8)))
        elif shape.tag == "skeleton":
            bones = [bone for bone in shape.findall("points") if bone.get("outside") != "1"]
            own = [
                (_label(bone), None, _pairs(bone, origin)[0], 1 if bone.get("occluded") == "1" else 2) for bone in bones
            ]
            faces += faces_of_points(own, where, photo, size) if own else []
    return faces + (faces_of_points(named, where, photo, size) if named else [])


def _areas(shapes: list[ElementTree.Element], size: Size, origin: float) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    for i, shape in enumerate(shapes):
        name = _label(shape)
        try:
            yield name, _area(shape, size, origin)
        except ValueError as error:
            raise ValueError(f"{shape.tag} {i} ({shown(name)}): {error}") from error


def _area(shape: ElementTree.Element, size: Size, origin: float) -> NDArray[np.bool_]:
    degrees = xml_number(shape.get("rotation") or "0", "rotation")
    if shape.tag == "mask":
        return _mask(shape, size)
    if shape.tag == "box":
        x0, y0, x1, y1 = (xml_number(shape.get(key), key) - origin for key in ("xtl", "ytl", "xbr", "ybr"))
        corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
        return fill_polygon(turned(corners, corners.mean(0), degrees) if degrees else corners, size)
    if shape.tag == "ellipse":
        x, y, *radii = (xml_number(shape.get(key), key) for key in ("cx", "cy", "rx", "ry"))
        return fill_ellipse(np.array([x, y]) - origin, np.array(radii), degrees, size)
    points = _pairs(shape, origin)
    if shape.tag == "polyline" and (len(points) < 4 or (points[0] != points[-1]).any()):
        fix = "draw a polygon instead, or delete it"
        raise ValueError(f"an open line of {len(points)} points came, expected an area: {fix}")
    return fill_polygon(points, size)


def _mask(shape: ElementTree.Element, size: Size) -> NDArray[np.bool_]:
    left, top, width, height = (int(xml_number(shape.get(key), key)) for key in ("left", "top", "width", "height"))
    inside = 0 <= left and 0 <= top and 0 < width <= size[1] - left and 0 < height <= size[0] - top
    if not inside:
        came = f"a mask of {width} x {height} at x={left}, y={top} came"
        raise ValueError(f"{came}, expected it within the image, {size[1]} wide and {size[0]} high: export it again")
    counts = [int(xml_number(word, "a run length")) for word in text(shape.get("rle"), "rle").split(",")]
    if min(counts) < 0 or sum(counts) != width * height:
        expected = f"expected {width} x {height} = {width * height}"
        raise ValueError(f"run lengths of {sum(counts)} pixels came, {expected}: export the file again")
    mask = np.zeros(size, dtype=bool)
    runs = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    mask[top : top + height, left : left + width] = runs.reshape(height, width)
    return mask


def _label(shape: ElementTree.Element) -> str:
    return text(shape.get("label"), f"label of a <{shape.tag}>")


def _pairs(shape: ElementTree.Element, origin: float) -> NDArray[np.float64]:
    words = text(shape.get("points"), f"points of a <{shape.tag}>").split(";")
    places = [[xml_number(word, f"x or y of a <{shape.tag}>") for word in pair.split(",")] for pair in words]
    if any(len(place) != 2 for place in places):
        raise ValueError(
            f"{shown(words[0])} came in a <{shape.tag}>, expected x,y pairs with ; between: export it again"
        )
    return np.array(places, np.float64) - origin
