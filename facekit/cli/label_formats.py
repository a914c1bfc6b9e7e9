"""Convert results to label files of annotation tools, for `facekit predict --format`."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..annotations.coco_writer import faces_to_coco, masks_to_coco
from ..annotations.label_names import check_writable
from ..annotations.labelme_writer import faces_to_labelme, mask_to_labelme
from ..annotations.landmark_tables import column_names
from ..annotations.mask_files import mask_to_png
from ..annotations.run_lengths import runs_to_mask
from ..core.atomic_file import whole_file
from ..labels import AttributeSet, LandmarkSet, SegmentationSet
from ..model import Model
from ..results.drawable import Drawable
from ..results.faces import Faces
from ..results.types import Landmarks, Segmentation
from ..tasks import SegmentationTask

# Tasks whose results a format can hold. All tasks can be written as "json" and "drawing".
_TASKS = {
    "mask": ("segmentation",),
    "labelme": ("segmentation", "landmarks"),
    "coco": ("segmentation", "landmarks"),
    "csv": ("landmarks", "attributes"),
}


def check_formats(formats: Collection[str], model: Model) -> None:
    """Check that a model's results can be written in these formats.

    Args:
        formats: Some of "json", "drawing", "mask", "labelme", "coco", "csv".
        model: The model.

    Raises:
        ValueError: If a format cannot hold the results of the model's task.
    """
    task = model.task.name
    possible = ["json", "drawing", *(name for name, tasks in _TASKS.items() if task in tasks)]
    wrong = [name for name in _TASKS if name in formats and name not in possible]
    if wrong:
        expected = f"expected a model for {' or '.join(_TASKS[wrong[0]])}"
        use = f"use {', '.join(possible[:-1])} or {possible[-1]}"
        raise ValueError(f"--format {wrong[0]}: got a model for {task}, {expected}; {use}")
    if isinstance(model.task, SegmentationTask) and not {"json", "drawing"}.issuperset(formats):
        check_writable(model.task.labels)


def mask_file(result: Drawable, labels: SegmentationSet) -> bytes:
    """Encode the class ids of an image as a palette PNG, which also holds the class names.

    Args:
        result: Segmentation of one face, or the faces of a photo.
        labels: The label set of the model.

    Returns:
        The content of the file.
    """
    return mask_to_png(_mask_of(result), labels)


def labelme_file(result: Drawable, image: Path, folder: Path, labels: LandmarkSet | SegmentationSet) -> bytes:
    """Encode the results of an image as LabelMe's JSON.

    Args:
        result: Landmarks or segmentation of one face, or the faces of a photo.
        image: The image file.
        folder: The folder of the label file. The label file names its image relative to this folder.
        labels: The label set of the model.

    Returns:
        The content of the file.
    """
    name, size = _relative(image, folder), (result.image.shape[0], result.image.shape[1])
    if isinstance(labels, SegmentationSet):
        data = mask_to_labelme(name, size, _mask_of(result), labels)
    else:
        points = [face.points for face in faces_of(result) if isinstance(face, Landmarks)]
        data = faces_to_labelme(name, size, points, [_visible(face) for face in points], labels)
    return json.dumps(data, indent=1, allow_nan=False).encode()


def write_coco(
    target: Path, results: Iterable[tuple[Path, dict[str, Any]]], labels: LandmarkSet | SegmentationSet
) -> None:
    """Write one COCO file of all images.

    Annotations are written one after the other, so memory does not grow with the number of results.

    Args:
        target: The .json file.
        results: Per image its file and its result as a dictionary (from `to_dict`).
        labels: The label set of the model.
    """
    head = _annotations("", (1, 1), [], labels)
    images: list[dict[str, Any]] = []
    count = 0
    with whole_file(target) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(f'{{"info": {json.dumps(head["info"])}, "licenses": [], "annotations": [')
        for image, result in results:
            name, size = _relative(image, target.parent), (result["size"][0], result["size"][1])
            images.append({"id": len(images) + 1, "file_name": name, "height": size[0], "width": size[1]})
            faces = result["faces"] if result["kind"] == "faces" else [result]
            for annotation in _annotations(name, size, faces, labels)["annotations"]:
                count += 1
                numbered = {**annotation, "id": count, "image_id": len(images)}
                file.write(("," if count > 1 else "") + "\n" + json.dumps(numbered, allow_nan=False))
        rest = {"images": images, "categories": head["categories"]}
        file.write(f"],\n{json.dumps(rest, allow_nan=False)[1:]}\n")


def write_csv(target: Path, results: Iterable[tuple[Path, dict[str, Any]]], labels: LandmarkSet | AttributeSet) -> None:
    """Write one CSV table with a row per face: image, number of the face, box, and x and y of points or probabilities.

    `facekit.annotations.landmark_tables` reads the points again.

    Args:
        target: The .csv file.
        results: Per image its file and its result as a dictionary (from `to_dict`).
        labels: The label set of the model.
    """
    names = column_names(labels) if isinstance(labels, LandmarkSet) else list(labels.names)
    with whole_file(target) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "face", "x0", "y0", "x1", "y1", *names])
        for image, result in results:
            faces = result["faces"] if result["kind"] == "faces" else [result]
            for number, face in enumerate(faces, 1):
                box = face["box"] or [""] * 4
                if isinstance(labels, LandmarkSet):
                    values = [value for point in face["points"] for value in point or ("", "")]
                else:
                    values = [face["probabilities"][name] for name in names]
                writer.writerow([_relative(image, target.parent), number, *box, *values])


def faces_of(result: Drawable) -> Sequence[Drawable]:
    """Return the result of each face."""
    return result if isinstance(result, Faces) else [result]


def _annotations(
    name: str, size: tuple[int, int], faces: list[dict[str, Any]], labels: LandmarkSet | SegmentationSet
) -> dict[str, Any]:
    """Return a COCO document of one image.

    Args:
        name: Path of the image, as the document names it.
        size: Height and width of the image, px.
        faces: The result of each face as a dictionary.
        labels: The label set of the model.
    """
    if isinstance(labels, SegmentationSet):
        return masks_to_coco([name], [_join_masks([runs_to_mask(f["runs"], size) for f in faces], size)], labels)
    rows = [[(np.nan, np.nan) if point is None else point for point in face["points"]] for face in faces]
    points = np.array(rows, np.float32).reshape(len(faces), len(labels), 2)
    return faces_to_coco([name] * len(faces), [size] * len(faces), points, _visible(points), labels)


def _mask_of(result: Drawable) -> NDArray[np.uint8]:
    """Return one mask (H, W) of all faces of a result."""
    masks = [face.mask for face in faces_of(result) if isinstance(face, Segmentation)]
    return _join_masks(masks, (result.image.shape[0], result.image.shape[1]))


def _join_masks(masks: list[NDArray[np.uint8]], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Join the masks (H, W) of several faces. Where faces overlap, the first one is kept."""
    joined = np.zeros(size, np.uint8)
    for mask in masks:
        joined = np.where(joined == 0, mask, joined)
    return joined


def _visible(points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return COCO's visibility of points (..., 2): 2 is labelled and visible, 0 is not labelled."""
    return np.where(np.isnan(points).any(-1), 0, 2).astype(np.uint8)


def _relative(image: Path, folder: Path) -> str:
    """Return the path of an image relative to a folder, with forward slashes."""
    return Path(os.path.relpath(image.resolve(), folder.resolve())).as_posix()
