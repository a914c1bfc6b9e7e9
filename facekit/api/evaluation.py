"""`facekit.evaluate` and `facekit.evaluate_by`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from ..annotations.label_items import Labels
from ..core.global_state import default_settings
from ..images import read_images
from ..images.types import Images
from ..metrics.groups import group_members, scores_by_group
from ..model import Model, resolve_model
from ..model.evaluation import checked_boxes, predict_labelled, score_labelled
from ..results import Drawable
from ..tasks import LandmarkTask


@default_settings()
def evaluate(
    model: Model | str | os.PathLike[str],
    images: Images,
    labels: Labels,
    *,
    align: str | None = None,
    boxes: ArrayLike | None = None,
    device: str | torch.device | None = None,
) -> dict[str, float]:
    """Score a model on labelled images with one face each.

    The labelled face is the one that is scored. Landmark models with align="landmarks" get the box of the labels, as is
    usual on 300-W. With align="mean", "mean-wide", "tanh" or "ffhq", eyes, nose and mouth of the labels align the face.
    If face detection finds no face, the whole image is scored.

    Args:
        model: A model, the path of its file, or the name of a ready model.
        images: As in `facekit.predict`.
        labels: As in `facekit.adapt`.
        align: How faces are cropped. None is the model's own ``align``.
        boxes: For landmarks, (N,4) x0, y0, x1, y1 in pixels: the data set's bounding box of each face. Errors are
            divided by them, as on AFLW-19 (FaRL, Table 6). They do not change how faces are cropped.
        device: Where to run. None leaves the model where it is.

    Returns:
        The task's metrics by name, in percent (PSNR in dB; SSIM and LPIPS as they are):

        * Landmarks: names contain the normaliser. "nme_inter_ocular" (also "_inter_pupil", "_box", "_diagonal"),
          "fr10_inter_ocular", "auc10_inter_ocular", "auc7_inter_ocular"; for 68 points "nme_inter_ocular_inside" and
          "nme_inter_ocular_outline". "box" is the box of the labelled points. With ``boxes`` it is the given one, and
          "nme_diag" and "auc7_box" take the place of "nme_diagonal".
        * Segmentation: "f1" (facial parts), "miou", "accuracy", "f1_mean" (all classes but the background),
          "miou_all_classes", and "f1_<class>". Sets with Helen's facial parts also have "f1_brows", "f1_eyes",
          "f1_mouth" and "f1_overall". SYNTHPARSE_11 also has "f1_images_raised" and "f1_images_dropped".
        * Attributes: "accuracy", "balanced_accuracy", "calibration", "accuracy_<name>".
        * Stylization and shadow removal: "ssim", "psnr", "lpips", and each of the unchanged images, "ssim_before".

    Raises:
        ValueError: If a label or a box is wrong, or boxes are given to a model of another task. The message names it.
    """
    runner = resolve_model(model, device)
    return score_labelled(runner, read_images(images), labels, align, boxes, stacklevel=5)


@default_settings()
def evaluate_by(
    model: Model | str | os.PathLike[str],
    images: Images,
    labels: Labels,
    groups: Iterable[str | float | None],
    *,
    align: str | None = None,
    boxes: ArrayLike | None = None,
    device: str | torch.device | None = None,
) -> dict[str, dict[str, float]]:
    """Score a model for each group of people (FaRL Table 11).

    Args:
        model: As in `evaluate`.
        images: As in `evaluate`.
        labels: As in `evaluate`.
        groups: One group's name per image, such as "female"; None for images of no group.
        align: As in `evaluate`.
        boxes: As in `evaluate`, one per image.
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
    checked = checked_boxes(runner, boxes, batch)
    results, truth = predict_labelled(runner, batch, labels, align, stacklevel=5)
    if checked is None:
        return scores_by_group(runner.task.score, results, truth, members)

    def score(some: list[Drawable], labelled: list[tuple[Any, Any]]) -> dict[str, float]:
        assert isinstance(runner.task, LandmarkTask)
        return runner.task.score(some, [label for label, _ in labelled], np.array([box for _, box in labelled]))

    return scores_by_group(score, results, list(zip(truth, checked, strict=True)), members)
