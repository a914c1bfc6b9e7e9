"""FSMA's unsupervised stage."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ...data.face_pool import plain_views
from ...data.named_pools import pool_of
from ...training.config_overrides import overridden
from ...training.pretraining_run import Request, Run, chosen_preset
from . import config as recipes
from .autoencoder import PRESETS
from .growth import IMAGES, grow
from .pretraining import Pretraining

if TYPE_CHECKING:
    from .backbone import FSMA

RECIPES = {"mini": recipes.PRETRAIN_MINI, "128": recipes.PRETRAIN_128, "256": recipes.PRETRAIN_256}


def prepare(asked: Request, backbone: FSMA) -> Run:
    """Prepare the unsupervised stage for the arguments of `facekit.pretrain`."""
    preset = chosen_preset(asked.preset, RECIPES)
    recipe = overridden(RECIPES[preset], asked.overrides, "pretrain()")
    asked.processes.part(recipe.batch_size)
    size, known = PRESETS[preset], None
    if asked.weights is not None:
        known = backbone.load(asked.weights)
        size = dataclasses.replace(size, width=known.size.width, z_dim=known.size.z_dim)
        if known.size.input_size > size.input_size:
            raise ValueError(f"weights of {known.size.input_size} px do not shrink: pass preset='256'")
    total = asked.steps if asked.steps is not None else recipe.steps
    faces = pool_of(asked, size.input_size)
    if known is not None and known.size != size:
        known = grow(known, size, plain_views(faces, IMAGES, size.input_size))
    program = Pretraining(faces, size, recipe, total, asked.device, asked.seed, known, asked.processes)
    about = {"preset": preset, "faces": json.dumps(faces.sources)}
    if asked.weights is not None:
        program.discriminator.load_state_dict(backbone.discriminator(asked.weights, asked.seed)[1].state_dict())
        about["started_from"] = Path(asked.weights).name

    def tensors() -> dict[str, Tensor]:
        # 3FabRec's names: Q and P of the auto-encoder, D of the discriminator, with which adversarial tasks go on.
        return {**program.net.state_dict(), **{f"D.{k}": v for k, v in program.discriminator.state_dict().items()}}

    return Run(program, total, tensors, about, {"pictures": recipe.batch_size})
