"""Score models on labelled images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..alignment import Frame, check_align, frame_points
from ..annotations.label_items import Labels
from ..images import ImageBatch
from ..metrics.face_boxes import check_boxes
from ..results import Drawable
from ..tasks import LandmarkTask
from ..training.crops import own_frame
from .face_frames import find_frames
from .label_check import check_plausible
from .trained_model import AT_ONCE, TrainedModel


def _nothing() -> None:
    """Do nothing between batches."""


def predict_labelled(
    model: TrainedModel,
    images: ImageBatch,
    labels: Labels,
    align: str | None,
    stacklevel: int,
    report: Callable[[], None] = _nothing,
) -> tuple[list[Drawable], list[Any]]:
    """Predict labelled images, one face each, and check their labels.

    Args:
        model: The model.
        images: The images.
        labels: As in `facekit.evaluate`.
        align: As in `facekit.evaluate`.
        stacklevel: Of the warnings about labels that look wrong.
        report: Called before each batch of images.

    Returns:
        One result and one clean label per image.
    """
    truth = model.task.check(labels, images.sizes, images.names)
    check_plausible(model.task, truth, images, stacklevel=stacklevel)
    return results_for(model, images, truth, align, report), truth


def score_labelled(
    model: TrainedModel,
    images: ImageBatch,
    labels: Labels,
    align: str | None,
    boxes: ArrayLike | None,
    stacklevel: int,
    report: Callable[[], None] = _nothing,
) -> dict[str, float]:
    """Predict and score labelled images, one face each.

    Args:
        model: The model.
        images: The images.
        labels: As in `facekit.evaluate`.
        align: As in `facekit.evaluate`.
        boxes: As in `facekit.evaluate`.
        stacklevel: Of the warnings about labels that look wrong.
        report: Called before each batch of images. It may raise an error to stop.

    Returns:
        The metrics of the task by name.

    Raises:
        ValueError: If a label or a box is wrong, or boxes are given to a model of another task than landmarks.
    """
    checked = checked_boxes(model, boxes, images)
    results, truth = predict_labelled(model, images, labels, align, stacklevel + 1, report)
    if checked is None:
        return model.task.score(results, truth)
    assert isinstance(model.task, LandmarkTask)
    return model.task.score(results, truth, checked)


def checked_boxes(model: TrainedModel, boxes: ArrayLike | None, images: ImageBatch) -> NDArray[np.float64] | None:
    """Check the data set's boxes of labelled images.

    Args:
        model: The model.
        boxes: As in `facekit.evaluate`.
        images: The images.

    Returns:
        (N,4) float64, or None if there are none.

    Raises:
        ValueError: If a box is wrong, or boxes are given to a model of another task than landmarks.
    """
    if boxes is None:
        return None
    if not isinstance(model.task, LandmarkTask):
        raise ValueError(
            f"boxes: expected a model for 'landmarks', got one for {model.task.name!r}, whose scores need no boxes; "
            "leave boxes out"
        )
    return check_boxes(boxes, images.names)


def results_for(
    model: TrainedModel,
    images: ImageBatch,
    truth: list[Any],
    align: str | None = None,
    report: Callable[[], None] = _nothing,
) -> list[Drawable]:
    """Predict images whose labels are known, so that the labelled face is the one that is predicted.

    Args:
        model: The model.
        images: The images.
        truth: One clean label per image.
        align: How faces are framed. None is the model's own way.
        report: Called before each batch of images.

    Returns:
        One result per image.
    """
    align = check_align(align or model.align)
    results: list[Drawable] = []
    for start in range(0, len(truth), AT_ONCE):
        report()
        arrays = images.arrays[start : start + AT_ONCE]
        frames: list[list[Frame]] = []
        for image, label in zip(arrays, truth[start:], strict=False):
            if align == "landmarks" and isinstance(model.task, LandmarkTask):
                # The boxes of 300-W are upright.
                upright = dataclasses.replace(model.task.labels, eyes=None, eye_corners=None)
                frames.append([Frame(frame_points(label, upright).box)])
            else:
                label_frame = own_frame(label, model.task, align)
                frames.append([label_frame or next(iter(find_frames(image, align, None)), Frame())])
        results += [found[0] for found in model.predict_images(arrays, frames)]
    return results


def crop_score(model: TrainedModel, crops: Tensor, labels: Tensor) -> float:
    """Score a model on face crops; larger is better.

    Args:
        model: The model.
        crops: RGB uint8 of the model's input size, shape (N, 3, S, S).
        labels: Labels in pixels of the crops.

    Returns:
        The mean IoU of segmentations, for other tasks the first metric.
    """
    results: list[Drawable] = []
    for part in crops.split(50):
        images = list(part.permute(0, 2, 3, 1).numpy())
        results += model.predict_crops(images)
    scores = model.task.score(results, list(labels.numpy()))
    if "miou" in scores:
        return scores["miou"]
    value = next(iter(scores.values()))
    return value if model.task.higher_is_better else -value
