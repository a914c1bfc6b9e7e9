"""Read COCO's JSON, one file for all images: keypoints for landmarks, polygons and run lengths for segmentation.

Format: https://cocodataset.org/#format-data

- Coordinates: annotation tools export (0, 0) as the top-left corner of the top-left pixel, so its centre is
  ORIGIN = 0.5. Keypoints of the COCO data set itself are whole numbers that name pixels: read those with ``origin=0``.
- Landmarks: each annotation with keypoints is one face. Visibility 0 is not labelled, 1 hidden, 2 visible.
- Segmentation: all annotations of an image form one mask, where later ones cover earlier ones. Polygons are filled by
  pixel centres. Along slanted edges this differs by single pixels from pycocotools. Classes are ordered by category id.
  Pixels without an annotation are background.

`coco_writer` writes the format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..labels import IGNORE_ID
from .image_finder import image_size
from .label_names import check_unique
from .polygons import fill_polygon
from .records import FacePoints, ImageMask, ReadContext, Task, mask_of_areas
from .run_lengths import coco_rle_to_mask
from .set_description import parse_set
from .values import Size, check_image_size, finite_number, json_list, json_object, non_empty_text, short_repr

ORIGIN = 0.5

# Id of a category -> the category, and likewise for images. Ids are normalised by `_normal_id`.
ById = dict[Any, dict[str, Any]]


def read_coco(data: dict[str, Any], context: ReadContext) -> None:
    """Add the labels of a file to the batch.

    Args:
        data: The JSON data of the file.
        context: File, task, image finder, origin and batch.

    Raises:
        ValueError: If the lists of images, annotations or categories themselves are wrong.
    """
    task, batch = context.task, context.batch
    images = _by_id(data.get("images"), "images")
    categories = _by_id(data.get("categories"), "categories")
    annotations = json_list(data.get("annotations"), "annotations")
    annotations = [json_object(a, f"annotation {i}") for i, a in enumerate(annotations)]
    info = data.get("info")
    own_set = parse_set(info.get("facekit"), task) if isinstance(info, dict) else None
    used = {_normal_id(a.get("category_id")) for a in annotations}
    kept = categories if task == "landmarks" else _without_groups(categories, used)
    listed = [names for names in _category_names(kept, task) if names]
    if not listed and own_set is None:
        what = "keypoints in a category" if task == "landmarks" else "categories"
        raise ValueError(f"expected names of {what}, got none; export the file with categories")
    for names in [own_set] if own_set is not None else listed:
        batch.declare(names)
    of_image: dict[Any, list[dict[str, Any]]] = {key: [] for key in images}
    for i, annotation in enumerate(annotations):
        with batch.skip_errors(f"{context.source}, annotation {i}"):
            key = _normal_id(annotation.get("image_id"))
            if key is None or key not in of_image:
                got = short_repr(annotation.get("image_id"))
                raise ValueError(f"expected image_id of one of the {len(images)} images, got {got}; add the image")
            of_image[key].append(annotation)
    files: set[Path] = set()
    for key, image in images.items():
        name = image.get("file_name")
        source = f"{context.source}, {name if isinstance(name, str) else f'image {key}'}"
        with batch.skip_errors(source):
            file = context.finder.by_path(non_empty_text(name, "file_name"), context.file)
            if file in files:
                raise ValueError(f"expected one entry per image, got a second entry of {file.name}; merge them")
            files.add(file)
            size = image_size(file)
            # Some tools write 0 for an unknown size.
            check_image_size(image.get("height") or None, image.get("width") or None, size)
            if task == "landmarks":
                batch.faces += _faces(of_image[key], categories, source, file, size, context.origin, own_set is None)
            else:
                areas = [a for a in of_image[key] if a.get("segmentation")]
                _check_some(bool(areas) or own_set is not None, len(of_image[key]), "a segmentation")
                batch.masks.append(_mask(areas, categories, source, file, size, context.origin))


def _normal_id(value: Any) -> int | str | None:
    """Return an id in one form: "1", 1.0 and 1 are the same. None for what is no id."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def _by_id(value: Any, what: str) -> ById:
    """Return a list of images or categories by their ids. Raise ValueError for a missing or repeated id."""
    items: ById = {}
    for i, item in enumerate(json_list(value, what)):
        written = json_object(item, f"{what} {i}").get("id")
        key = _normal_id(written)
        if key is None:
            got = short_repr(written)
            raise ValueError(f"expected a number as id of {what} {i}, got {got}; export the file again")
        if key in items:
            raise ValueError(f"{what}: expected different ids, got id {short_repr(key)} twice; export the file again")
        items[key] = item
    return items


def _without_groups(categories: ById, used: set[Any]) -> ById:
    """Return the categories without those that only group others, as Roboflow's first one does.

    Such a category is the supercategory of another one, and no annotation uses it.
    """
    above = Counter(
        category["supercategory"] for category in categories.values() if isinstance(category.get("supercategory"), str)
    )

    def is_group(category: dict[str, Any]) -> bool:
        name = category.get("name")
        return isinstance(name, str) and above[name] > (category.get("supercategory") == name)

    return {key: category for key, category in categories.items() if key in used or not is_group(category)}


