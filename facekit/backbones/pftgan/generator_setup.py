"""Set up the pre-training of StyleGAN2, the generator of PFTGAN."""

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
from .generator_files import generator_of, generator_path, own_inversion, pair_tensors, read_generator
from .generator_growth import grown_encoder, grown_generator
from .generator_training import Pretraining
from .inversion_encoder import InversionEncoder, InversionSize
from .inversion_training import check_fitted, pool_distribution
from .joint_inversion import JointInversion
from .perceptual_distance import perceptual
from .stylegan2 import Generator, GeneratorSize

RECIPES = {"mini": recipes.PRETRAIN_MINI, "256": recipes.PRETRAIN_256, "1024": recipes.PRETRAIN_1024}
SIZES = {
    "mini": GeneratorSize(64, 128, 128, 2048, 128, 4),
    "256": GeneratorSize(256, channel_base=16384),
    "1024": GeneratorSize(1024),
}


def prepare(request: Request, files: WeightFiles) -> Run:
    """Build the pre-training that `facekit.pretrain` runs.

    Args:
        request: The arguments of `facekit.pretrain`.
        files: Access to embedded weights and ready networks.

    Returns:
        The training and the tensors to save.

    Raises:
        FileNotFoundError: If a file or a source of images does not exist.
        ValueError: If an argument is out of range, or a file has no generator.
    """
    preset = chosen_preset(request.preset, RECIPES)
    recipe, size = overridden(RECIPES[preset], request.overrides, "pretrain()"), SIZES[preset]
    if recipe.discriminate_reconstructions and not recipe.reconstructed:
        raise ValueError(
            "discriminate_reconstructions=True: expected reconstructed images, got reconstructed=0; pass "
            "reconstructed=16"
        )
    start = None
    if request.weights is not None:
        start = _read_start(request.weights, files, recipe.resolution)
        size = start.generator.size
    elif recipe.resolution is not None:
        size = dataclasses.replace(size, resolution=recipe.resolution)
    request.processes.part(recipe.batch_size)
    total = request.steps if request.steps is not None else recipe.steps
    faces = pool_of(request, size.resolution, portraits=True)
    joint = None
    about = {"preset": preset, "faces": json.dumps(faces.sources)}
    if recipe.reconstructed:
        check_fitted(recipe.fitted_codes, faces)
        torch.manual_seed(request.seed)
        encoder = InversionEncoder(InversionSize(size.resolution, size.codes, size.w_dim))
        if start is not None and start.encoder is not None:
            encoder = grown_encoder(start.encoder, size.codes)
        joint = JointInversion(encoder, perceptual(), recipes.INVERSION_JOINT, request.device, request.processes)
        about["encoder"] = json.dumps(dataclasses.asdict(encoder.size))
    parser = files.ready_network("segmentation").folded() if recipe.projected else None
    program = Pretraining(faces, size, recipe, total, request.device, request.seed, request.processes, joint, parser)
    if start is not None:
        for generator in (program.generator, program.mean):
            generator.load_state_dict(start.generator.state_dict())
        if start.discriminator is not None and not recipe.projected:
            own = program.discriminator.state_dict()  # Released files also have the filters.
            program.discriminator.load_state_dict(
                {name: start.discriminator.get(name, value) for name, value in own.items()}
            )

    def tensors() -> dict[str, Tensor]:
        """Return the tensors to save."""
        kept = program.discriminator.state_dict() if recipe.keep_discriminator and not recipe.projected else {}
        discriminator = {f"discriminator.{k}": v for k, v in kept.items()}
        if joint is None:
            return {**program.mean.state_dict(), **discriminator}
        fitted = pool_distribution(joint.mean, faces, recipe.fitted_codes, size, request.device)
        return {**pair_tensors(program.mean, joint.mean, fitted), **discriminator}

    return Run(program, total, tensors, about, {"images": recipe.batch_size})


@dataclasses.dataclass(frozen=True)
class _Start:
    """Networks of a file that a training starts from."""

    generator: Generator
    encoder: InversionEncoder | None
    discriminator: dict[str, Tensor] | None


def _read_start(weights: str | os.PathLike[str], files: WeightFiles, resolution: int | None) -> _Start:
    """Read a generator's file of any kind, or the embedded one, and grow it. Raise the errors of `load_generator`."""
    path = generator_path(weights, files)
    found = read_generator(path)
    generator = generator_of(found, path)
    grown = grown_generator(generator, generator.size.resolution if resolution is None else resolution)
    return _Start(grown, own_inversion(path), found.discriminator)
