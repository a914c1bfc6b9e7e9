"""VIA's JSON (VGG Image Annotator), a project or its export of annotations.

(0,0) is the corner of the top-left pixel, hence ORIGIN = 0.5. Points are landmarks; polygons, rectangles, circles and
ellipses are areas, later over earlier. The class stands in a region's attribute: the only one that the file uses, or
the one called label, class, name, type or part.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .image_index import ImageFinder, size_of
from .polygons import fill_ellipse, fill_polygon
from .records import Found, Size, Task, entries, entry, faces_of_points, number, parts_of_areas, shown, text

ORIGIN = 0.5
_PROJECT = "_via_img_metadata"
_CLASSES = ("label", "class", "name", "type", "part")
_AREAS = ("polygon", "polyline", "rect", "circle", "ellipse")


def is_via(data: dict[str, Any]) -> bool:
    """Return whether JSON is such a project or export."""
    values = list(data.values())
    return _PROJECT in data or (
        bool(values) and all(isinstance(v, dict) and {"filename", "regions"} <= {*v} for v in values)
    )


def read_via(
    data: dict[str, Any], source: str, task: Task, finder: ImageFinder, origin: float, found: Found, label: Path
) -> None:
    """Add a file's labels to `found`, and single images that cannot be used to its skipped ones.

    Raises:
        ValueError: If it is not told which attribute holds the class.
    """
    images = entry(data.get(_PROJECT, data), _PROJECT)
    of_image = {key: _regions(entry(image, f"image {shown(key)}")) for key, image in images.items()}
    attribute = _attribute([region for regions in of_image.values() for region in regions])
    for key, regions in of_image.items():
        name = images[key].get("filename")
        where = f"{source}, {name if isinstance(name, str) else shown(key)}"
        with found.attempt(where):
            photo = finder.by_path(text(name, "filename"), label)
            size = size_of(photo)
            wanted = ("point",) if task == "landmarks" else _AREAS
            chosen = [region for region in regions if _shape(region).get("name") in wanted]
            if not chosen:
                fix = "label the image, or drop it from the file"
                raise ValueError(
                    f"{len(regions)} regions but none of type {', '.join(wanted)} came, expected some: {fix}"
                )
            if task == "landmarks":
                points = [(_class(r, attribute), None, _numbers(r, "cx", "cy") - origin, 2) for r in chosen]
                found.faces += faces_of_points(points, where, photo, size)
            else:
                found.parts.append(parts_of_areas(_areas(chosen, attribute, size, origin), where, photo, size))


def _regions(image: dict[str, Any]) -> list[dict[str, Any]]:
    regions = image.get("regions")
    listed = list(regions.values()) if isinstance(regions, dict) else entries(regions, "regions")
    return [entry(region, "region") for region in listed]


def _attribute(regions: list[dict[str, Any]]) -> str:
    used = {key: None for region in regions for key, value in _attributes(region).items() if _value(value)}
    known = [key for key in _CLASSES if key in {name.lower(): name for name in used}]
    if len(used) == 1:
        return next(iter(used))
    if known:
        return next(name for name in used if name.lower() == known[0])
    came = f"attributes {', '.join(map(shown, list(used)[:5]))}" if used else "regions without attributes"
    raise ValueError(f"{came} came, expected one with the class of each region: call it 'label' in VIA")


def _areas(
    regions: list[dict[str, Any]], attribute: str, size: Size, origin: float
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    for i, region in enumerate(regions):
        name = _class(region, attribute)
        try:
            yield name, _area(region, size, origin)
        except ValueError as error:
            raise ValueError(f"region {i} ({shown(name)}): {error}") from error


def _area(region: dict[str, Any], size: Size, origin: float) -> NDArray[np.bool_]:
    shape = _shape(region)
    kind = shape["name"]
    if kind == "rect":
        x, y, width, height = _numbers(region, "x", "y", "width", "height")
        corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])
        return fill_polygon(corners - origin, size)
    if kind in ("circle", "ellipse"):
        radii = _numbers(region, *(("r", "r") if kind == "circle" else ("rx", "ry")))
        turn = np.rad2deg(number(shape.get("theta", 0), "theta"))
        return fill_ellipse(_numbers(region, "cx", "cy") - origin, radii, float(turn), size)
    x, y = ([number(v, f"{axis} of a {kind}") for v in entries(shape.get(f"all_points_{axis}"), kind)] for axis in "xy")
    if len(x) != len(y):
        raise ValueError(f"{len(x)} x and {len(y)} y came, expected as many: export the file again")
    if kind == "polyline" and (len(x) < 4 or (x[0], y[0]) != (x[-1], y[-1])):
        fix = "draw a polygon instead, or delete it"
        raise ValueError(f"an open line of {len(x)} points came, expected an area: {fix}")
    return fill_polygon(np.stack([x, y], axis=1) - origin, size)


def _shape(region: dict[str, Any]) -> dict[str, Any]:
    return entry(region.get("shape_attributes"), "shape_attributes of a region")


def _attributes(region: dict[str, Any]) -> dict[str, Any]:
    return entry(region.get("region_attributes", {}), "region_attributes of a region")


def _value(value: Any) -> str | None:
    """An attribute's value; of check boxes the only one that is set."""
    if isinstance(value, dict):
        chosen = [key for key, on in value.items() if on]
        return chosen[0] if len(chosen) == 1 else None
    return value if isinstance(value, str) and value.strip() else None


def _class(region: dict[str, Any], attribute: str) -> str:
    return text(_value(_attributes(region).get(attribute)), f"{attribute} of a region")


def _numbers(region: dict[str, Any], *keys: str) -> NDArray[np.float64]:
    shape = _shape(region)
    return np.array([number(shape.get(key), key) for key in keys])
