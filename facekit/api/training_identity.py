"""What identifies the trainings of `adapt` and `adapt_labels`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backbones.base import Backbone
from ..core.array_digest import array_digest, sequence_digest, tensor_digest
from ..images import ImageBatch
from ..tasks import Task
from ..training.config import Adaptation
from ..training.identity import config_identity
from ..zoo.official import weights_identity

Faces = tuple[ImageBatch, Sequence[np.ndarray]]


def adaptation_identity(
    task: Task,
    system: Backbone,
    weights: str | os.PathLike[str],
    align: str,
    faces: Faces,
    boxes: Any,
    validation: Faces | None,
    config: Adaptation,
    seed: int,
) -> dict[str, str]:
    """Return what identifies a training of `adapt`, without its support images.

    Args:
        task: The task with its label set.
        system: The backbone.
        weights: As in `facekit.adapt`.
        align: As in `facekit.adapt`.
        faces: The images and their clean labels.
        boxes: One face box per image, or None.
        validation: Images and labels for scores during training, or None.
        config: The configuration.
        seed: Seed of the training.
    """
    embedded = tensor_digest(system.embedded_state()) if weights in ("auto", "embedded") else ""
    return {
        **labels_identity(task, faces, boxes),
        "backbone": system.name,
        "weights": f"{weights_identity(weights)}{embedded}",
        "align": align,
        # Scores of these images decide which weights are kept.
        "validation": str(validation and labels_identity(task, validation, None)) if config.keep_best else "",
        "seed": str(seed),
        **config_identity(config),
    }


def labels_identity(task: Task, faces: Faces, boxes: Any) -> dict[str, str]:
    """Return what identifies labelled images: digests of images, labels, and what the labels mean.

    Args:
        task: The task with its label set.
        faces: The images and their clean labels.
        boxes: One face box per image, or None.
    """
    batch, labels = faces
    return {
        "images": sequence_digest(batch.arrays),
        "labels": sequence_digest(labels),
        "faces": "" if boxes is None else array_digest(np.asarray(boxes, dtype=float)),
        "task": task.name,
        "names": str(task.to_dict()),
    }
