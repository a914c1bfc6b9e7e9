"""Prepare the training of the visual tokenizer for `facekit.pretrain`."""

from __future__ import annotations

import json

from ...training.config_overrides import overridden
from ...training.pretraining_run import Request, Run, chosen_preset, pool_of
from .config import TOKENIZER
from .tokenizer_training import SIDE, TokenizerProgram


def prepare(request: Request) -> Run:
    """Build the program for the arguments of `facekit.pretrain`."""
    preset = chosen_preset(request.preset, {"mini": TOKENIZER})
    recipe = overridden(TOKENIZER, request.overrides, "pretrain()")
    if request.weights is not None:
        raise ValueError("the tokenizer is trained from random weights: leave weights out")
    if request.processes.count > 1:
        raise ValueError("the tokenizer is trained in one process, for minutes: start it without a launcher")
    total = request.steps if request.steps is not None else recipe.steps
    faces = pool_of(request, SIDE)
    program = TokenizerProgram(faces, recipe, total, request.device, request.seed)
    about = {"preset": preset, "faces": json.dumps(faces.sources)}
    return Run(program, total, program.net.state_dict, about, {"images": recipe.batch_size})
