"""`facekit.pretrain`, in one process or, started by torchrun or accelerate launch, in several."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from typing_extensions import override

from ..backbones.registry import pretrainings
from ..core.arguments import check_choice, check_count, check_name, check_path, check_progress, check_seed
from ..core.atomic_file import whole_file
from ..core.device import pick_device
from ..core.global_state import default_settings, seeded_random
from ..core.output_paths import check_checkpoint, check_output
from ..core.rescue import save_or_rescue
from ..model import find_backbone
from ..training.distributed import join, local_device
from ..training.loop import Hook, Progress, check_finite, train
from ..training.pretraining_run import Request, Run


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
    """Pre-train a backbone and write its weights.

    Several processes (torchrun, accelerate launch) share each batch. Checkpoint, ``out`` and pool must then be on a
    disk that all of them can read. The first process writes.

    Args:
        backbone: "fsma", "farl", "tokenizer" (FaRL's visual tokens), "stylegan2" (PFTGAN's generator) or "inversion"
            (the encoder to the latent codes of the generator in ``weights``).
        images: One or more of: a folder of face crops; a folder of images with ``boxes.csv`` (columns image, x0, y0,
            x1, y1); "celebahq128", "lfw128" or "300w" (in FACEKIT_DATA), also with ":COUNT"; "generated:COUNT".
            For "farl" shards of image-text pairs, or folders of them, from `facekit shard`.
        preset: "mini" (the size of the embedded weights, default), or the paper's sizes: "128" and "256" for fsma,
            "base" for farl, "256" and "1024" for stylegan2.
        out: The .safetensors file, in half precision. A card (.json) of data, steps and throughput is next to it.
        steps: Number of steps. None is the preset's.
        until: Stop after this step. The same call without it resumes.
        checkpoint: File of the checkpoint, by default next to ``out``. An interrupted training resumes from it exactly.
        save_every: Seconds between two checkpoints.
        weights: None (random), "embedded", or a file to go on from. fsma of 128 px grows into preset "256".
        pool: Folder of decoded crops, by default FACEKIT_HOME/pools.
        device: Where to train. None is the best available device, one per process.
        seed: Seed of all random numbers.
        progress: True for a bar, False for none, or a function (steps done, steps, losses).
        **recipe_overrides: Fields of the configuration. ``batch_size`` is that of all processes together.

    Returns:
        The last losses by name.

    Raises:
        ValueError: If a name is unknown, weights do not fit, or the batch does not divide by the processes.
        FileNotFoundError: If data are missing.

    Example:
        >>> facekit.pretrain("fsma", "faces/", preset="mini", out="fsma.safetensors")
    """
    check_name(backbone, "backbone")
    owners = pretrainings()
    check_choice(backbone, "backbone", owners)
    check_path(out, "out")
    check_progress(progress)
    seed, steps, until = check_seed(seed), check_count(steps, "steps"), check_count(until, "until")
    for argument, path in (("weights", weights), ("pool", pool)):
        if path is not None:
            check_path(path, argument)
    if preset is not None:
        check_name(preset, "preset")
    if isinstance(save_every, bool) or not isinstance(save_every, (int, float)) or not save_every >= 0:
        raise ValueError(f"save_every={save_every!r}: expected seconds, 0 or more; pass a number")
    target = check_output(out, (".safetensors",))
    checkpoint_path = check_checkpoint(target.with_suffix(".checkpoint.pt") if checkpoint is None else checkpoint)
    sources = [images] if isinstance(images, (str, os.PathLike)) else _sources(images)
    target_device = pick_device(local_device(device))
    with join(target_device) as processes:
        request = Request(
            [os.fspath(i) for i in sources],
            preset,
            steps,
            weights,
            pool,
            target_device,
            seed,
            progress is True and processes.first,
            processes,
            recipe_overrides,
        )
        with seeded_random(seed):
            run = find_backbone(owners[backbone]).pretraining(backbone, request)
        timer = StepTimer()
        losses = train(
            run.program,
            min(run.steps, until or run.steps),
            checkpoint=checkpoint_path,
            save_every=save_every,
            progress=progress,
            name=f"pretraining {backbone}",
            processes=processes,
            hooks=[timer],
            # Settings may be changed on the way, such as lr.
            identity={"seed": str(seed), **{name: value for name, value in run.about.items() if name != "recipe"}},
        )
        with processes.first_before_others():
            if processes.first:
                about = {"backbone": backbone, "steps": str(run.steps), "seed": str(seed), **run.about}
                save_or_rescue(lambda path: _write(run, path, about), target, checkpoint_path)
                _write_card(run, target, about, timer, target_device, processes.count)
    return losses


def _sources(images: Any) -> list[Any]:
    """Return the sources as a list. Raise TypeError for anything but paths and names."""
    listed = list(images) if isinstance(images, Iterable) else [images]
    wrong = next((item for item in listed if not isinstance(item, (str, os.PathLike))), None)
    if wrong is not None or not listed:
        raise TypeError(
            "images: expected folders or names such as 'generated:1000', got "
            f"{type(wrong).__name__ if listed else 'an empty list'}; pass paths, not pixels"
        )
    return listed


class StepTimer(Hook):
    """Count steps and the seconds that they take."""

    def __init__(self) -> None:
        """Start at zero."""
        self.steps, self.seconds, self._started = 0, 0.0, 0.0

    @override
    def before_step(self, index: int) -> None:
        self._started = time.monotonic()

    @override
    def after_step(self, index: int, losses: dict[str, float]) -> None:
        self.steps, self.seconds = self.steps + 1, self.seconds + time.monotonic() - self._started


def _write(run: Run, target: Path, about: dict[str, str]) -> None:
    """Write the weights in half precision."""
    state = {k: v.detach().cpu().contiguous() for k, v in run.tensors().items()}
    halves = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    check_finite(halves, "in half precision, after the last step")
    with whole_file(target) as temporary:
        temporary.write_bytes(save(halves, about))


def _write_card(
    run: Run, target: Path, about: dict[str, str], timer: StepTimer, device: torch.device, count: int
) -> None:
    """Write data, steps and the throughput of this call."""
    totals = {f"{name} in all": run.steps * n for name, n in run.per_step.items()}
    rates = {
        f"{name} a second": round(timer.steps * n / max(timer.seconds, 1e-9), 2) for name, n in run.per_step.items()
    }
    device_name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{os.cpu_count()} CPU cores"
    card = {
        **about,
        **totals,
        **(rates if timer.steps else {}),
        "seconds of this call": round(timer.seconds, 1),
        "steps of this call": timer.steps,
        "processes": count,
        "device": device_name,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    with whole_file(target.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(card, indent=1))
