"""The encoder from images to a generator's codes, which PFTGAN looks through."""

from __future__ import annotations

import dataclasses
import json

from torch import Tensor

from ...training.config_overrides import overridden
from ...training.pretraining_run import Request, Run, chosen_preset, pool_of
from . import config as recipes
from . import generator_files as pftgan
from .inversion_encoder import InversionEncoder, InversionSize
from .inversion_training import Inverting
from .perceptual_distance import perceptual

RECIPES = {"mini": recipes.INVERSION_MINI}


def prepare(asked: Request) -> Run:
    preset = chosen_preset(asked.preset, RECIPES)
    recipe = overridden(RECIPES[preset], asked.overrides, "pretrain()")
    asked.processes.part(recipe.batch_size)
    if asked.weights is None:
        raise ValueError("weights=None: expected the generator's file, whose codes the encoder is to find")
    generator = pftgan.load_generator(asked.weights)
    size = InversionSize(generator.size.resolution, generator.size.codes, generator.size.w_dim)
    encoder = InversionEncoder(size, generator.mapping.w_avg)
    total = asked.steps if asked.steps is not None else recipe.steps
    faces = pool_of(asked, size.input_size, portraits=True)
    distance = perceptual()
    program = Inverting(
        faces, generator, encoder, distance, recipe, total, asked.device, asked.seed, asked.processes
    )  # fmt: skip

    def tensors() -> dict[str, Tensor]:
        return program.encoder.state_dict()

    about = {"preset": preset, "faces": json.dumps(faces.sources), "size": json.dumps(dataclasses.asdict(size))}
    return Run(program, total, tensors, about, {"pictures": recipe.batch_size})
