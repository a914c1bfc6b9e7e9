"""Read the JSON of VIA (VGG Image Annotator): a project, or its export of annotations.

- Coordinates: (0, 0) is the corner of the top-left pixel, so its centre is ORIGIN = 0.5.
- Landmarks: points. Segmentation: polygons, rectangles, circles and ellipses, where later ones cover earlier ones.
- The class is in an attribute of the region: the only one that the file uses, or the one called label, class, name,
  type or part.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .image_finder import image_size
from .polygons import fill_ellipse, fill_polygon
from .records import NamedPoint, ReadContext, faces_of_points, mask_of_areas
from .values import Size, finite_number, json_list, json_object, non_empty_text, short_repr

ORIGIN = 0.5
_PROJECT = "_via_img_metadata"
_CLASS_ATTRIBUTES = ("label", "class", "name", "type", "part")
_AREAS = ("polygon", "polyline", "rect", "circle", "ellipse")


def is_via(data: dict[str, Any]) -> bool:
    """Return whether a JSON object is a project or an export of VIA."""
    values = list(data.values())
    return _PROJECT in data or (
        bool(values) and all(isinstance(v, dict) and {"filename", "regions"} <= {*v} for v in values)
    )


def read_via(data: dict[str, Any], context: ReadContext) -> None:
    """Add the labels of a file to the batch.

    Args:
        data: The JSON data of the file.
        context: File, task, image finder, origin and batch.

    Raises:
        ValueError: If no attribute, or more than one, can hold the class.
    """
    images = json_object(data.get(_PROJECT, data), _PROJECT)
    of_image = {key: _regions(json_object(image, f"image {short_repr(key)}")) for key, image in images.items()}
    attribute = _class_attribute([region for regions in of_image.values() for region in regions])
    for key, regions in of_image.items():
        name = images[key].get("filename")
        source = f"{context.source}, {name if isinstance(name, str) else short_repr(key)}"
        with context.batch.skip_errors(source):
            _read_image(name, regions, attribute, source, context)


def _read_image(name: Any, regions: list[dict[str, Any]], attribute: str, source: str, context: ReadContext) -> None:
    """Add the labels of one image to the batch."""
    file = context.finder.by_path(non_empty_text(name, "filename"), context.file)
    size = image_size(file)
    types = ("point",) if context.task == "landmarks" else _AREAS
    chosen = [region for region in regions if _shape(region).get("name") in types]
    if not chosen:
        fix = "label the image, or drop it from the file"
        got = f"{len(regions)} regions but none of these"
        raise ValueError(f"expected regions of type {', '.join(types)}, got {got}; {fix}")
    if context.task == "landmarks":
        points: list[NamedPoint] = [
            (_label(r, attribute), None, _numbers(r, "cx", "cy") - context.origin, 2) for r in chosen
        ]
        context.batch.faces += faces_of_points(points, source, file, size)
    else:
        areas = _areas(chosen, attribute, size, context.origin)
        context.batch.masks.append(mask_of_areas(areas, source, file, size))


def _regions(image: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the regions of an image. VIA 1 stores them in an object, later versions in a list."""
    regions = image.get("regions")
    listed = list(regions.values()) if isinstance(regions, dict) else json_list(regions, "regions")
    return [json_object(region, "region") for region in listed]


def _class_attribute(regions: list[dict[str, Any]]) -> str:
    """Return the name of the attribute that holds the class."""
    used = {key: None for region in regions for key, value in _attributes(region).items() if _chosen_value(value)}
    candidates = [key for key in _CLASS_ATTRIBUTES if key in {name.lower(): name for name in used}]
    if len(used) == 1:
        return next(iter(used))
    if candidates:
        return next(name for name in used if name.lower() == candidates[0])
    got = f"attributes {', '.join(map(short_repr, list(used)[:5]))}" if used else "regions without attributes"
    raise ValueError(f"expected an attribute with the class of each region, got {got}; call it 'label' in VIA")


def _areas(
    regions: list[dict[str, Any]], attribute: str, size: Size, origin: float
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield name and pixels of each area."""
    for i, region in enumerate(regions):
        name = _label(region, attribute)
        try:
            yield name, _fill(region, size, origin)
        except ValueError as error:
            raise ValueError(f"region {i} ({short_repr(name)}): {error}") from error


def _fill(region: dict[str, Any], size: Size, origin: float) -> NDArray[np.bool_]:
    """Return the pixels (H, W) of a region."""
    shape = _shape(region)
    kind = shape["name"]
    if kind == "rect":
        x, y, width, height = _numbers(region, "x", "y", "width", "height")
        corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])
        return fill_polygon(corners - origin, size)
    if kind in ("circle", "ellipse"):
        radii = _numbers(region, *(("r", "r") if kind == "circle" else ("rx", "ry")))
        degrees = np.rad2deg(finite_number(shape.get("theta", 0), "theta"))
        return fill_ellipse(_numbers(region, "cx", "cy") - origin, radii, float(degrees), size)
    x, y = (
        [finite_number(v, f"{axis} of a {kind}") for v in json_list(shape.get(f"all_points_{axis}"), kind)]
        for axis in "xy"
    )
    if len(x) != len(y):
        raise ValueError(f"expected as many x as y, got {len(x)} x and {len(y)} y; export the file again")
    if kind == "polyline" and (len(x) < 4 or (x[0], y[0]) != (x[-1], y[-1])):
        fix = "draw a polygon instead, or delete it"
        raise ValueError(f"expected an area, got an open line of {len(x)} points; {fix}")
    return fill_polygon(np.stack([x, y], axis=1) - origin, size)


def _shape(region: dict[str, Any]) -> dict[str, Any]:
    return json_object(region.get("shape_attributes"), "shape_attributes of a region")


def _attributes(region: dict[str, Any]) -> dict[str, Any]:
    return json_object(region.get("region_attributes", {}), "region_attributes of a region")


def _chosen_value(value: Any) -> str | None:
    """Return the value of an attribute. Of check boxes, it is the only one that is checked."""
    if isinstance(value, dict):
        checked = [key for key, on in value.items() if on]
        return checked[0] if len(checked) == 1 else None
    return value if isinstance(value, str) and value.strip() else None


def _label(region: dict[str, Any], attribute: str) -> str:
    return non_empty_text(_chosen_value(_attributes(region).get(attribute)), f"{attribute} of a region")


def _numbers(region: dict[str, Any], *keys: str) -> NDArray[np.float64]:
    shape = _shape(region)
    return np.array([finite_number(shape.get(key), key) for key in keys])
