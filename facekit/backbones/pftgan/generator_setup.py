"""StyleGAN2, the generator that PFTGAN stands on."""

from __future__ import annotations

import dataclasses
import json
import os

import torch
from torch import Tensor

from ...training.config_overrides import overridden
from ...training.pretraining_run import Request, Run, chosen_preset, pool_of
from ..base import WeightFiles
from . import config as recipes
from .generator_files import generator_of, own_inversion, read_generator
from .generator_training import Pretraining
from .inversion_encoder import InversionEncoder, InversionSize
from .joint_inversion import Reconstructing
from .perceptual_distance import perceptual
from .stylegan2 import Generator, GeneratorSize

RECIPES = {"mini": recipes.PRETRAIN_MINI, "256": recipes.PRETRAIN_256, "1024": recipes.PRETRAIN_1024}
SIZES = {
    "mini": GeneratorSize(64, 128, 128, 2048, 128, 4),
    "256": GeneratorSize(256, channel_base=16384),
    "1024": GeneratorSize(1024),
}


def prepare(asked: Request, files: WeightFiles) -> Run:
    preset = chosen_preset(asked.preset, RECIPES)
    recipe, size = overridden(RECIPES[preset], asked.overrides, "pretrain()"), SIZES[preset]
    if recipe.judged_again and not recipe.reconstructed:
        raise ValueError("judged_again=True came with reconstructed=0: nothing is shown again; pass reconstructed=16")
    known = None
    if asked.weights is not None:
        known = _known(asked.weights, files)
        size = known.generator.size
    asked.processes.part(recipe.batch_size)
    total = asked.steps if asked.steps is not None else recipe.steps
    faces = pool_of(asked, size.resolution, portraits=True)
    beside = None
    about = {"preset": preset, "faces": json.dumps(faces.sources)}
    if recipe.reconstructed:
        torch.manual_seed(asked.seed)
        encoder = InversionEncoder(InversionSize(size.resolution, size.codes, size.w_dim))
        if known is not None and known.encoder is not None:
            encoder = known.encoder
        beside = Reconstructing(encoder, perceptual(), recipes.INVERSION_BESIDE, asked.device, asked.processes)
        about["encoder"] = json.dumps(dataclasses.asdict(encoder.size))
    parser = files.ready_network("segmentation").folded() if recipe.projected else None
    program = Pretraining(faces, size, recipe, total, asked.device, asked.seed, asked.processes, beside, parser)
    if known is not None:
        for generator in (program.generator, program.mean):
            generator.load_state_dict(known.generator.state_dict())
        if known.discriminator is not None and not recipe.projected:
            own = program.discriminator.state_dict()  # released ones hold their filters, too
            program.discriminator.load_state_dict(
                {name: known.discriminator.get(name, value) for name, value in own.items()}
            )

    def tensors() -> dict[str, Tensor]:
        kept = program.discriminator.state_dict() if recipe.keep_discriminator and not recipe.projected else {}
        discriminator = {f"discriminator.{k}": v for k, v in kept.items()}
        encoder = {} if beside is None else {f"encoder.{k}": v for k, v in beside.mean.state_dict().items()}
        return {**program.mean.state_dict(), **encoder, **discriminator}

    return Run(program, total, tensors, about, {"pictures": recipe.batch_size})


@dataclasses.dataclass(frozen=True)
class _Known:
    """What a file holds that a training goes on from."""

    generator: Generator
    encoder: InversionEncoder | None
    discriminator: dict[str, Tensor] | None


def _known(weights: str | os.PathLike[str], files: WeightFiles) -> _Known:
    """weights: "embedded", or a generator's file of any kind. Raises as `load_generator`."""
    path = files.embedded("pftgan") if weights == "embedded" else weights
    found = read_generator(path)
    return _Known(generator_of(found, path), own_inversion(path), found.discriminator)
