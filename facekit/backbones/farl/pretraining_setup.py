"""Prepare the pre-training on image-text pairs for `facekit.pretrain`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from torch import Tensor

from ...data.image_text import PairBatches, PairPool, View
from ...training.config_overrides import overridden
from ...training.distributed import own_cores
from ...training.pretraining_run import Request, Run, chosen_preset
from ..base import WeightFiles
from . import config as recipes
from .image_text_model import new_pair, read_pair, to_clip
from .masked_image_model import MOST_MASKED
from .pretraining import Pretraining
from .tokenizer import load_tokens

RECIPES = {"mini": recipes.PRETRAIN_MINI, "base": recipes.PRETRAIN_BASE}


def prepare(request: Request, files: WeightFiles) -> Run:
    """Build the program.

    Args:
        request: Arguments of `facekit.pretrain`. Images are shards that `facekit shard` wrote; overrides are fields of
            `FaRLPretraining`.
        files: Access to embedded weights.
    """
    preset = chosen_preset(request.preset, RECIPES)
    recipe = overridden(RECIPES[preset], request.overrides, "pretrain()")
    total = request.steps if request.steps is not None else recipe.steps
    if request.weights is None:
        pair = new_pair(preset, request.seed)
    else:
        pair = read_pair(files.embedded("farl") if request.weights == "embedded" else request.weights)
        if pair.text is None:
            raise ValueError(
                f"weights={str(request.weights)!r} hold no text tower, expected both towers; pass other weights"
            )
    with request.processes.first_before_others():
        pairs = PairPool(request.images)
    size = pair.image.size
    input_size = recipe.input_size or size.input_size
    if input_size % size.patch:
        raise ValueError(f"input_size={input_size}: expected a multiple of the patch size, {size.patch} px")
    batches = PairBatches(
        pairs,
        request.seed,
        recipe.batch_size,
        request.processes.part(recipe.batch_size),
        View(input_size, align=recipe.align, noise=recipe.noise, mirror=recipe.mirror),
        workers=max(2, own_cores()),
    )
    tokens = (
        load_tokens(files.embedded("tokenizer") if recipe.tokenizer == "embedded" else recipe.tokenizer)
        if recipe.mim
        else None
    )
    program = Pretraining(pair, batches, tokens, recipe, total, request.device, request.seed, request.processes)
    about = {
        "preset": preset,
        "pairs": str(len(pairs)),
        "shards": json.dumps([Path(i).name for i in request.images]),
        "recipe": json.dumps(dataclasses.asdict(recipe)),
        "heads_image": str(size.heads),
        "heads_text": str(pair.text.size.heads) if pair.text else "",
    }
    if request.weights is not None:
        about["started_from"] = Path(request.weights).name

    def tensors() -> dict[str, Tensor]:
        return to_clip(pair)

    patches = (input_size // size.patch) ** 2
    passes = 2 if recipe.mim else 1
    per_step = {
        "pairs": recipe.batch_size,
        "patch tokens": recipe.batch_size * passes * (1 + patches),
        "masked patches, at most": int(MOST_MASKED * patches) * recipe.batch_size if recipe.mim else 0,
    }
    return Run(program, total, tensors, about, per_step)
