"""COCO's JSON, one file for all images: keypoints for landmarks, polygons and run lengths for segmentation.

Coordinates have (0,0) at the top-left CORNER of the top-left pixel, as annotation tools export them: its centre is
ORIGIN = 0.5. (Keypoints of the COCO data set itself are whole numbers that name pixels: read those with origin=0.)
Keypoints with visibility 0 are not labelled, 1 hidden, 2 seen. Each annotation with keypoints is a face of its own.
In segmentation all annotations of an image make one mask, later over earlier; polygons are filled by pixel centres,
which differs by single pixels along slanted edges from pycocotools' own filling. Classes are ordered by category id;
what nothing covers is background. Written masks are compressed run lengths, category ids being the class ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..labels import LandmarkSet, SegmentationSet
from .coco_rle import mask_of_rle, rle_of_mask
from .image_index import ImageFinder, size_of
from .label_names import IGNORE, IGNORED, check_listing, describe, described
from .polygons import fill_polygon
from .records import (
    Face,
    Found,
    Parts,
    Size,
    Task,
    check_declared,
    entries,
    entry,
    number,
    parts_of_areas,
    shown,
    text,
)

ORIGIN = 0.5


def read_coco(
    data: dict[str, Any], source: str, task: Task, finder: ImageFinder, origin: float, found: Found, label: Path
) -> None:
    """Adds a file's labels to `found`, and single images that cannot be used to its skipped ones.

    Raises ValueError where the lists of images, annotations or categories themselves are wrong.
    """
    images = _by_id(data.get("images"), "images")
    categories = _by_id(data.get("categories"), "categories")
    annotations = [entry(a, f"annotation {i}") for i, a in enumerate(entries(data.get("annotations"), "annotations"))]
    info = data.get("info")
    declared = described(info.get("facekit"), task) if isinstance(info, dict) else None
    used = {_key(a.get("category_id")) for a in annotations}
    kept = categories if task == "landmarks" else _without_groups(categories, used)
    listed = [names for names in _listed(kept, task) if names]
    if not listed and declared is None:
        what = "keypoints in any category" if task == "landmarks" else "categories"
        raise ValueError(f"no {what} came, expected their names: export the file with categories")
    for names in [declared] if declared is not None else listed:
        found.listing(names)
    of_image: dict[Any, list[dict[str, Any]]] = {key: [] for key in images}
    for i, annotation in enumerate(annotations):
        with found.attempt(f"{source}, annotation {i}"):
            key = _key(annotation.get("image_id"))
            if key is None or key not in of_image:
                came = shown(annotation.get("image_id"))
                raise ValueError(f"image_id {came} came, expected one of the {len(images)} images: add the image")
            of_image[key].append(annotation)
    photos: set[Any] = set()
    for key, image in images.items():
        name = image.get("file_name")
        where = f"{source}, {name if isinstance(name, str) else f'image {key}'}"
        with found.attempt(where):
            photo = finder.by_path(text(name, "file_name"), label)
            if photo in photos:
                fix = "merge their annotations"
                raise ValueError(f"a second entry of {photo.name} came, expected one per image: {fix}")
            photos.add(photo)
            size = size_of(photo)
            # Some tools write 0 for a size that they do not know.
            check_declared(image.get("height") or None, image.get("width") or None, size)
            own = of_image[key]
            if task == "landmarks":
                faces = [_face(a, categories, origin) for a in own if a.get("keypoints")]
                faces = [face for face in faces if declared is not None or face[1].any()]
                _check_some(len(faces), len(own), "keypoints")
                found.faces += [Face(where, photo, size, points, seen, names) for points, seen, names in faces]
            else:
                areas = [a for a in own if a.get("segmentation")]
                _check_some(len(areas) or declared is not None, len(own), "a segmentation")
                found.parts.append(_parts(areas, categories, where, size, origin, photo))


def coco_of_faces(
    photos: Sequence[str], sizes: Sequence[Size], points: NDArray[np.float32], visible: NDArray[np.uint8],
    labels: LandmarkSet, origin: float = ORIGIN,
) -> dict[str, Any]:  # fmt: skip
    """Landmarks (N,K,2), visibility (N,K) as one COCO document; an image that comes again has several faces."""
    images, ids = _images(photos, sizes)
    annotations = []
    for i, (name, face, seen) in enumerate(zip(photos, points.astype(np.float64) + origin, visible, strict=True)):
        known = face[seen > 0]
        low, span = (known.min(0), np.ptp(known, axis=0)) if len(known) else (np.zeros(2), np.zeros(2))
        flat: list[float] = []
        for (x, y), s in zip(face.tolist(), seen.tolist(), strict=True):
            flat += [x, y, s] if s else [0, 0, 0]
        annotations.append({
            "id": i + 1, "image_id": ids[name], "category_id": 1, "iscrowd": 0, "keypoints": flat,
            "num_keypoints": len(known), "bbox": [*low.tolist(), *span.tolist()], "area": float(span.prod()),
        })  # fmt: skip
    skeleton = [[a + 1, b + 1] for a, b in labels.edges]
    category = {"id": 1, "name": "face", "supercategory": "", "keypoints": list(labels.points), "skeleton": skeleton}
    return _document(images, annotations, [category], labels)


def coco_of_masks(photos: Sequence[str], masks: Sequence[NDArray[np.uint8]], labels: SegmentationSet) -> dict[str, Any]:
    """Masks (H,W), one per image, as one COCO document."""
    images, ids = _images(photos, [(mask.shape[0], mask.shape[1]) for mask in masks])
    annotations: list[dict[str, Any]] = []
    for name, mask in zip(photos, masks, strict=True):
        for i in np.unique(mask[mask > 0]).tolist():
            inside = mask == i
            rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
            corner = [int(columns[0]), int(rows[0])]
            annotations.append({
                "id": len(annotations) + 1, "image_id": ids[name], "category_id": i, "iscrowd": 0,
                "segmentation": rle_of_mask(inside), "area": int(inside.sum()),
                "bbox": [*corner, int(columns[-1]) + 1 - corner[0], int(rows[-1]) + 1 - corner[1]],
            })  # fmt: skip
    named = [*enumerate(labels.classes[1:], 1), (IGNORE, IGNORED)]
    categories = [{"id": i, "name": name, "supercategory": ""} for i, name in named]
    return _document(images, annotations, categories, labels)


def _key(value: Any) -> int | str | None:
    """An id as one kind: "1", 1.0 and 1 are the same. None for what is no id."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def _by_id(value: Any, what: str) -> dict[Any, dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for i, item in enumerate(entries(value, what)):
        given = entry(item, f"{what} {i}").get("id")
        key = _key(given)
        if key is None:
            raise ValueError(f"{shown(given)} came as id of {what} {i}, expected a number: export the file again")
        if key in found:
            raise ValueError(f"{what}: id {shown(key)} came twice, expected different ids: export the file again")
        found[key] = item
    return found


