"""`facekit.learning_curve`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from ..alignment import check_align
from ..annotations.label_items import Labels
from ..backbones.configuration import choose_config
from ..core.arguments import check_name, check_path, check_progress, check_seed
from ..core.device import pick_device
from ..core.global_state import default_settings
from ..core.output_paths import check_output
from ..images.types import Images
from ..results.comparison import Comparison
from ..tasks import task_class
from ..tasks.main_score import main_score
from ..training.config import Adaptation
from .arguments import check_test, checked_count, checked_shots, chosen_backbones, weights_by_backbone
from .cells import CellProgress, Plan, run_cells
from .faces import faces_with_test, split_faces
from .summary import check_labelling, summary


@default_settings()
def learning_curve(
    images: Images,
    labels: Labels | None,
    task: str = "landmarks",
    backbones: Sequence[str] | None = None,
    shots: Sequence[int] = (1, 5, 10, 50),
    draws: int = 3,
    *,
    names: Any = None,
    groups: Iterable[Any] | None = None,
    test_images: Images | None = None,
    test_labels: Labels | None = None,
    folder: str | os.PathLike[str] | None = None,
    seconds_per_label: float | None = None,
    weights: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] = "auto",
    recipe: str | Adaptation = "quick",
    align: str = "none",
    device: str | torch.device | None = None,
    seed: int = 0,
    progress: CellProgress = True,
    **recipe_overrides: Any,
) -> Comparison:
    """Score backbones on your own faces, adapted on few and on more of them.

    In each draw, the labelled images are split at random into a part to adapt on and a part that scores. Every backbone
    is adapted on the first ``shots`` images of the first part, and scored on the second part. So backbones and numbers
    of faces are compared on the same images.

    Args:
        images: As in `facekit.adapt`. Each image once.
        labels: As in `facekit.adapt`.
        task: As in `facekit.adapt`.
        backbones: Names of the backbones. None compares all that can do the task.
        shots: Numbers of labelled faces to adapt on.
        draws: Number of draws. 2 or more give intervals; 3 to 10 are usual.
        names: Label set or names, as in `facekit.adapt`.
        groups: The person in each image, as one name per image. Nobody is then on both sides of a split.
        test_images: Images that score every model, instead of a part of ``images``.
        test_labels: Their labels.
        folder: Folder for finished trainings. If the work is interrupted, the same call goes on there.
        seconds_per_label: Your time to label one image, for landmarks and segmentation.
        weights: As in `facekit.adapt`, for all backbones, or one entry per backbone's name.
        recipe: As in `facekit.adapt`.
        align: As in `facekit.adapt`.
        device: As in `facekit.adapt`.
        seed: Seed of all random numbers.
        progress: True for a bar, False for none, or a function (trainings done, trainings, numbers). It is called after
            each step with a fraction of a training and the losses, before each batch of scored images without numbers,
            and after each training with the main score.
        **recipe_overrides: Fields that all backbones have, such as ``steps=100``.

    Returns:
        Scores, paired differences with 95 % intervals over draws, and advice. Print it for a table. The intervals hold
        for other draws from your images, not for other people or another camera.

    Raises:
        ValueError: If an argument is wrong or there are too few images. This is checked before the first training.
        TypeError: If a backbone has no such field.

    Example:
        >>> curve = facekit.learning_curve("faces/", points, "landmarks", ["fsma", "farl"], shots=[1, 5, 10])
        >>> print(curve.advice)
        >>> curve.plot("curve.png")
    """
    check_progress(progress)
    check_name(task, "task")
    check_labelling(task, seconds_per_label)
    check_align(align)
    task_type, seed = task_class(task), check_seed(seed)
    systems, counts, draws = chosen_backbones(task_type, backbones), checked_shots(shots), checked_count(draws, "draws")
    chosen_weights, device = weights_by_backbone(weights, systems), pick_device(device)
    check_test(task, labels, groups, test_images, test_labels)
    if folder is not None:
        check_path(folder, "folder")
        folder = check_output(folder, folder=True)
    if test_images is None or test_labels is None:
        faces = split_faces(task_type, images, labels, names, groups, counts[-1], draws, seed)
    else:
        faces = faces_with_test(task_type, images, labels, names, test_images, test_labels, counts[-1], draws, seed)
    customised = task_type.customised(faces.label_set)
    configs = {
        (system.name, count): choose_config(system, recipe, task_type, customised, count, None, recipe_overrides)
        for system in systems
        for count in counts
    }
    score = main_score(faces.task)
    plan = Plan(faces, configs, recipe, recipe_overrides, chosen_weights, align, device, seed)
    return summary(task, score, run_cells(plan, folder, progress, score.name), seconds_per_label)
