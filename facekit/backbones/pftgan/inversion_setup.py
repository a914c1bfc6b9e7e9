"""Set up the pre-training of the inversion encoder, which maps images to codes of a generator."""

from __future__ import annotations

import dataclasses
import json

from torch import Tensor

from ...training.config_overrides import overridden
from ...training.pretraining_run import Request, Run, chosen_preset, pool_of
from ..base import WeightFiles
from . import config as recipes
from .generator_files import generator_path, load_generator, own_inversion, pair_tensors
from .inversion_encoder import InversionEncoder, InversionSize
from .inversion_training import Inverting, check_fitted, pool_distribution
from .perceptual_distance import perceptual

RECIPES = {"mini": recipes.INVERSION_MINI}


def prepare(request: Request, files: WeightFiles) -> Run:
    """Build the pre-training that `facekit.pretrain` runs.

    Args:
        request: The arguments of `facekit.pretrain`. ``weights`` is the generator's file, or "embedded".
        files: Access to embedded weights.

    Returns:
        The training and the tensors to save.

    Raises:
        FileNotFoundError: If a file or a source of images does not exist.
        ValueError: If an argument is out of range, or the file has no generator.
    """
    preset = chosen_preset(request.preset, RECIPES)
    recipe = overridden(RECIPES[preset], request.overrides, "pretrain()")
    request.processes.part(recipe.batch_size)
    if request.weights is None:
        raise ValueError(
            "weights=None: expected the file of the generator, whose codes the encoder learns; pass weights="
        )
    path = generator_path(request.weights, files)
    generator, encoder = load_generator(path), own_inversion(path)
    if encoder is None:
        size = InversionSize(generator.size.resolution, generator.size.codes, generator.size.w_dim)
        encoder = InversionEncoder(size, generator.mapping.w_avg)
    total = request.steps if request.steps is not None else recipe.steps
    faces = pool_of(request, generator.size.resolution, portraits=True)
    if recipe.keep_generator:
        check_fitted(recipe.fitted_codes, faces)
    distance = perceptual()
    program = Inverting(
        faces, generator, encoder, distance, recipe, total, request.device, request.seed, request.processes
    )

    def tensors() -> dict[str, Tensor]:
        """Return the tensors to save."""
        if not recipe.keep_generator:
            return program.encoder.state_dict()
        fitted = pool_distribution(program.encoder.eval(), faces, recipe.fitted_codes, generator.size, request.device)
        return pair_tensors(generator, program.encoder, fitted)

    name = "encoder" if recipe.keep_generator else "size"
    about = {"preset": preset, "faces": json.dumps(faces.sources), name: json.dumps(dataclasses.asdict(encoder.size))}
    return Run(program, total, tensors, about, {"images": recipe.batch_size})
