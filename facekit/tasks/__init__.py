"""One file a task: encode labels, loss, decode, score. A task knows no backbone."""

from __future__ import annotations

from typing import Any

from .attributes import AttributesTask
from .base import Task
from .image_to_image import ImageToImageTask, ShadowRemovalTask, StylizationTask
from .landmarks import LandmarkTask
from .segmentation import SegmentationTask

TASKS: dict[str, type[Task]] = {
    kind.name: kind for kind in (LandmarkTask, SegmentationTask, StylizationTask, ShadowRemovalTask, AttributesTask)
}


def task_class(name: str) -> type[Task]:
    """The task of that name. Raises ValueError that lists the valid ones."""
    if name not in TASKS:
        raise ValueError(f"task={name!r}: expected one of {', '.join(map(repr, TASKS))}")
    return TASKS[name]


def task_from_dict(name: str, settings: dict[str, Any]) -> Task:
    """Undo `Task.to_dict`."""
    return task_class(name).from_dict(settings)


__all__ = [
    "TASKS", "AttributesTask", "LandmarkTask", "ImageToImageTask", "SegmentationTask", "ShadowRemovalTask",
    "StylizationTask", "Task", "task_class", "task_from_dict",
]  # fmt: skip
