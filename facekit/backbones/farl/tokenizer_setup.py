"""The visual tokenizer that FaRL's masked image modelling takes its targets from."""

from __future__ import annotations

import json

from ...training.config_overrides import overridden
from ...training.pretraining_run import Request, Run, chosen_preset, pool_of
from .config import TOKENIZER
from .tokenizer_training import SIDE, TokenizerProgram


def prepare(asked: Request) -> Run:
    preset = chosen_preset(asked.preset, {"mini": TOKENIZER})
    recipe = overridden(TOKENIZER, asked.overrides, "pretrain()")
    if asked.weights is not None:
        raise ValueError("the tokenizer is trained from random weights: leave weights out")
    if asked.processes.count > 1:
        raise ValueError("the tokenizer is trained in one process, for minutes: start it without a launcher")
    total = asked.steps if asked.steps is not None else recipe.steps
    faces = pool_of(asked, SIDE)
    program = TokenizerProgram(faces, recipe, total, asked.device, asked.seed)
    about = {"preset": preset, "faces": json.dumps(faces.sources)}
    return Run(program, total, program.net.state_dict, about, {"pictures": recipe.batch_size})
