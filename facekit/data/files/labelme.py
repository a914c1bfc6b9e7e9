"""LabelMe's JSON, one file a picture: points for landmarks, areas for segmentation.

LabelMe has (0,0) at the top-left CORNER of the top-left pixel, hence ORIGIN = 0.5 for its centre. Landmarks are its
"point" shapes; other shapes may stand beside them and are left alone. Areas are "polygon", "rectangle",
"oriented_rectangle", "circle", a "linestrip" that ends where it starts, and "mask" (a PNG laid at whole pixels); later
shapes lie over earlier ones, and points are left alone. An open line has no area and is an error, because its width is
anybody's guess. A point that is labelled but hidden has the flag "occluded".

Written are "point" and "mask" shapes (LabelMe 5.2 and later), since a mask holds holes, islands and thin lines exactly.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facekit.formats import decoded
from facekit.labels import LandmarkSet, SegmentationSet

from .fill import fill_circle, fill_polygon, fill_rectangle
from .names import IGNORE, IGNORED, describe, described
from .pictures import PictureFinder, size_of
from .records import Face, Found, Parts, Size, Task, check_declared, entries, entry, pairs, repeated, shown, text, whole

ORIGIN = 0.5
_VERSION = "5.5.0"
_AREAS = ("polygon", "rectangle", "oriented_rectangle", "circle", "mask", "line", "linestrip")
_OTHERS = ("point", "points")
_HIDDEN = "occluded"


def read_labelme(
    data: dict[str, Any], source: str, task: Task, finder: PictureFinder, origin: float, found: Found
) -> None:
    """Adds one file's labels to `found`. Raises ValueError for whatever is wrong with the file or its picture."""
    picture = finder.by_path(text(data.get("imagePath"), "imagePath"))
    size = size_of(picture)
    check_declared(data.get("imageHeight"), data.get("imageWidth"), size)
    shapes = [entry(shape, f"shape {i}") for i, shape in enumerate(entries(data.get("shapes"), "shapes"))]
    kinds = [_kind(shape, i) for i, shape in enumerate(shapes)]
    wanted = ("point",) if task == "landmarks" else _AREAS
    chosen = [(i, kind, shape) for i, (kind, shape) in enumerate(zip(kinds, shapes, strict=True)) if kind in wanted]
    declared = described(data.get("facekit"), task)
    if not chosen and declared is None:
        what = '"point" shapes' if task == "landmarks" else "polygons or other areas"
        raise ValueError(f"{len(shapes)} shapes but no {what} came, expected some: label the picture, or drop the file")
    if task == "landmarks":
        found.faces += _faces(chosen, source, picture, size, origin, declared is not None)
    else:
        found.parts.append(_parts(chosen, source, picture, size, origin))
    found.listing(declared)


def labelme_of_faces(
    picture: str, size: Size, faces: Sequence[NDArray[np.float32]], visible: Sequence[NDArray[np.uint8]],
    labels: LandmarkSet, origin: float = ORIGIN,
) -> dict[str, Any]:  # fmt: skip
    """One picture's landmarks, (K,2) and (K,) a face, as LabelMe's JSON; points that are NaN are left out."""
    shapes: list[dict[str, Any]] = []
    for group, (points, seen) in enumerate(zip(faces, visible, strict=True)):
        for name, point, flag in zip(labels.points, points.astype(np.float64) + origin, seen, strict=True):
            if not np.isnan(point).any():
                flags = {_HIDDEN: True} if flag == 1 else {}
                corner = [[float(point[0]), float(point[1])]]
                shapes.append(_shape(name, "point", corner, group if len(faces) > 1 else None, flags))
    return _document(picture, size, shapes, labels)


def labelme_of_mask(picture: str, size: Size, mask: NDArray[np.uint8], labels: SegmentationSet) -> dict[str, Any]:
    """One picture's mask (H,W) as LabelMe's JSON: a "mask" shape for each class but the background."""
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
    return _document(picture, size, shapes, labels)


def _kind(shape: dict[str, Any], i: int) -> str:
    kind = shape.get("shape_type") or "polygon"
    if kind not in (*_AREAS, *_OTHERS):
        known = ", ".join((*_AREAS, *_OTHERS))
        raise ValueError(f"shape {i} of type {shown(kind)} came, expected one of {known}: draw it again")
    return str(kind)


