"""Time one step of FaRL's pre-training with other choices: number format, optimiser, memory layout, compiler.

    python -m benchmarks.speed.farl_choices [--preset mini] [--batch 64] [--steps 4] [--rounds 3]

The first row is what `facekit.pretrain` does. Each other row differs from it in one choice. The rows take turns, and
the smallest time of all rounds counts. On a CPU the times are seconds of the processor, summed over threads, so that
other work on the machine counts little; on a GPU they are seconds. Weights and images are random, because speed does
not depend on them. ``torch.compile`` needs a C++ compiler; its own time is printed.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import platform
import time
from collections.abc import Callable

import torch

from facekit.backbones.farl.config import PRETRAIN_BASE, PRETRAIN_MINI
from facekit.backbones.farl.image_text_model import PRESETS, new_pair
from facekit.backbones.farl.pretraining import Pretraining
from facekit.backbones.farl.tokenizer import VisualTokenizer
from facekit.core.device import pick_device

from .farl import Noise


def program(preset: str, batch: int, device: torch.device, **fields: bool) -> Pretraining:
    """Return a pre-training on random images, with other fields of the recipe."""
    recipe = {"mini": PRETRAIN_MINI, "base": PRETRAIN_BASE}[preset]
    recipe = dataclasses.replace(recipe, batch_size=batch, **fields)
    side = recipe.input_size or PRESETS[preset][0].input_size
    return Pretraining(new_pair(preset, 0), Noise(batch, side), VisualTokenizer(), recipe, 1000, device)


def with_optimiser(made: Pretraining, **options: bool) -> Pretraining:
    """Give a pre-training AdamW in another implementation."""
    groups = [{k: g[k] for k in ("params", "weight_decay")} for g in made.optimiser.param_groups]
    made.optimiser = torch.optim.AdamW(groups, lr=made.recipe.lr, betas=made.recipe.betas, **options)
    return made


def channels_last(made: Pretraining) -> Pretraining:
    """Store convolutions, those of the patches and of the tokenizer, with the channels last."""
    made.networks.to(memory_format=torch.channels_last)
    assert isinstance(made.tokens, torch.nn.Module)
    made.tokens.to(memory_format=torch.channels_last)
    return made


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="mini", choices=("mini", "base"))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    a = parser.parse_args()
    device = pick_device()
    clock = time.process_time if device.type == "cpu" else time.perf_counter

    new = functools.partial(program, a.preset, a.batch, device)

    choices: dict[str, Callable[[], Pretraining]] = {
        "as facekit.pretrain": new,
        "float32": functools.partial(new, bfloat16=False),
        "AdamW, one parameter at a time": lambda: with_optimiser(new(), foreach=False),
        "AdamW, foreach": lambda: with_optimiser(new(), foreach=True),
        "channels last": lambda: channels_last(new()),
        "torch.compile": functools.partial(new, compile=True),
    }
    programs, best = {}, {}
    for name, make in choices.items():
        started = time.perf_counter()
        programs[name] = make()
        programs[name].step(0)
        print(f"{name}: first step after {time.perf_counter() - started:.1f} s", flush=True)
    for turn in range(a.rounds):
        for name, made in programs.items():
            started = clock()
            for i in range(a.steps):
                made.step(1 + turn * a.steps + i)  # it ends with the losses as numbers, so nothing is left queued
            best[name] = min(best.get(name, float("inf")), (clock() - started) / a.steps)
    print(f"{a.preset}, batch {a.batch}, {device} ({platform.processor() or platform.machine()}), {torch.__version__}")
    for name, seconds in best.items():
        print(f"{name}: {seconds:.3f} s a step, {best['as facekit.pretrain'] / seconds:.2f} times as fast")


if __name__ == "__main__":
    main()
