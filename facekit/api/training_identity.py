"""What identifies the trainings of `adapt` and `adapt_labels`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..alignment import FaceBoxes
from ..backbones.base import Backbone
from ..core.array_digest import array_digest, sequence_digest, tensor_digest
from ..images import ImageBatch
from ..tasks import Task
from ..training.config import Adaptation
from ..training.identity import config_identity
from ..zoo.official import weights_identity


class LabelledImages(NamedTuple):
    """Images with their clean labels.

    Attributes:
        images: The images.
        labels: One label per image.
        boxes: One face box (x0, y0, x1, y1) per image in pixels, or None.
    """

    images: ImageBatch
    labels: Sequence[np.ndarray]
    boxes: FaceBoxes | None = None


def adaptation_identity(
    task: Task,
    system: Backbone,
    weights: str | os.PathLike[str],
    align: str,
    faces: LabelledImages,
    support: ImageBatch | None,
    validation: LabelledImages | None,
    config: Adaptation,
    seed: int,
) -> dict[str, str]:
    """Return what identifies a training of `adapt`.

    Args:
        task: The task with its label set.
        system: The backbone.
        weights: As in `facekit.adapt`.
        align: As in `facekit.adapt`.
        faces: The labelled faces to train on.
        support: The unlabelled support images, or None.
        validation: Labelled faces for scores during training, or None.
        config: The configuration.
        seed: Seed of the training.
    """
    embedded = tensor_digest(system.embedded_state()) if weights in ("auto", "embedded") else ""
    return {
        **labels_identity(task, faces),
        "support_images": "" if support is None else sequence_digest(support.arrays),
        "backbone": system.name,
        "weights": f"{weights_identity(weights)}{embedded}",
        "align": align,
        # Scores of these images decide which weights are kept.
        "validation": str(validation and labels_identity(task, validation)) if config.keep_best else "",
        "seed": str(seed),
        **config_identity(config),
    }


def labels_identity(task: Task, faces: LabelledImages) -> dict[str, str]:
    """Return what identifies labelled images: digests of images, labels, and what the labels mean.

    Args:
        task: The task with its label set.
        faces: The labelled faces.
    """
    return {
        "images": sequence_digest(faces.images.arrays),
        "labels": sequence_digest(faces.labels),
        "faces": "" if faces.boxes is None else array_digest(np.asarray(faces.boxes, dtype=float)),
        "task": task.name,
        "names": str(task.to_dict()),
    }