def _without_groups(categories: dict[Any, dict[str, Any]], used: set[Any]) -> dict[Any, dict[str, Any]]:
    """The categories without those that only group others, as Roboflow's first one does: another's supercategory that
    no annotation uses."""
    above = Counter(
        category["supercategory"] for category in categories.values() if isinstance(category.get("supercategory"), str)
    )

    def groups(category: dict[str, Any]) -> bool:
        name = category.get("name")
        return isinstance(name, str) and above[name] > (category.get("supercategory") == name)

    return {key: category for key, category in categories.items() if key in used or not groups(category)}


def _listed(categories: dict[Any, dict[str, Any]], task: Task) -> list[tuple[str, ...]]:
    if task == "landmarks":
        return [_keypoint_names(category) for category in categories.values() if category.get("keypoints")]
    ordered = sorted(categories, key=lambda key: (isinstance(key, str), key))
    names = [text(categories[key].get("name"), f"name of category {key}") for key in ordered]
    if len(names) >= IGNORE:
        raise ValueError(f"{len(names)} categories came, expected at most {IGNORE - 1}: leave out what is not used")
    return [check_listing(names, "categories")]


def _keypoint_names(category: dict[str, Any]) -> tuple[str, ...]:
    names = [text(name, "name of a keypoint") for name in entries(category.get("keypoints"), "keypoints of a category")]
    return check_listing(names, "keypoints of a category")


