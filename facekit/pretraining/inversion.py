"""The encoder from pictures to a generator's codes, which PFTGAN looks through."""

from __future__ import annotations

import dataclasses
import json

from torch import Tensor

from ..backbones import pftgan
from ..backbones.pftgan.inversion import InversionEncoder, InversionSize
from ..backbones.pftgan.inverting import Inverting
from ..backbones.pftgan.perceptual import perceptual
from ..recipes import overridden
from ..recipes import pftgan as recipes
from .pools import pool_of
from .run import Request, Run, chosen_preset

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
