"""`facekit.adapt`."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import time
from pathlib import Path
from typing import Any

import torch

from ..alignment import FaceBoxes, check_align, warping
from ..annotations.label_items import Labels
from ..backbones.base import Backbone
from ..backbones.configuration import choose_config
from ..core.arguments import check_name, check_path, check_progress, check_seed, check_validation
from ..core.device import pick_device
from ..core.global_state import default_settings, seeded_random
from ..core.output_paths import check_checkpoint
from ..images import ImageBatch, ImageError
from ..images.stream import stream_images
from ..images.types import Images
from ..model import CROPPER, Model, find_backbone, load
from ..model.evaluation import crop_score, results_for
from ..model.label_check import check_plausible
from ..tasks import Task, task_class
from ..training.best_checkpoint import BestCheckpoint
from ..training.config import Adaptation
from ..training.crops import check_faces
from ..training.finetune import FineTuning
from ..training.loop import FiniteProgram, Progress, check_finite, check_resumable, train
from ..training.time_estimate import announce_time
from ..training.views import TrainingData
from ..training.warm_start import check_warm_start, fits_embedded, warm_start
from ..zoo import embedded_file
from .training_identity import LabelledImages, adaptation_identity
from .whole_photos import warn_of_whole_photos

log = logging.getLogger("facekit")


@default_settings()
def adapt(
    images: Images,
    labels: Labels | None = None,
    task: str = "landmarks",
    backbone: str = "fsma",
    *,
    names: Any = None,
    support_images: Images | None = None,
    weights: str | os.PathLike[str] = "auto",
    recipe: str | Adaptation = "quick",
    align: str = "none",
    faces: FaceBoxes | None = None,
    epochs: int | None = None,
    validation: tuple[Images, Labels] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    seed: int = 0,
    progress: Progress = True,
    **recipe_overrides: Any,
) -> Model:
    """Train a face model on a few labelled faces.

    Args:
        images: A path, folder, PIL image, numpy (H, W, 3) uint8, torch (3, H, W), or a sequence of these.
        labels: "landmarks": (N, K, 2) in pixels, NaN = unlabelled. "segmentation": N masks (H, W) of class ids, 255 =
            ignored. "stylization": N images. "shadow_removal": N clean images, or None. "attributes": (N, A), 0 or 1.
        task: "landmarks", "segmentation", "stylization", "shadow_removal" or "attributes".
        backbone: "fsma", "pftgan", "synthparse" or "farl".
        names: Label set ("68", "helen11", "celeba40", ...) or a list of names. None numbers the labels.
        support_images: Unlabelled images for pftgan's image stream. None generates some.
        weights: "auto", "embedded", "official", "none" (random), or a file.
        recipe: "quick" (a minute to some minutes on two cores), "paper", another name of the backbone, or a
            configuration.
        align: "none" takes each image as a face crop. "box" crops to the detected face. "landmarks", "mean",
            "mean-wide", "tanh" and "ffhq" crop by landmarks, "haar" as in synthparse's paper. Predictions use the same.
        faces: One face box (x0, y0, x1, y1) per image instead of face detection.
        epochs: Number of passes through all faces, instead of ``steps``.
        validation: (images, labels) for scores during training. ``keep_best=True`` keeps the best weights.
        checkpoint: File of the training state. An interrupted training resumes from it. Other images, labels or
            settings than those that it was begun with raise an error.
        device: Where to train. None is the best available device.
        seed: Seed of all random numbers.
        progress: True for a bar, False for none, or a function (steps done, steps, losses).
        **recipe_overrides: Fields of the backbone's configuration, such as ``steps=800``.

    Returns:
        The trained model, with ``predict``, ``evaluate`` and ``save``.

    Raises:
        ValueError: If an image, label or argument is wrong. The message names it.
        TypeError: If the backbone has no such field, or the field has no effect for the task.
        FloatingPointError: If a loss or weight is not finite.

    Example:
        >>> model = facekit.adapt("faces/", points, task="landmarks", names=["left_eye", "right_eye", "nose"])
    """
    started = time.monotonic()
    task_type, system, checkpoint = _check(
        task, backbone, weights, align, support_images, validation, checkpoint, progress
    )
    seed, target_device = check_seed(seed), pick_device(device)
    batch = stream_images(images)
    check_faces(faces, len(batch.names), align)
    parsed = task_type.parse(labels, names, batch)
    customised = task_type.customised(parsed.label_set)
    config = choose_config(system, recipe, task_type, customised, len(parsed.clean), epochs, recipe_overrides)
    trained_task = task_type.create(parsed.label_set, config)
    check_plausible(trained_task, parsed.clean, batch, stacklevel=4)
    warn_of_whole_photos(batch, system.known_frame(config), weights, align, stacklevel=4)
    validation_faces = None if validation is None else _labelled(trained_task, *validation)
    support = None if support_images is None else _support(support_images)
    identity: dict[str, str] = {}
    if checkpoint is not None:
        identity = adaptation_identity(
            trained_task,
            system,
            weights,
            align,
            LabelledImages(batch, parsed.clean, faces),
            support,
            validation_faces and LabelledImages(*validation_faces),
            config,
            seed,
        )
        check_resumable(checkpoint, identity)
    with seeded_random(seed):
        network = system.build(weights, seed, trained_task, config)
    model = Model(backbone, network, trained_task, align)
    side = model.input_size
    crops, crop_labels = CROPPER.training_crops(
        batch, parsed.clean, trained_task, align, faces, 2 * side, config.cache_bytes
    )
    del batch, parsed  # thousands of images fill the memory
    trained_task.check_crops(crop_labels)
    support_crops = None if support is None else CROPPER.support_crops(support, align, side)
    del support
    data = TrainingData(crops, crop_labels, warping(align), support_crops)
    program = system.program(network, weights, trained_task, data, config, target_device, seed)
    start = _warm_start(program, model, config.start)
    best = _best_checkpoint(model, config, validation_faces, len(crops))
    name = f"adapting {task}"
    if checkpoint is None or not Path(checkpoint).exists():
        announce_time(program, name, progress)
    losses = train(
        program,
        program.steps,
        checkpoint=checkpoint,
        progress=progress,
        name=name,
        hooks=[] if best is None else [best],
        identity=identity,
    )
    if best is not None:
        best.restore()
    network.eval()
    check_finite(network.state_dict(), f"after step {program.steps - 1}, the last one")
    model.about = _about(config, weights, len(crops), seed, start, losses) | dict(program.facts)
    model.about["seconds"] = round(time.monotonic() - started, 1)
    if validation_faces is not None:
        model.about["validation"] = trained_task.score(results_for(model, *validation_faces), validation_faces[1])
    return model


def _check(
    task: str,
    backbone: str,
    weights: Any,
    align: str,
    support_images: Any,
    validation: Any,
    checkpoint: Any,
    progress: Any,
) -> tuple[type[Task], Backbone, Any]:
    """Check arguments before work begins. Return the task's class, the backbone and the checkpoint's path."""
    check_name(task, "task")
    check_name(backbone, "backbone")
    check_path(weights, "weights")
    check_progress(progress)
    check_validation(validation)
    task_type, system = task_class(task), find_backbone(backbone)
    system.check_task(task_type)
    check_align(align)
    checkpoint = check_checkpoint(checkpoint)
    if support_images is not None and not system.uses_support:
        raise ValueError(
            f"support_images: expected none, because backbone {backbone!r} learns from labelled images only; omit it"
        )
    return task_type, system, checkpoint


def _about(
    config: Adaptation,
    weights: str | os.PathLike[str],
    faces: int,
    seed: int,
    start: str | None,
    losses: dict[str, float],
) -> dict[str, Any]:
    """Return what the model's file says about its training."""
    return {
        "faces": faces,
        "seed": seed,
        "recipe": _plain(config),
        "weights": str(weights),
        "start": start,
        "loss": losses.get("loss"),
    }


