"""FaRL's pre-training on image-text pairs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from torch import Tensor

from ...data.image_text import PairBatches, PairPool, View
from ...training.config_overrides import overridden
from ...training.pretraining_run import Request, Run, chosen_preset
from ..base import WeightFiles
from . import config as recipes
from .image_text_model import new_pair, read_pair, to_clip
from .masked_image_model import MOST_MASKED
from .pretraining import Pretraining
from .tokenizer import load_tokens

RECIPES = {"mini": recipes.PRETRAIN_MINI, "base": recipes.PRETRAIN_BASE}


def prepare(asked: Request, files: WeightFiles) -> Run:
    """asked.images: shards that `facekit shard` wrote. asked.overrides: fields of `recipes.FaRLPretraining`."""
    preset = chosen_preset(asked.preset, RECIPES)
    recipe = overridden(RECIPES[preset], asked.overrides, "pretrain()")
    total = asked.steps if asked.steps is not None else recipe.steps
    if asked.weights is None:
        pair = new_pair(preset, asked.seed)
    else:
        pair = read_pair(files.embedded("farl") if asked.weights == "embedded" else asked.weights)
        if pair.text is None:
            raise ValueError(f"weights={str(asked.weights)!r} hold no text tower, but texts are what is learned from")
    with asked.processes.first_before_others():
        pairs = PairPool(asked.images)
    size = pair.image.size
    input_size = recipe.input_size or size.input_size
    if input_size % size.patch:
        raise ValueError(f"input_size={input_size}: expected a multiple of the patch size, {size.patch} px")
    batches = PairBatches(
        pairs, asked.seed, recipe.batch_size, asked.processes.part(recipe.batch_size),
        View(input_size, align=recipe.align, noise=recipe.noise),
    )  # fmt: skip
    tokens = (
        load_tokens(files.embedded("tokenizer") if recipe.tokenizer == "embedded" else recipe.tokenizer)
        if recipe.mim
        else None
    )
    program = Pretraining(pair, batches, tokens, recipe, total, asked.device, asked.seed, asked.processes)
    about = {
        "preset": preset, "pairs": str(len(pairs)), "shards": json.dumps([Path(i).name for i in asked.images]),
        "recipe": json.dumps(dataclasses.asdict(recipe)), "heads_image": str(size.heads),
        "heads_text": str(pair.text.size.heads) if pair.text else "",
    }  # fmt: skip
    if asked.weights is not None:
        about["started_from"] = Path(asked.weights).name

    def tensors() -> dict[str, Tensor]:
        return to_clip(pair)

    patches = (input_size // size.patch) ** 2
    passes = 2 if recipe.mim else 1
    per_step = {
        "pairs": recipe.batch_size, "patch tokens": recipe.batch_size * passes * (1 + patches),
        "masked patches, at most": int(MOST_MASKED * patches) * recipe.batch_size if recipe.mim else 0,
    }  # fmt: skip
    return Run(program, total, tensors, about, per_step)
