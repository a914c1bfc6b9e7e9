"""Score a model on labelled images."""

from __future__ import annotations

import dataclasses
import logging
import os
from typing import Any

import torch

from ..alignment import Frame, check_align, frame_points
from ..core.global_state import default_settings
from ..images.reader import ImageBatch, read_images
from ..metrics.groups import group_members, scores_by_group
from ..model import AT_ONCE, Model
from ..results.types import Drawable
from ..tasks import LandmarkTask
from ..training.crops import own_frame
from .label_check import check_plausible
from .ready_models import frames_in, resolve_model

log = logging.getLogger("facekit")


@default_settings()
def evaluate(
    model: Model | str | os.PathLike[str],
    images: Any,
    labels: Any,
    *,
    align: str | None = None,
    device: str | torch.device | None = None,
) -> dict[str, float]:
    """Score a model on labelled images, one face each: the task's metrics by the field's protocols, in percent.

    Landmark models that frame by landmarks are given the crop of the labels' box, as is the custom on 300-W; with
    align="mean", "tanh" or "ffhq" the labels' eyes, nose and mouth. Other searched images in which no face is found
    are scored on the whole image.
    """
    runner, results, truth = _tested(model, read_images(images), labels, align, device)
    return runner.task.score(results, truth)


@default_settings()
def evaluate_by(
    model: Model | str | os.PathLike[str],
    images: Any,
    labels: Any,
    groups: Any,
    *,
    align: str | None = None,
    device: str | torch.device | None = None,
) -> dict[str, dict[str, float]]:
    """`evaluate` for each group of people (FaRL Table 11), with any task.

    groups: one group's name per image, e.g. "female"; None where it belongs to none.
    Returns group -> its scores, and two more rows: "all", the scores of all images, and "discrepancy", metric by
    metric the largest minus the smallest of the groups. Raises ValueError as `evaluate`, and for another count of
    groups.
    """
    photos = read_images(images)
    members = group_members(groups, len(photos.arrays))
    runner, results, truth = _tested(model, photos, labels, align, device)
    return scores_by_group(runner.task.score, results, truth, members)


def _tested(
    model: Model | str | os.PathLike[str],
    images: ImageBatch,
    labels: Any,
    align: str | None,
    device: str | torch.device | None,
) -> tuple[Model, list[Drawable], list[Any]]:
    """The model, its result on each image and the checked labels."""
    runner = resolve_model(model, device)
    truth = runner.task.check(labels, images.sizes, images.names)
    check_plausible(runner.task, truth, images, stacklevel=5)
    return runner, *labelled_results(runner, images, truth, align)


def labelled_results(
    runner: Model, images: ImageBatch, truth: list[Any], align: str | None
) -> tuple[list[Drawable], list[Any]]:
    """The model's result on each image, and the checked labels."""
    how = check_align(align or runner.align)
    results: list[Drawable] = []
    for start in range(0, len(truth), AT_ONCE):
        some = images.arrays[start : start + AT_ONCE]
        frames: list[list[Frame]] = []
        for image, label in zip(some, truth[start:], strict=False):
            if how == "landmarks" and isinstance(runner.task, LandmarkTask):
                # Upright: 300-W's boxes know no rotation.
                upright = dataclasses.replace(runner.task.labels, eyes=None, eye_corners=None)
                frames.append([Frame(frame_points(label, upright).box)])
            else:
                known = own_frame(label, runner.task, how)
                frames.append([known or next(iter(frames_in(image, how, None)), Frame())])
        results += [own[0] for own in runner.predict_images(some, frames)]
    return results, truth
