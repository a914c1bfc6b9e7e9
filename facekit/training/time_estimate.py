"""Estimate how long an adaptation takes before it starts."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable

import torch
from tqdm.auto import tqdm

from .finetune import FineTuning
from .loop import Program, Progress
from .sequence import StagedProgram

log = logging.getLogger("facekit")

# Images that are timed, and how often. Other programs make single runs slow, so the fastest counts.
_TIMED, RUNS = 2, 4
# Forward and backward pass take about this many times as long as the forward pass alone.
STEP = 3.0
# Shorter trainings are not announced, s.
_WORTH_SAYING = 60.0


@torch.no_grad()
def estimate_seconds(program: FineTuning) -> float:
    """Estimate the duration of a training from the forward passes of two images.

    Augmentation and discriminators are left out. The network, its random numbers and its caches stay as they are.

    Args:
        program: The training. Nothing of it was run.

    Returns:
        Seconds for all frozen features and all steps.
    """
    network, config = program.network.eval(), program.config
    side = network.input_size
    images = torch.full((_TIMED, 3, side, side), 0.5, device=program.device)
    features: list[torch.Tensor] = []

    def frozen_pass() -> None:
        with program.frozen_autocast:
            features[:] = network.frozen_features(images)

    def trained_pass() -> None:
        with program.autocast:
            network.from_features([f.float() for f in features])

    frozen, trained = (fastest_seconds(run, program.device) / _TIMED for run in (frozen_pass, trained_pass))
    per_step = program.copies * min(config.batch_size, program.views.count)
    views = program.views.count if config.cache else per_step * config.steps
    return frozen * views * network.frozen + STEP * trained * per_step * config.steps


def fastest_seconds(run: Callable[[], object], device: torch.device) -> float:
    """Run something several times and return the seconds of the fastest run."""
    best = math.inf
    for _ in range(RUNS):
        started = _now(device)
        run()
        best = min(best, _now(device) - started)
    return best


def announce_time(program: Program, name: str, progress: Progress) -> None:
    """Say how long a training will take at least, if that can be estimated and is more than a minute.

    Estimates leave out what cannot be timed before: augmentation, discriminators, and pixel classifiers, which stop
    early. With a progress bar the text is written above it, else it is logged.

    Args:
        program: The training. Nothing of it was run.
        name: What is done, such as "adapting landmarks".
        progress: As for `facekit.training.loop.train`.
    """
    if isinstance(program, FineTuning):
        seconds = estimate_seconds(program)
    elif isinstance(program, StagedProgram) and program.estimate is not None:
        seconds = program.estimate()
    else:
        return
    if seconds < _WORTH_SAYING:
        return
    minutes = seconds / 60
    number, unit = (round(minutes), "minute") if minutes < 100 else (round(minutes / 60), "hour")
    text = f"{name}: at least {number} {unit}{'' if number == 1 else 's'}; fewer steps=, or fewer views=, take less"
    if progress is True:
        tqdm.write(text, file=sys.stderr)
    else:
        log.info(text)


def _now(device: torch.device) -> float:
    """Return the time in seconds after all work of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
