"""Handlers of the tab "One face, many parts" that compute its cost and train (PFTGAN).

PFTGAN: "Leveraging GAN Priors for Few-Shot Part Segmentation", https://arxiv.org/abs/2207.13428.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import gradio as gr
import torch

import facekit

from ..backbones.pftgan.classifier_memory import estimate_memory
from ..backbones.pftgan.config import QUICK, PFTGANAdaptation, named_recipe
from ..labelling import PartLabels
from .components import CROP, PHOTO, show_errors
from .generator_part import ChosenGenerator, embedded_generator
from .label_sheet import Sheet, parts_in
from .sessions import new_file, progress_reporter

TUNED, AS_IT_IS = "Fine-tune the generator (PFTGAN)", "Do not train the generator (DatasetGAN)"
RECIPES = {TUNED: "quick", AS_IT_IS: "datasetgan"}
ALIGN = {CROP: "none", PHOTO: "ffhq"}  # "ffhq" crops faces as in the images that the generator was trained on
MOST_PAINTED = 5  # images
STEPS = QUICK["segmentation"].steps
# Seconds on two cores: one step of one stage with four or more images, and one classifier on 64 pixels.
STAGE_TIME, PIXELS_TIME = 0.35, 5e-4


@dataclass(frozen=True, eq=False)
class OneShotModel:
    """A visitor's model, and the generator that it was trained from.

    Attributes:
        model: The model.
        backbone: The generator with its encoder, as it was before the training.
    """

    model: facekit.Model
    backbone: Any


def one_shot_seconds(config: PFTGANAdaptation, images: int, steps: int, side: int) -> float:
    """Estimate the time of a training on two idle cores.

    Args:
        config: Settings of the training.
        images: Number of painted images.
        steps: Number of steps of each stage.
        side: Side of the generator's images in pixels.

    Returns:
        An upper limit in seconds.
    """
    pixels = config.views * images * side**2
    pixels = min(pixels, config.pixels or pixels)
    classifiers = PIXELS_TIME * config.members * config.classifier_epochs * pixels / 64
    return STAGE_TIME * steps * len(config.stages) + classifiers


@show_errors
def estimate_cost(sheet: Sheet, part_text: str, recipe: str, steps: int, own: ChosenGenerator | None = None) -> str:
    """Estimate the time and the memory of a training on the images that are painted so far.

    Args:
        sheet: The visitor's images.
        part_text: Names of the parts.
        recipe: TUNED or AS_IT_IS.
        steps: Number of steps of each stage.
        own: The visitor's generator, or None for the embedded one.

    Returns:
        A sentence with the upper limits of both.
    """
    images, classes = max(1, len(sheet.labelled)), len(parts_in(part_text))
    config = named_recipe(RECIPES[recipe], "segmentation", True, images)
    backbone = (own or embedded_generator()).backbone
    side = backbone.input_size
    with torch.no_grad():
        maps = backbone.features(torch.zeros(1, 3, side, side), config.reads_colours)
    views = config.views * images
    seconds = one_shot_seconds(config, images, int(steps), side)
    needed = estimate_memory(
        [x.shape[1] for x in maps],
        [x.shape[2] for x in maps],
        classes,
        side,
        images=views,
        members=config.members,
        pixels=config.pixels,
    )
    memory = min(needed.training, config.memory_limit) / 1e6
    return (
        f"With {_painted_images(images)}: at most **{max(1, round(seconds / 60))} min** on two idle cores and "
        f"**{memory:,.0f} MB** of memory for the features of the pixels. A busy machine takes longer."
    )


def _painted_images(count: int) -> str:
    """Return "one painted image", "2 painted images"."""
    return "one painted image" if count == 1 else f"{count} painted images"


@show_errors
def check_training(sheet: Sheet, kind: str, recipe: str, steps: int, own: ChosenGenerator | None) -> None:
    """Raise an error if no image is painted, or too many are. Arguments as of `adapt`."""
    painted_images(sheet)


def painted_images(sheet: Sheet) -> list[int]:
    """Return the indices of the painted images of a sheet.

    Raises:
        ValueError: If there are none, or more than MOST_PAINTED.
    """
    if not sheet.labelled:
        raise ValueError("expected a painted image, got none; paint at least one in step 1, or load the example")
    if len(sheet.labelled) > MOST_PAINTED:
        raise ValueError(f"expected 1 to {MOST_PAINTED} painted images, got {len(sheet.labelled)}; clear the others")
    return sheet.labelled


@show_errors
def adapt(
    sheet: Sheet,
    kind: str,
    recipe: str,
    steps: int,
    own: ChosenGenerator | None = None,
    bar: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds the progress bar by this default
) -> tuple[Any, ...]:
    """Train a model on the painted images. Images without paint become support images.

    Args:
        sheet: The visitor's images.
        kind: CROP or PHOTO.
        recipe: TUNED or AS_IT_IS.
        steps: Number of steps of each stage. Not used for AS_IT_IS.
        own: The visitor's generator, or None for the embedded one.
        bar: Progress bar, set by gradio.

    Returns:
        The model with its generator, a sentence, and the file of the model.
    """
    painted, labels = painted_images(sheet), cast(PartLabels, sheet.labels)
    generator = own or embedded_generator()
    options: dict[str, Any] = {**generator.files, **({"steps": int(steps)} if recipe == TUNED else {})}
    others = [image for i, image in enumerate(sheet.images) if i not in painted]
    if others and recipe == TUNED:
        options["support_images"] = others
    bar(0.0, desc="Computing the latent codes of your images. The first step comes after that")
    model = facekit.adapt(
        [sheet.images[i] for i in painted],
        [labels.masks[i] for i in painted],
        "segmentation",
        "pftgan",
        names=labels.names,
        recipe=RECIPES[recipe],
        align=ALIGN[kind],
        progress=progress_reporter(bar, "one_shot_adapt"),
        **options,
    )
    model.save(target := new_file("parts.facekit"))
    support = f" and {len(others)} without paint" if "support_images" in options else ""
    text = (
        f"**Done** in {model.about['seconds']:.0f} s: your model was trained on {_painted_images(len(painted))}"
        f"{support}. Try it in step 3."
    )
    return OneShotModel(model, generator.backbone), text, gr.DownloadButton(value=str(target), interactive=True)
