"""Prepare the unsupervised stage of FSMA for `facekit.pretrain`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ...data.face_pool import plain_views
from ...training.config_overrides import overridden
from ...training.pretraining_run import Request, Run, chosen_preset, pool_of
from . import config as recipes
from .autoencoder import PRESETS
from .growth import IMAGES, grow
from .pretraining import Pretraining

if TYPE_CHECKING:
    from .backbone import FSMA

RECIPES = {"mini": recipes.PRETRAIN_MINI, "128": recipes.PRETRAIN_128, "256": recipes.PRETRAIN_256}


def prepare(request: Request, backbone: FSMA) -> Run:
    """Build the program of the unsupervised stage.

    Args:
        request: Arguments of `facekit.pretrain`.
        backbone: The backbone, which loads weights to go on from.
    """
    preset = chosen_preset(request.preset, RECIPES)
    recipe = overridden(RECIPES[preset], request.overrides, "pretrain()")
    request.processes.part(recipe.batch_size)
    size, known = PRESETS[preset], None
    if request.weights is not None:
        known = backbone.load(request.weights)
        size = dataclasses.replace(size, width=known.size.width, z_dim=known.size.z_dim)
        if known.size.input_size > size.input_size:
            raise ValueError(f"weights of {known.size.input_size} px do not shrink: pass preset='256'")
    total = request.steps if request.steps is not None else recipe.steps
    faces = pool_of(request, size.input_size)
    if known is not None and known.size != size:
        known = grow(known, size, plain_views(faces, IMAGES, size.input_size))
    program = Pretraining(faces, size, recipe, total, request.device, request.seed, known, request.processes)
    about = {"preset": preset, "faces": json.dumps(faces.sources)}
    if request.weights is not None:
        program.discriminator.load_state_dict(backbone.discriminator(request.weights, request.seed)[1].state_dict())
        about["started_from"] = Path(request.weights).name

    def tensors() -> dict[str, Tensor]:
        # Names of 3FabRec: Q and P of the auto-encoder, D of the discriminator. Adversarial tasks go on with D.
        return {**program.net.state_dict(), **{f"D.{k}": v for k, v in program.discriminator.state_dict().items()}}

    return Run(program, total, tensors, about, {"images": recipe.batch_size})