def _support(images: Images) -> ImageBatch:
    """Return checked support images. An error names the argument, since there are other images."""
    try:
        return stream_images(images)
    except ImageError as error:
        raise ImageError(f"support_images: {error}") from error


def _labelled(task: Task, images: Images, labels: Labels) -> tuple[ImageBatch, list[Any]]:
    """Return validation images and their checked labels."""
    batch = stream_images(images)
    return batch, task.check(labels, batch.sizes, batch.names)


def _warm_start(program: FiniteProgram, model: Model, start: str) -> str:
    """Start the trained layers as the configuration says. Return what they were started from."""
    if start == "none" or not model.network.can_warm_start:
        return "none"
    if not isinstance(program, FineTuning):
        raise TypeError(
            f"backbone {model.backbone!r}: expected a FineTuning program for a warm start, got "
            f"{type(program).__name__}; return one from its method program, or pass start='none'"
        )
    task, network = model.task, model.network
    if start == "embedded":
        if task.name not in network.starts:
            return "none"
        source = load(embedded_file(network.starts[task.name]), program.device)
        if not fits_embedded(network, source.network):
            return "none"
    else:
        source = load(start, program.device)
        check_warm_start(start, task, network, source.task, source.network, source.backbone)
        source = source.unadapted
    warm_start(network, program.views, task, source.network, source.task)
    return start


def _best_checkpoint(
    model: Model, config: Adaptation, validation: tuple[ImageBatch, list[Any]] | None, faces: int
) -> BestCheckpoint | None:
    """Return the hook that keeps the best epoch, if the configuration says so and there are validation faces."""
    if not config.keep_best:
        return None
    if validation is None:
        log.warning("keep_best=True without validation=: the weights of the last epoch are kept")
        return None
    crops, crop_labels = CROPPER.training_crops(
        *validation, model.task, model.align, None, model.input_size, config.cache_bytes
    )
    score = functools.partial(crop_score, model, crops, crop_labels)
    return BestCheckpoint(model.network, score, -(-faces // config.batch_size), config.steps)


def _plain(config: Adaptation) -> dict[str, Any]:
    """Return a configuration as JSON gives it back: lists instead of tuples."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(config).items()}
