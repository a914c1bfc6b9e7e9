"""Public functions: adapt, predict, evaluate, load_backbone."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import time
from typing import Any

import torch

from ..alignment import check_align, warping
from ..backbones import backbone_module
from ..backbones.configuration import configuration
from ..core.arguments import check_checkpoint, check_name, check_path, check_progress, check_seed, check_validation
from ..core.device import pick_device
from ..core.global_state import default_settings, seeded_random
from ..core.output_paths import check_output
from ..images.reader import ImageBatch, read_images
from ..images.stream import stream_images
from ..model import Model
from ..tasks import task_class
from ..training.best_checkpoint import KeepBest, crop_score
from ..training.config import Adaptation
from ..training.crops import check_faces, support_crops, training_crops
from ..training.finetune import Fitting
from ..training.loop import Progress, check_finite, train
from ..training.warm_start import warm_start
from .evaluation import labelled_results
from .label_check import check_plausible

log = logging.getLogger("facekit")


@default_settings()
def adapt(
    images: Any,
    labels: Any = None,
    task: str = "landmarks",
    backbone: str = "fsma",
    *,
    names: Any = None,
    support_images: Any = None,
    weights: str | os.PathLike[str] = "auto",
    recipe: str | Adaptation = "quick",
    align: str = "none",
    faces: Any = None,
    epochs: int | None = None,
    validation: tuple[Any, Any] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    seed: int = 0,
    progress: Progress = True,
    **recipe_overrides: Any,
) -> Model:
    """Make a face model of your own from a few labelled faces.

    images: a path, folder, PIL image, numpy (H,W,3) uint8, torch (3,H,W), or a sequence of these; 1 to some thousands.
    labels: for "landmarks" (N,K,2) x, y in pixels of each image, NaN = not labelled; for "segmentation" one (H,W)
    mask of class ids per image, 255 = ignore; for "stylization" one image in the new style each; for "shadow_removal"
    None (images without foreign shadows: shadows are cast on them) or one clean image each; for "attributes" (N,A)
    of 0 and 1, NaN = not labelled. names: the label set ("68", "helen11", "celeba40", ...), its own names, or None.
    align: "none": each image is a face crop as it is; "box": faces are found first; "landmarks": and cropped by their
    points (the labels' own points for the task "landmarks"); "mean": and brought by eyes, nose and mouth to FaRL's mean
    face; "tanh": and tanh-warped, so that the whole image stays visible and the face has most of the pixels; "ffhq":
    framed as FFHQ's and CelebA-HQ's images, as generators know faces; "haar": faces are found as synthparse's paper
    finds them. Predictions frame images the same way. faces: own boxes, one per image. support_images: for pftgan,
    images without labels that its image stream keeps to; the ones to be predicted may be among them (None: the
    generator makes some).
    recipe: "quick" (ours, about a minute on two cores), "paper" (fsma: the row of Table 7 that is
    closest in size, or one by name: `facekit.recipes.TABLE_7`; farl: section 4.1, also "paper-ft" and "paper-ft-448";
    synthparse: its best model, or "paper-unet", "paper-fpn", "paper-deeplabv3plus"; pftgan: section 4.1, also
    "datasetgan") or an `Adaptation`; any of its fields may be overridden, e.g. `steps=800`, `skip="00000"`,
    `baseline="unet"`. epochs: instead of `steps`: so often ceil(faces / batch_size) steps (of each stage, for pftgan).
    checkpoint: a file; a killed run resumes from it. validation: (images, labels) to score the model
    on, and with `keep_best` to choose its weights by. progress: True, False or a function (done, steps, losses).
    Raises ValueError that names the offending image or label, or lists what the task and backbone can do; TypeError
    for a field that the backbone does not have or that has no effect for the task; FloatingPointError where the
    training breaks down. The caller's random numbers and settings stay as they are.
    """
    check_name(task, "task")
    check_name(backbone, "backbone")
    check_path(weights, "weights")
    check_progress(progress)
    check_checkpoint(checkpoint)
    check_validation(validation)
    seed, chosen = check_seed(seed), pick_device(device)
    kind = task_class(task)
    module = backbone_module(backbone)
    if task not in module.TASKS:
        raise ValueError(f"backbone {backbone!r} cannot do {task!r}: it does {', '.join(map(repr, module.TASKS))}")
    check_align(align)
    if checkpoint is not None:
        checkpoint = check_output(checkpoint)
    staged = getattr(module, "program", None)  # of a backbone that brings its own fitting
    if support_images is not None and staged is None:
        raise ValueError(f"support_images came, but backbone {backbone!r} learns from labelled images only")
    started = time.monotonic()
    photos = stream_images(images)
    check_faces(faces, len(photos.names), align)
    fitted, clean = kind.from_labels(labels, names, photos)
    settings = configuration(
        backbone, module, recipe, fitted, len(clean), epochs, recipe_overrides
    )  # fmt: skip
    check_plausible(fitted, clean, photos, stacklevel=4)
    fitted = fitted.configured(settings)
    checked = None
    if validation is not None:
        unseen = stream_images(validation[0])
        checked = unseen, fitted.check(validation[1], unseen.sizes, unseen.names)
    with seeded_random(seed):
        network = module.build(weights, seed, fitted, settings)
    model = Model(backbone, network, fitted, align)
    crops, moved = training_crops(
        photos, clean, fitted, align, faces, 2 * model.input_size, settings.cache_bytes
    )  # fmt: skip
    del photos, clean  # thousands fill the memory
    fitted = model.task = fitted.balanced(moved)
    alpha = warping(align)
    if staged is None:
        discriminator = module.discriminator(weights, seed) if fitted.paints else None
        program = Fitting(network, fitted, crops, moved, settings, chosen, seed, discriminator, alpha)
    else:
        support = None
        if support_images is not None:
            support = support_crops(read_images(support_images), align, model.input_size)
        program = staged(weights, network, fitted, crops, moved, support, settings, chosen, seed, alpha)
    started_from = warm_start(program, settings.start)
    kept = _kept(program, model, settings, checked)
    losses = train(kept or program, program.steps, checkpoint=checkpoint, progress=progress, name=f"adapting {task}")
    if kept is not None:
        kept.finish()
    network.eval()
    check_finite(network.state_dict(), f"after step {program.steps - 1}, the last one")
    # Lists instead of tuples: what JSON gives back is then equal.
    recipe_data = {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(settings).items()}
    model.about = {
        "faces": len(crops),
        "seed": seed,
        "recipe": recipe_data,
        "weights": str(weights),
        "start": started_from,
        "loss": losses.get("loss"),
        "seconds": round(time.monotonic() - started, 1),
    }
    if checked is not None:
        model.about["validation"] = model.task.score(*labelled_results(model, *checked, None))
    return model


def _kept(
    program: Fitting, model: Model, settings: Adaptation, validation: tuple[ImageBatch, list[Any]] | None
) -> KeepBest | None:
    """`program` with its best epoch kept, if that is wanted and there are faces to choose by."""
    if not settings.keep_best:
        return None
    if validation is None:
        log.warning("no validation= came to choose the best epoch by: the last one's weights are kept")
        return None
    crops, moved = training_crops(*validation, model.task, model.align, None, model.input_size, settings.cache_bytes)
    every = -(-len(program.crops) // settings.batch_size)
    return KeepBest(program, functools.partial(crop_score, model, crops, moved), every, settings.steps)