def _category(annotation: dict[str, Any], categories: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    key = _key(annotation.get("category_id"))
    if key is None or key not in categories:
        known = ", ".join(str(k) for k in list(categories)[:8])
        came = shown(annotation.get("category_id"))
        raise ValueError(f"category_id {came} came, expected one of {known}: add the category")
    return categories[key]


def _face(
    annotation: dict[str, Any], categories: dict[Any, dict[str, Any]], origin: float
) -> tuple[NDArray[np.float64], NDArray[np.uint8], tuple[str, ...]]:
    category = _category(annotation, categories)
    names = _keypoint_names(category) if category.get("keypoints") else ()
    flat = [number(v, "a keypoint's x, y or visibility") for v in entries(annotation["keypoints"], "keypoints")]
    if len(flat) != 3 * len(names):
        came = f"{len(flat)} numbers of keypoints came"
        fix = "give x, y and visibility of every point, 0, 0, 0 for those not labelled"
        raise ValueError(f"{came}, expected {3 * len(names)} for the {len(names)} of its category: {fix}")
    table = np.array(flat, np.float64).reshape(-1, 3)
    wrong = table[~np.isin(table[:, 2], (0, 1, 2)), 2]
    if len(wrong):
        fix = "0 is not labelled, 1 hidden, 2 seen"
        raise ValueError(f"visibility {wrong[0]:g} came, expected 0, 1 or 2: {fix}")
    seen = table[:, 2].astype(np.uint8)
    return np.where(seen[:, None] > 0, table[:, :2] - origin, np.nan), seen, names


def _parts(
    annotations: list[dict[str, Any]], categories: dict[Any, dict[str, Any]], source: str, size: Size, origin: float,
    image: Path,
) -> Parts:  # fmt: skip
    def areas() -> Iterator[tuple[str, NDArray[np.bool_]]]:
        for annotation in annotations:
            name = text(_category(annotation, categories).get("name"), "name of a category")
            try:
                yield name, _area(annotation["segmentation"], size, origin)
            except ValueError as error:
                raise ValueError(f"annotation {shown(annotation.get('id'))} ({shown(name)}): {error}") from error

    return parts_of_areas(areas(), source, image, size)


def _area(segmentation: Any, size: Size, origin: float) -> NDArray[np.bool_]:
    if isinstance(segmentation, dict):
        return mask_of_rle(segmentation, size)
    inside = np.zeros(size, dtype=bool)
    for flat in entries(segmentation, "segmentation"):
        values = [number(v, "x or y of a polygon") for v in entries(flat, "polygon")]
        if len(values) < 6 or len(values) % 2:
            fix = "export the labels again"
            raise ValueError(f"a polygon of {len(values)} numbers came, expected x, y of 3 points or more: {fix}")
        inside |= fill_polygon(np.array(values).reshape(-1, 2) - origin, size)
    return inside


def _check_some(labelled: int | bool, annotations: int, what: str) -> None:
    if not labelled:
        came = f"{annotations} annotations but none with {what} came"
        raise ValueError(f"{came}, expected some: label the image, or drop it from the file")


def _images(images: Sequence[str], sizes: Sequence[Size]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    ids = {name: i + 1 for i, name in enumerate(dict.fromkeys(images))}
    of_name = dict(zip(images, sizes, strict=True))
    return [{"id": i, "file_name": n, "height": of_name[n][0], "width": of_name[n][1]} for n, i in ids.items()], ids


def _document(
    images: list[Any], annotations: list[Any], categories: list[Any], labels: LandmarkSet | SegmentationSet
) -> dict[str, Any]:
    info = {"description": "written by facekit", "facekit": describe(labels)}
    return {"info": info, "licenses": [], "images": images, "annotations": annotations, "categories": categories}
