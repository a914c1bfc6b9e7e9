"""Tasks: check labels, compute the loss, decode and score the outputs of a network. One file per task."""

from __future__ import annotations

from typing import Any

from ..core.arguments import check_choice
from .attributes import AttributesTask
from .base import ParsedLabels, Task
from .image_to_image import ImageToImageTask, ShadowRemovalTask, StylizationTask
from .landmarks import LandmarkTask
from .segmentation import SegmentationTask

TASKS: dict[str, type[Task]] = {}


def register(task: type[Task]) -> type[Task]:
    """Make a task known by its name. Usable as a class decorator.

    Raises:
        ValueError: If another task has the name already.
    """
    if TASKS.get(task.name, task) is not task:
        raise ValueError(f"task {task.name!r} is registered already; choose another name")
    TASKS[task.name] = task
    return task


for _task in (LandmarkTask, SegmentationTask, StylizationTask, ShadowRemovalTask, AttributesTask):
    register(_task)


def task_class(name: str) -> type[Task]:
    """Return the class of a task.

    Raises:
        ValueError: If there is no task of that name. The message lists them.
    """
    check_choice(name, "task", TASKS)
    return TASKS[name]


def task_from_dict(name: str, settings: dict[str, Any]) -> Task:
    """Return the task that ``Task.to_dict`` described.

    Args:
        name: Name of the task.
        settings: What ``to_dict`` returned.

    Returns:
        The task.

    Raises:
        ValueError: If there is no such task.
    """
    return task_class(name).from_dict(settings)


__all__ = [
    "TASKS",
    "AttributesTask",
    "ImageToImageTask",
    "LandmarkTask",
    "ParsedLabels",
    "SegmentationTask",
    "ShadowRemovalTask",
    "StylizationTask",
    "Task",
    "register",
    "task_class",
    "task_from_dict",
]
