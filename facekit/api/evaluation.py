"""`facekit.evaluate` and `facekit.evaluate_by`."""

from __future__ import annotations

import os
from collections.abc import Iterable

import torch

from ..annotations.label_items import Labels
from ..core.global_state import default_settings
from ..images import read_images
from ..images.types import Images
from ..metrics.groups import group_members, scores_by_group
from ..model import Model, resolve_model
from ..model.evaluation import predict_labelled


@default_settings()
def evaluate(
    model: Model | str | os.PathLike[str],
    images: Images,
    labels: Labels,
    *,
    align: str | None = None,
    device: str | torch.device | None = None,
) -> dict[str, float]:
    """Score a model on labelled images with one face each.

    The labelled face is the one that is scored. Landmark models with align="landmarks" get the box of the labels, as is
    usual on 300-W. With align="mean", "tanh" or "ffhq", eyes, nose and mouth of the labels align the face. If face
    detection finds no face, the whole image is scored.

    Args:
        model: A model, the path of its file, or the name of a ready model.
        images: As in `facekit.predict`.
        labels: As in `facekit.adapt`.
        align: How faces are cropped. None is the model's own ``align``.
        device: Where to run. None leaves the model where it is.

    Returns:
        The task's metrics by name, in percent (PSNR in dB). Names of landmark metrics end with the normaliser,
        such as "nme_inter_ocular".

    Raises:
        ValueError: If a label is wrong. The message names it.
    """
    runner = resolve_model(model, device)
    return runner.task.score(*predict_labelled(runner, read_images(images), labels, align, stacklevel=5))


@default_settings()
def evaluate_by(
    model: Model | str | os.PathLike[str],
    images: Images,
    labels: Labels,
    groups: Iterable[str | float | None],
    *,
    align: str | None = None,
    device: str | torch.device | None = None,
) -> dict[str, dict[str, float]]:
    """Score a model for each group of people (FaRL Table 11).

    Args:
        model: As in `evaluate`.
        images: As in `evaluate`.
        labels: As in `evaluate`.
        groups: One group's name per image, such as "female"; None for images of no group.
        align: As in `evaluate`.
        device: As in `evaluate`.

    Returns:
        The scores of each group by its name, and two more entries: "all", the scores of all images, and "discrepancy",
        for each metric the largest minus the smallest of the groups.

    Raises:
        ValueError: As in `evaluate`, and if the number of groups is wrong.
    """
    batch = read_images(images)
    members = group_members(groups, len(batch.arrays))
    runner = resolve_model(model, device)
    results, truth = predict_labelled(runner, batch, labels, align, stacklevel=5)
    return scores_by_group(runner.task.score, results, truth, members)
