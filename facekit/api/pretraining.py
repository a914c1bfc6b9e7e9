"""Pre-training of backbones: `facekit.pretrain(...)` and `facekit pretrain ...`.

In one process or, started by torchrun or accelerate launch, in several (see `facekit.training.distributed`).
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from ..core.arguments import check_checkpoint, check_count, check_name, check_path, check_progress, check_seed
from ..core.atomic_file import whole_file
from ..core.device import pick_device
from ..core.global_state import default_settings, seeded_random
from ..core.output_paths import check_output
from ..core.rescue import save_or_rescue
from ..training.distributed import join, local_device
from ..training.loop import Program, Progress, check_finite, train
from ..training.pretraining_run import Request, Run

# What can be trained, and the module that prepares it.
KINDS = {
    "fsma": "fsma.pretraining_setup",
    "farl": "farl.pretraining_setup",
    "tokenizer": "farl.tokenizer_setup",
    "stylegan2": "pftgan.generator_setup",
    "inversion": "pftgan.inversion_setup",
}


@default_settings()
def pretrain(
    backbone: str,
    images: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    preset: str | None = None,
    out: str | os.PathLike[str],
    steps: int | None = None,
    until: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    save_every: float = 120.0,
    weights: str | os.PathLike[str] | None = None,
    pool: str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    seed: int = 0,
    progress: Progress = True,
    **recipe_overrides: Any,
) -> dict[str, float]:
    """Train a backbone from its beginning and write its weights; returns the last losses.

    backbone: "fsma", "tokenizer" (FaRL's visual tokens), "stylegan2" (a generator) and "inversion" (the encoder to the
    codes of the generator in `weights`) learn from unlabelled faces, "farl" from image-text pairs.
    images: for the former one or more of: a folder of face crops, "celebahq128" (tar shards under FACEKIT_DATA;
    "celebahq128:COUNT" for the first ones), "generated:COUNT"; for "farl" shards, or folders of them, that
    `facekit shard` wrote.
    preset: "mini" (the embedded weights' size, the default); the papers' sizes and schedules are fsma's "128" and
    "256", farl's "base", stylegan2's "256" and "1024". out: a .safetensors file (half precision); beside it a card
    (.json) of data, steps and throughput.
    checkpoint: default beside `out`, written every `save_every` seconds; a killed run resumes from it exactly. until:
    stop after so many of the steps and resume later with the same call.
    weights: None (from noise), or what to go on from: "embedded" or a file. An auto-encoder's width is taken over; one
    of 128 px grows into preset "256", as FSMA's does. pool: folder for decoded crops, default FACEKIT_HOME/pools.
    Several processes share each batch, `batch_size` is that of all together; device: None or "cuda" gives each process
    a device of its own. Checkpoint, `out` and pool must be on a disk that all see; the first process writes them.
    Other keywords are fields of the recipe (`facekit.recipes`). Raises ValueError for an unknown name, for weights that
    do not fit and for a batch that does not divide by the processes; FileNotFoundError for data that is not there.
    """
    check_name(backbone, "backbone")
    if backbone not in KINDS:
        raise ValueError(f"backbone={backbone!r}: expected one of {', '.join(map(repr, KINDS))}")
    check_path(out, "out")
    check_progress(progress)
    check_checkpoint(checkpoint)
    seed, steps, until = check_seed(seed), check_count(steps, "steps"), check_count(until, "until")
    for argument, path in (("weights", weights), ("pool", pool)):
        if path is not None:
            check_path(path, argument)
    if preset is not None:
        check_name(preset, "preset")
    if isinstance(save_every, bool) or not isinstance(save_every, (int, float)) or not save_every >= 0:
        raise ValueError(f"save_every={save_every!r}: expected seconds, 0 or more; pass a number")
    target = check_output(out, (".safetensors",))
    kept = check_output(checkpoint if checkpoint is not None else target.with_suffix(".checkpoint.pt"))
    listed = [images] if isinstance(images, (str, os.PathLike)) else _sources(images)
    chosen = pick_device(local_device(device))
    with join(chosen) as processes:
        asked = Request(
            [os.fspath(i) for i in listed], preset, steps, weights, pool, chosen, seed,
            progress is True and processes.first, processes, recipe_overrides,
        )  # fmt: skip
        preparing = importlib.import_module(f"..backbones.{KINDS[backbone]}", __package__)
        with seeded_random(seed):
            run = preparing.prepare(asked)
        timed = _Timed(run.program)
        losses = train(
            timed,
            min(run.steps, until or run.steps),
            checkpoint=kept,
            save_every=save_every,
            progress=progress,
            name=f"pretraining {backbone}",
            processes=processes,
        )
        with processes.first_before_others():
            if processes.first:
                about = {"backbone": backbone, "steps": str(run.steps), "seed": str(seed), **run.about}
                save_or_rescue(lambda path: _write(run, path, about), target, kept)
                _write_card(run, target, about, timed, chosen, processes.count)
    return losses


def _sources(images: Any) -> list[Any]:
    """The sources one by one. Raises TypeError for anything but paths and names: pixels are not taken here."""
    listed = list(images) if isinstance(images, Iterable) else [images]
    wrong = next((item for item in listed if not isinstance(item, (str, os.PathLike))), None)
    if wrong is not None or not listed:
        raise TypeError(
            f"images: {type(wrong).__name__ if listed else 'an empty list'} came, expected folders or names such as "
            "'generated:1000'; pass paths, not pixels"
        )
    return listed


class _Timed:
    """A program that counts its steps and their seconds."""

    def __init__(self, program: Program):
        self.program, self.steps, self.seconds = program, 0, 0.0
        self.state_dict, self.load_state_dict = program.state_dict, program.load_state_dict

    def step(self, index: int) -> dict[str, float]:
        started = time.monotonic()
        losses = self.program.step(index)
        self.steps, self.seconds = self.steps + 1, self.seconds + time.monotonic() - started
        return losses


def _write(run: Run, target: Path, about: dict[str, str]) -> None:
    state = {k: v.detach().cpu().contiguous() for k, v in run.tensors().items()}
    halves = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    check_finite(halves, "in half precision, after the last step")
    with whole_file(target) as temporary:
        temporary.write_bytes(save(halves, about))


def _write_card(run: Run, target: Path, about: dict[str, str], timed: _Timed, device: torch.device, count: int) -> None:
    """Data, steps, what was worked through, and how fast in the part of the run that this call made."""
    done = {f"{name} in all": run.steps * n for name, n in run.per_step.items()}
    rate = {
        f"{name} a second": round(timed.steps * n / max(timed.seconds, 1e-9), 2) for name, n in run.per_step.items()
    }
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{os.cpu_count()} CPU cores"
    card = {
        **about, **done, **(rate if timed.steps else {}), "seconds of this call": round(timed.seconds, 1),
        "steps of this call": timed.steps, "processes": count, "device": where, "torch": torch.__version__,
        "python": platform.python_version(),
    }  # fmt: skip
    with whole_file(target.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(card, indent=1))