def _faces(
    shapes: list[tuple[int, str, dict[str, Any]]], source: str, picture: Path, size: Size, origin: float, ours: bool
) -> list[Face]:
    """One face a group in files of ours; in others only where names come again, since people also group the parts of
    one face."""
    names = [text(shape.get("label"), f"label of shape {i}") for i, _, shape in shapes]
    groups = [shape.get("group_id") for _, _, shape in shapes]
    points = np.full((len(shapes), 2), np.nan)
    for row, (i, _, shape) in enumerate(shapes):
        xy = pairs(shape.get("points"), f"point {names[row]!r} (shape {i})")
        if len(xy) != 1:
            raise ValueError(f"{len(xy)} places came for point {names[row]!r}, expected one: draw it again")
        points[row] = xy[0] - origin
    hidden = [isinstance(flags := shape.get("flags"), dict) and flags.get(_HIDDEN) is True for _, _, shape in shapes]
    visible = np.where(np.array(hidden, dtype=bool), 1, 2).astype(np.uint8)
    own: list[str | None] = [*dict.fromkeys(map(repr, groups))] if ours or repeated(names) else []
    faces: list[Face] = []
    for group in own or [None]:
        rows = [row for row, value in enumerate(groups) if group is None or repr(value) == group]
        members = tuple(names[row] for row in rows)
        if twice := repeated(members):
            fix = "delete one of them, or give each face of the picture its own group_id"
            raise ValueError(f"point {twice[0]!r} came {members.count(twice[0])} times, expected once a face: {fix}")
        faces.append(Face(source, picture, size, points[rows], visible[rows], members))
    return faces


def _parts(
    shapes: list[tuple[int, str, dict[str, Any]]], source: str, picture: Path, size: Size, origin: float
) -> Parts:
    labels = [text(shape.get("label"), f"label of shape {i}") for i, _, shape in shapes]
    names = tuple(dict.fromkeys(labels))
    if len(names) >= IGNORE:
        raise ValueError(f"{len(names)} class names came, expected at most {IGNORE - 1}: merge some")
    mask = np.zeros(size, np.uint8)
    for label, (i, kind, shape) in zip(labels, shapes, strict=True):
        try:
            mask[_area(kind, shape, size, origin)] = names.index(label) + 1
        except ValueError as error:
            raise ValueError(f"shape {i} ({label!r}): {error}") from error
    return Parts(source, picture, mask, names)


def _area(kind: str, shape: dict[str, Any], size: Size, origin: float) -> NDArray[np.bool_]:
    points = pairs(shape.get("points"), "its points")
    if kind == "mask":
        return _pasted(shape.get("mask"), points, size)
    points = points - origin
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
    """A "mask" shape: its PNG lies between two pixels, both included, whatever the origin of coordinates."""
    if len(corners) != 2:
        raise ValueError(f"{len(corners)} corners of a mask came, expected 2: draw it again")
    (x0, y0), (x1, y1) = [(whole(x, "x of a mask's corner"), whole(y, "y of a mask's corner")) for x, y in corners]
    if not (0 <= x0 <= x1 < size[1] and 0 <= y0 <= y1 < size[0]):
        came = f"a mask from x={x0}, y={y0} to x={x1}, y={y1} came"
        raise ValueError(f"{came}, expected it within the picture, {size[1]} wide and {size[0]} high: draw it again")
    try:
        raw = base64.b64decode(text(content, "a mask's PNG"), validate=True)
        with Image.open(io.BytesIO(raw), formats=["PNG"]) as image:
            if image.size != (x1 - x0 + 1, y1 - y0 + 1):
                came = f"a PNG of {image.width} x {image.height} pixels came"
                raise ValueError(f"{came}, expected {x1 - x0 + 1} x {y1 - y0 + 1} as its corners say")
            box = np.asarray(decoded(image, "its PNG").convert("L" if image.mode != "1" else "1"))
    except Exception as error:  # Pillow's readers raise any type on damaged data
        raise ValueError(f"its PNG cannot be used ({error}), expected one in base64: draw it again") from error
    mask = np.zeros(size, dtype=bool)
    mask[y0 : y1 + 1, x0 : x1 + 1] = box != 0
    return mask


def _shape(label: str, kind: str, points: list[list[float]], group: int | None, flags: dict[str, bool]) -> Any:
    shape = {"label": label, "points": points, "group_id": group, "description": "", "shape_type": kind}
    return {**shape, "flags": flags, "mask": None}


def _document(picture: str, size: Size, shapes: list[Any], labels: LandmarkSet | SegmentationSet) -> dict[str, Any]:
    # LabelMe keeps keys that it does not know, so the set survives editing there.
    head: dict[str, Any] = {"version": _VERSION, "flags": {}, "shapes": shapes, "imagePath": picture, "imageData": None}
    return {**head, "imageHeight": size[0], "imageWidth": size[1], "facekit": describe(labels)}
