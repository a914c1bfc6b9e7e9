"""`facekit.distill`: a fast parser from an adapted generator (DatasetGAN, section 3)."""

from __future__ import annotations

import copy
import math
import numbers
import os
import time
from typing import Any

import torch

from ..backbones.configuration import choose_config
from ..backbones.pftgan.backbone import EMBEDDED_FRAME, PFTGAN
from ..backbones.pftgan.generator_files import generator_digest
from ..backbones.pftgan.labelled_samples import labelled_samples
from ..backbones.pftgan.network import PFTGANNetwork
from ..backbones.synthparse.config import SynthparseAdaptation
from ..backbones.synthparse.network import ParserSize
from ..core.arguments import check_count, check_path, check_progress, check_seed, short_repr
from ..core.device import pick_device
from ..core.global_state import default_settings
from ..core.output_paths import check_checkpoint
from ..model import Model, find_backbone, resolve_model
from ..tasks import SegmentationTask
from ..training.config import Adaptation
from ..training.loop import Progress
from .adaptation import adapt


@default_settings()
def distill(
    model: Model | str | os.PathLike[str],
    *,
    count: int = 2000,
    keep: float = 0.9,
    truncation: float = 0.7,
    weights: str | os.PathLike[str] | None = None,
    recipe: str | Adaptation = "quick",
    checkpoint: str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    seed: int = 0,
    progress: Progress = True,
    **recipe_overrides: Any,
) -> Model:
    """Train a fast parser on images that a generator makes, with the labels of its pixel classifiers.

    A prediction of backbone "pftgan" encodes the image, runs the generator and ten classifiers. The parser runs one
    small UNet instead. It learns from generated images and the classifiers' labels. The recipe "quick" starts from the
    ready parser, which was trained on labelled faces (800 of CelebAMask-HQ and others), so the new parser may become
    better than its teacher; ``start="none"`` trains it on the generated images alone. With the embedded generator,
    2,000 images and their training take about ten minutes on two cores.

    Args:
        model: A segmentation model of backbone "pftgan", or its file. It is not changed.
        count: Number of generated images.
        keep: Part of them to train on, in (0, 1]. The images about which the classifiers disagree most are left out.
        truncation: Of the generated images, in (0, 1]. Below 1, images are closer to the mean image, with less variety
            and fewer faults.
        weights: The generator that the model was adapted from. None is the one that the model's file names.
        recipe: Of synthparse, as in `facekit.adapt`.
        checkpoint: File of the parser's training state. An interrupted training resumes from it on the same machine:
            the images are generated again, and on another one they differ by rounding.
        device: Where to compute. None is the best available device.
        seed: Seed of all random numbers.
        progress: True for two bars, images and steps, False for none, or a function (steps done, steps, losses).
        **recipe_overrides: Fields of synthparse's configuration, such as ``steps=1000``.

    Returns:
        A model of backbone "synthparse" with the same label set. It crops faces as the model does, or as the embedded
        generator's images are if that made them (``align="ffhq"``).

    Raises:
        ValueError: If the model or an argument is wrong.
        TypeError: If an argument has another type, or synthparse has no such field.

    Example:
        >>> model = facekit.adapt(images, masks, task="segmentation", backbone="pftgan", align="ffhq")
        >>> fast = facekit.distill(model)
    """
    started = time.monotonic()
    teacher = resolve_model(model)
    network = _check(teacher, count, keep, truncation)
    check_progress(progress)
    seed, checkpoint = check_seed(seed), check_checkpoint(checkpoint)
    kept = max(1, math.floor(keep * count))
    # Checked before the images are generated, which takes minutes.
    config = choose_config(find_backbone("synthparse"), recipe, SegmentationTask, True, kept, None, recipe_overrides)
    assert isinstance(config, SynthparseAdaptation)
    source = teacher.about.get("weights", "auto") if weights is None else weights
    check_path(source, "weights")
    backbone = find_backbone("pftgan")
    assert isinstance(backbone, PFTGAN)
    generator = backbone.load_generator(source, check_seed(teacher.about.get("seed", 0)))
    found = generator_digest(generator.synthesis)
    own = teacher.about.get("generator", found)  # models of earlier versions name none
    if vars(generator.size) != vars(network.stream.size) or own != found:
        raise ValueError(
            f"weights={str(source)!r}: expected the generator of {network.input_size} px that the model was adapted "
            f"from, got another one of {generator.size.resolution} px; pass its file as weights=. The embedded "
            "generator may be that of another version of facekit: adapt again, or take the file of that version"
        )
    # A copy, so that the model stays on its device. `adapt` keeps crops of twice the input's side.
    most = 2 * (config.input_size or ParserSize.input_size)
    samples = labelled_samples(
        copy.deepcopy(network), generator, count, truncation, seed, pick_device(device), most, progress is True
    )
    student = adapt(
        list(samples.images[:kept]),
        list(samples.masks[:kept]),
        "segmentation",
        "synthparse",
        names=teacher.task.labels,
        weights="none" if config.start == "none" else "auto",
        recipe=recipe,
        checkpoint=checkpoint,
        device=device,
        seed=seed,
        progress=progress,
        **recipe_overrides,
    )
    # Crops of other frames would look unlike the images of the embedded generator.
    embedded = source in ("auto", "embedded")
    student.align = EMBEDDED_FRAME if embedded and teacher.align != "none" else teacher.align
    student.about["distilled"] = {
        "generated": count,
        "kept": kept,
        "truncation": truncation,
        "uncertainty": float(samples.uncertainty[kept - 1]),
    }
    student.about["seconds"] = round(time.monotonic() - started, 1)
    return student


def _check(teacher: Model, count: int, keep: float, truncation: float) -> PFTGANNetwork:
    """Check model and numbers before work begins, and return the model's network."""
    if not isinstance(teacher.network, PFTGANNetwork) or not isinstance(teacher.task, SegmentationTask):
        raise ValueError(
            f"model: expected a segmentation model of backbone 'pftgan' with its generator, got {teacher!r}; adapt one "
            "with recipe='quick' or 'paper'"
        )
    if teacher.adapter is not None:
        raise ValueError(
            "model: expected one without a label adapter, whose classes the generated labels do not have, got one with "
            "it; pass model.unadapted"
        )
    if check_count(count, "count") is None:
        raise TypeError("count=None: expected a whole number (int); pass a few thousand")
    for name, value in (("keep", keep), ("truncation", truncation)):
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError(
                f"{name}={short_repr(value)}: expected a number above 0, at most 1, got {type(value).__name__}; pass "
                "such a number"
            )
        if not 0 < value <= 1:
            raise ValueError(f"{name}={value}: expected a number above 0, at most 1; pass such a number")
    if keep < 1 and teacher.network.members < 2:
        raise ValueError(
            f"keep={keep}: expected 1 for a model with one classifier, whose labels have no divergence; pass keep=1, "
            "or adapt with members=10"
        )
    return teacher.network
