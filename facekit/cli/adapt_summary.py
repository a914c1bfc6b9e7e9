"""What `facekit adapt` and `facekit adapt-labels` print at the end: the file, the score, the next command."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..model import Model

# Metrics between 0 and 1. All others that come first in a task's scores are in percent.
_FRACTIONS = ("ssim",)


def summary(model: Model, file: str, images: str, validation_count: int | None) -> str:
    """Describe a new model in two or three lines.

    Args:
        model: The model, saved already.
        file: The .facekit file, as the user named it.
        images: Folder or image for the next command.
        validation_count: Number of validation images, or None if there were none.

    Returns:
        The model's file and task; the first validation score, if there is one; a command line to run next.
    """
    faces = model.about.get("adapter", model.about).get("faces")
    trained_on = "" if faces is None else f" from {_counted(faces, 'labelled face')}"
    lines = [f"{file}: a model for {model.task.name}{trained_on}"]
    if validation_count is not None:
        lines.append(_score_line(model, validation_count))
    results = f"{Path(file).stem}-results"
    command = ["facekit", "predict", file, images, "--out", results]
    lines.append(f"next: {shlex.join(command)}")
    return "\n".join(lines)


def _score_line(model: Model, count: int) -> str:
    """Return the first validation score with its metric and the number of faces."""
    scores: dict[str, float] = model.about.get("validation", {})
    if not scores:
        return f"score: none, the {_counted(count, 'validation face')} have no labels that can be scored"
    metric, value = next(iter(scores.items()))
    number = f"{value:.3f}" if metric in _FRACTIONS else f"{value:.2f} %"
    better = "higher" if model.task.higher_is_better else "lower"
    return f"score: {metric} {number} on {_counted(count, 'validation face')} ({better} is better)"


def images_argument(path: str | None, images: Any) -> str:
    """Return the path of images for the next command.

    Args:
        path: The option ``--images``, or None if the label files name their images.
        images: The images that were read from the label files: paths or arrays.

    Returns:
        ``path``, or the folder of the first image, or "IMAGES" where no image is a file.
    """
    if path is not None:
        return path
    files = [Path(image) for image in images if isinstance(image, (str, os.PathLike))]
    return str(files[0].parent) if files else "IMAGES"


def count_images(images: Any) -> int:
    """Return the number of images of a folder, an image file or a sequence."""
    from ..images.reader import list_images

    if not isinstance(images, (str, os.PathLike)):
        return len(images)
    path = Path(images).expanduser()
    return len(list_images(path)) if path.is_dir() else 1


def _counted(count: int, noun: str) -> str:
    """Return "1 face", "2 faces"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
