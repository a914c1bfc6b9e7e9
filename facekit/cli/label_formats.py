"""Results as label files of annotation tools, for `facekit predict --format`."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..annotations.coco import coco_of_faces, coco_of_masks
from ..annotations.label_names import check_writable
from ..annotations.labelme import labelme_of_faces, labelme_of_mask
from ..annotations.mask_files import png_of_mask
from ..annotations.run_lengths import mask_of_runs
from ..core.atomic_file import whole_file
from ..labels import LandmarkSet, SegmentationSet
from ..model import Model
from ..results.drawable import Drawable
from ..results.faces import Faces
from ..results.types import Landmarks, Segmentation

# The tasks whose results can be written in a format.
_TASKS = {"mask": ("segmentation",), "labelme": ("segmentation", "landmarks"), "coco": ("segmentation", "landmarks")}


def check_formats(formats: Collection[str], model: Model) -> None:
    """Raise ValueError if the model's results cannot be written in one of the formats."""
    for name in formats:
        if model.task.name not in _TASKS.get(name, (model.task.name,)):
            expected = f"expected a model for {' or '.join(_TASKS[name])}"
            raise ValueError(f"--format {name}: got a model for {model.task.name}, {expected}; use json or drawing")
        if name in _TASKS and model.task.name == "segmentation":
            check_writable(model.task.labels)  # type: ignore[attr-defined]


def mask_file(outcome: Drawable, labels: SegmentationSet) -> bytes:
    """Return the class ids of an image as a palette PNG, which also holds the class names."""
    return png_of_mask(_mask_of(outcome), labels)


def labelme_file(outcome: Drawable, image: Path, folder: Path, labels: LandmarkSet | SegmentationSet) -> bytes:
    """Return the results of an image as LabelMe's JSON. folder: where the file will lie."""
    name, size = _relative(image, folder), (outcome.image.shape[0], outcome.image.shape[1])
    if isinstance(labels, SegmentationSet):
        data = labelme_of_mask(name, size, _mask_of(outcome), labels)
    else:
        points = [face.points for face in faces_of(outcome) if isinstance(face, Landmarks)]
        data = labelme_of_faces(name, size, points, [_visible(face) for face in points], labels)
    return json.dumps(data, indent=1, allow_nan=False).encode()


def write_coco(
    target: Path, results: Iterable[tuple[Path, dict[str, Any]]], labels: LandmarkSet | SegmentationSet
) -> None:
    """Write one COCO file of all images, an annotation at a time, so that memory does not grow with the results.

    Args:
        target: The .json file.
        results: (image file, what `to_dict` of its outcome returned) per image.
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


def faces_of(outcome: Drawable) -> Sequence[Drawable]:
    """Return the single results of an outcome."""
    return outcome if isinstance(outcome, Faces) else [outcome]


def _annotations(
    name: str, size: tuple[int, int], faces: list[dict[str, Any]], labels: LandmarkSet | SegmentationSet
) -> dict[str, Any]:
    """A COCO document of one image."""
    if isinstance(labels, SegmentationSet):
        return coco_of_masks([name], [_joined([mask_of_runs(f["runs"], size) for f in faces], size)], labels)
    known = [[(np.nan, np.nan) if point is None else point for point in face["points"]] for face in faces]
    points = np.array(known, np.float32).reshape(len(faces), len(labels), 2)
    return coco_of_faces([name] * len(faces), [size] * len(faces), points, _visible(points), labels)


def _mask_of(outcome: Drawable) -> NDArray[np.uint8]:
    masks = [face.mask for face in faces_of(outcome) if isinstance(face, Segmentation)]
    return _joined(masks, (outcome.image.shape[0], outcome.image.shape[1]))


def _joined(masks: list[NDArray[np.uint8]], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The faces' masks (H,W) as one; where faces overlap, the first one counts."""
    joined = np.zeros(size, np.uint8)
    for mask in masks:
        joined = np.where(joined == 0, mask, joined)
    return joined


def _visible(points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """COCO's visibility of points (...,2): 2 = labelled and seen, 0 = not labelled."""
    return np.where(np.isnan(points).any(-1), 0, 2).astype(np.uint8)


def _relative(image: Path, folder: Path) -> str:
    return Path(os.path.relpath(image.resolve(), folder.resolve())).as_posix()