def _category_names(categories: ById, task: Task) -> list[tuple[str, ...]]:
    """Return the names of keypoints of each category, or the names of all categories by id."""
    if task == "landmarks":
        return [_keypoint_names(category) for category in categories.values() if category.get("keypoints")]
    ordered = sorted(categories, key=lambda key: (isinstance(key, str), key))
    names = [non_empty_text(categories[key].get("name"), f"name of category {key}") for key in ordered]
    if len(names) >= IGNORE_ID:
        raise ValueError(f"expected at most {IGNORE_ID - 1} categories, got {len(names)}; leave out what is not used")
    return [check_unique(names, "categories")]


def _keypoint_names(category: dict[str, Any]) -> tuple[str, ...]:
    keypoints = json_list(category.get("keypoints"), "keypoints of a category")
    names = [non_empty_text(name, "name of a keypoint") for name in keypoints]
    return check_unique(names, "keypoints of a category")


def _category_of(annotation: dict[str, Any], categories: ById) -> dict[str, Any]:
    """Return the category of an annotation. Raise ValueError if the file does not have it."""
    key = _normal_id(annotation.get("category_id"))
    if key is None or key not in categories:
        known = ", ".join(str(k) for k in list(categories)[:8])
        got = short_repr(annotation.get("category_id"))
        raise ValueError(f"expected category_id to be one of {known}, got {got}; add the category")
    return categories[key]


def _faces(
    annotations: list[dict[str, Any]],
    categories: ById,
    source: str,
    image: Path,
    size: Size,
    origin: float,
    drop_empty: bool,
) -> list[FacePoints]:
    """Return the faces of an image. Faces without a labelled point are kept only in files of facekit."""
    faces = [_face(a, categories, origin) for a in annotations if a.get("keypoints")]
    faces = [face for face in faces if not drop_empty or face[1].any()]
    _check_some(bool(faces), len(annotations), "keypoints")
    return [FacePoints(source, image, size, points, visible, names) for points, visible, names in faces]


def _face(
    annotation: dict[str, Any], categories: ById, origin: float
) -> tuple[NDArray[np.float64], NDArray[np.uint8], tuple[str, ...]]:
    """Return points (K, 2), visibility (K,) and names of an annotation."""
    category = _category_of(annotation, categories)
    names = _keypoint_names(category) if category.get("keypoints") else ()
    flat = [
        finite_number(v, "a keypoint's x, y or visibility") for v in json_list(annotation["keypoints"], "keypoints")
    ]
    if len(flat) != 3 * len(names):
        fix = "give x, y and visibility of every point, 0, 0, 0 for those not labelled"
        expected = f"expected {3 * len(names)} numbers for the {len(names)} keypoints of the category"
        raise ValueError(f"{expected}, got {len(flat)}; {fix}")
    table = np.array(flat, np.float64).reshape(-1, 3)
    wrong = table[~np.isin(table[:, 2], (0, 1, 2)), 2]
    if len(wrong):
        fix = "0 is not labelled, 1 hidden, 2 visible"
        raise ValueError(f"expected 0, 1 or 2 as visibility, got {wrong[0]:g}; {fix}")
    visible = table[:, 2].astype(np.uint8)
    return np.where(visible[:, None] > 0, table[:, :2] - origin, np.nan), visible, names


def _mask(
    annotations: list[dict[str, Any]], categories: ById, source: str, image: Path, size: Size, origin: float
) -> ImageMask:
    """Return the mask of an image."""

    def areas() -> Iterator[tuple[str, NDArray[np.bool_]]]:
        for annotation in annotations:
            name = non_empty_text(_category_of(annotation, categories).get("name"), "name of a category")
            try:
                yield name, _fill(annotation["segmentation"], size, origin)
            except ValueError as error:
                where = f"annotation {short_repr(annotation.get('id'))} ({short_repr(name)})"
                raise ValueError(f"{where}: {error}") from error

    return mask_of_areas(areas(), source, image, size)


def _fill(segmentation: Any, size: Size, origin: float) -> NDArray[np.bool_]:
    """Return the pixels (H, W) of run lengths, or of a list of polygons [x, y, x, y, ...]."""
    if isinstance(segmentation, dict):
        return coco_rle_to_mask(segmentation, size)
    inside = np.zeros(size, dtype=bool)
    for flat in json_list(segmentation, "segmentation"):
        values = [finite_number(v, "x or y of a polygon") for v in json_list(flat, "polygon")]
        if len(values) < 6 or len(values) % 2:
            got = f"a polygon of {len(values)} numbers"
            raise ValueError(f"expected x, y of 3 points or more, got {got}; export the labels again")
        inside |= fill_polygon(np.array(values).reshape(-1, 2) - origin, size)
    return inside


def _check_some(labelled: bool, annotations: int, what: str) -> None:
    """Raise ValueError if an image has no label of the task."""
    if not labelled:
        got = f"{annotations} annotations but none with {what}"
        raise ValueError(f"expected an annotation with {what}, got {got}; label the image, or drop it from the file")
