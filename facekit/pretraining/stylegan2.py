"""StyleGAN2, the generator that PFTGAN stands on."""

from __future__ import annotations

import dataclasses
import json

import torch
from torch import Tensor

from ..backbones.pftgan.inversion import InversionEncoder, InversionSize
from ..backbones.pftgan.perceptual import perceptual
from ..backbones.pftgan.pretraining import Pretraining
from ..backbones.pftgan.reconstructing import Reconstructing
from ..backbones.pftgan.stylegan2 import GeneratorSize
from ..recipes import overridden
from ..recipes import pftgan as recipes
from .pools import pool_of
from .run import Request, Run, chosen_preset

RECIPES = {"mini": recipes.PRETRAIN_MINI, "256": recipes.PRETRAIN_256, "1024": recipes.PRETRAIN_1024}
SIZES = {
    "mini": GeneratorSize(64, 128, 128, 2048, 128, 4),
    "256": GeneratorSize(256, channel_base=16384),
    "1024": GeneratorSize(1024),
}


def prepare(asked: Request) -> Run:
    preset = chosen_preset(asked.preset, RECIPES)
    recipe, size = overridden(RECIPES[preset], asked.overrides, "pretrain()"), SIZES[preset]
    if asked.weights is not None:
        raise ValueError(f"weights={str(asked.weights)!r}: a generator is trained from noise; resume by its checkpoint")
    asked.processes.part(recipe.batch_size)
    total = asked.steps if asked.steps is not None else recipe.steps
    faces = pool_of(asked, size.resolution, portraits=True)
    beside = None
    about = {"preset": preset, "faces": json.dumps(faces.sources)}
    if recipe.reconstructed:
        own = InversionSize(size.resolution, size.codes, size.w_dim)
        torch.manual_seed(asked.seed)
        encoder = InversionEncoder(own)
        beside = Reconstructing(encoder, perceptual(), recipes.INVERSION_BESIDE, asked.device, asked.processes)
        about["encoder"] = json.dumps(dataclasses.asdict(own))
    program = Pretraining(faces, size, recipe, total, asked.device, asked.seed, asked.processes, beside)

    def tensors() -> dict[str, Tensor]:
        kept = program.critic.state_dict() if recipe.keep_critic else {}
        critic = {f"discriminator.{k}": v for k, v in kept.items()}
        encoder = {} if beside is None else {f"encoder.{k}": v for k, v in beside.mean.state_dict().items()}
        return {**program.mean.state_dict(), **encoder, **critic}

    return Run(program, total, tensors, about, {"pictures": recipe.batch_size})
