"""The one training loop: devices, progress, checkpoints, resume.

A `Program` knows one optimisation step; the loop knows everything around it. All randomness of step i derives from
(seed, i), so a run that was killed and resumed repeats exactly what an uninterrupted run does.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from tqdm.auto import tqdm

from .arguments import check_checkpoint, check_progress, shown
from .atomic import whole_file
from .loss_curve import LossCurve
from .outputs import check_output
from .processes import ALONE, Processes
from .weight_files import read_contents

log = logging.getLogger("facekit")


Progress = bool | Callable[[int, int, dict[str, float]], None]


class Program(Protocol):
    """What the loop trains."""

    def step(self, index: int) -> dict[str, float]:
        """Make optimisation step `index` (from 0); returns losses by name. Must take its randomness from (seed,
        index)."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on: weights, optimiser states, running averages. Of several processes
        all are asked at the same time, and the first one's answer counts."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Undo `state_dict`."""


@functools.lru_cache(maxsize=8)
def _announce(device: torch.device) -> None:
    log.info("facekit runs on %s", device)


def pick_device(device: str | torch.device | None = None) -> torch.device:
    """`device`, or with None the first there is of cuda, mps, cpu. Said once in the log."""
    if device is None:
        if torch.cuda.is_available():
            device = "cuda"
        elif torch.backends.mps.is_available():
            device = "mps"
        else:
            device = "cpu"
    chosen = _there(device)
    _announce(chosen)
    return chosen


def _there(device: str | torch.device) -> torch.device:
    """Check a device. Raises TypeError for another type, ValueError for one that this machine does not have."""
    if not isinstance(device, (str, torch.device)):
        raise TypeError(f"device={shown(device)} came: expected a str, a torch.device or None; pass 'cpu' or 'cuda'")
    there = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    there += ["mps"] * torch.backends.mps.is_available()
    try:
        chosen = torch.device(device)
    except RuntimeError:
        chosen = torch.device("meta")
    name = "cuda:0" if chosen == torch.device("cuda") else chosen.type if chosen.type != "cuda" else str(chosen)
    if name not in there:
        raise ValueError(
            f"device={str(device)!r}: expected one of {', '.join(map(repr, there))}, which this machine has; pass one, "
            "or None to choose"
        )
    return chosen


def autocast(device: torch.device, wanted: bool) -> torch.autocast:
    """Convolutions in bfloat16, if `wanted`, where the machine computes in it; on others emulation would be slower."""
    native = device.type == "cuda" and torch.cuda.is_bf16_supported()
    if device.type == "cpu":
        # There is no public question for this yet; a torch without the private one says no.
        asked = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
        # oneDNN's answer follows ONEDNN_MAX_CPU_ISA, the processor's does not; with these two oneDNN emulates.
        emulated = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in ("AVX512_CORE", "AVX512_CORE_VNNI")
        offered = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
        native = bool(asked()) and torch.backends.mkldnn.is_available() and bool(offered()) and not emulated
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted and native)


def generator_for(seed: int, index: int, stream: int = 0) -> torch.Generator:
    """A CPU generator for step `index`: the same on every machine, independent of what was drawn before."""
    # Large odd multipliers keep neighbouring (seed, index, stream) triples apart; manual_seed scrambles the rest.
    mixed = (seed * 0x9E3779B97F4A7C15 + index * 0xBF58476D1CE4E5B9 + stream * 0x94D049BB133111EB) % (1 << 63)
    return torch.Generator().manual_seed(mixed)


def shuffled_batch(seed: int, index: int, pool: int, batch: int) -> torch.Tensor:
    """The indices of batch `index` when a pool is walked through in a new random order every epoch. (batch,) int64.

    Short pools wrap around, so every batch is full. Depends on the arguments only.
    """
    per_epoch = max(1, pool // batch)
    epoch, place = divmod(index, per_epoch)
    if batch > pool:
        order = torch.randint(pool, (batch,), generator=generator_for(seed, index, 1))
        order[:pool] = torch.randperm(pool, generator=generator_for(seed, index, 2))
        return order
    order = torch.randperm(pool, generator=generator_for(seed, epoch, 1))
    return order[place * batch : (place + 1) * batch]


def check_finite(state: Any, when: str) -> None:
    """Check every tensor in nested dicts, lists and tuples.

    Raises:
        FloatingPointError: For NaN or infinity, with the tensor's name and `when`.
    """
    items = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, (list, tuple)) else ()
    for name, value in items:
        if isinstance(value, torch.Tensor):
            # A sum is finite where all are, and one pass; only else is each number looked at.
            if value.is_floating_point() and not value.sum().isfinite() and not value.isfinite().all():
                raise FloatingPointError(
                    f"weights {name!r} are not finite {when}, expected finite numbers: lower the learning rate (lr)"
                )
        else:
            check_finite(value, when)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write atomically: a kill at any moment leaves the old file or the new one, never half a file."""
    with whole_file(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:
            # torch's own error at the end of a file that could not be written, such as on a full disk.
            raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint that `save_checkpoint` wrote.

    Args:
        path: The file.

    Returns:
        "step" (number of finished steps), "program" (the program's state) and "losses" (the last ones by name).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is anything else, or cut off.
    """
    expected = "a checkpoint that facekit wrote"
    saved = read_contents(path, expected, "a path where there is no file yet, to begin anew")
    kinds = {"step": int, "program": dict, "losses": dict}
    wrong = [k for k, kind in kinds.items() if not isinstance(saved, dict) or not isinstance(saved.get(k), kind)]
    if wrong or saved["step"] < 0:
        raise ValueError(
            f"{path}: a file without {wrong[0] if wrong else 'a valid step'!r} came, expected {expected}; weights to "
            "start from are passed as weights="
        )
    return saved


def train(
    program: Program,
    steps: int,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    save_every: float = 120.0,
    save_steps: int | None = None,
    progress: Progress = True,
    name: str = "training",
    processes: Processes = ALONE,
) -> dict[str, float]:
    """Run `program` for `steps` steps and return the last losses.

    checkpoint: a file; if it exists, training resumes at the step after the one it holds. Written every `save_every`
    seconds (and, if given, every `save_steps` steps) and at the end. Beside it, `<name>.jsonl` gets a line of losses
    a step; on a resume, lines past the checkpoint are dropped, so the curve has every step once.
    progress: True for a bar, False for silence, or a function that is called with (steps done, steps, losses) after
    each step.
    processes: of several, all resume from the checkpoint; the first one writes and shows progress.
    A checkpoint that cannot be written later on (the disk is full) is a warning: the training goes on.
    Raises ValueError for a checkpoint that holds more steps than asked for or that not all processes see,
    OutputError for a checkpoint that cannot be written at the start, FloatingPointError for a loss, or weights to be
    saved, that are not finite.
    """
    check_checkpoint(checkpoint)
    check_progress(progress)
    path = None if checkpoint is None else check_output(checkpoint) if processes.first else Path(checkpoint)
    start, losses = 0, {}
    if path is not None and path.exists():
        saved = load_checkpoint(path)
        start = saved["step"]
        if start > steps:
            raise ValueError(
                f"{path} holds {start} steps but {steps} were asked for: pass at least {start} or another file"
            )
        try:
            program.load_state_dict(saved["program"])
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path}: a checkpoint of another training came ({' '.join(str(error).split())[:160]}), expected one "
                "with the same settings; pass another file"
            ) from error
        losses = saved["losses"]
        log.info("resuming %s at step %d", path, start)
    processes.check_same(start, f"the step to resume at ({path})")
    if not processes.first:
        path, progress = None, False
    curve = None if path is None else LossCurve(path.with_suffix(".jsonl"), start)
    last_save = time.monotonic()
    try:
        with tqdm(
            total=steps, initial=start, desc=name, disable=progress is not True, mininterval=0.5, leave=False
        ) as bar:
            for index in range(start, steps):
                losses = program.step(index)
                broken = [k for k, v in losses.items() if v != v or abs(v) == float("inf")]
                if broken:
                    raise FloatingPointError(
                        f"{', '.join(broken)} is not finite at step {index}, expected a number: lower the learning rate"
                    )
                bar.update()
                if callable(progress):
                    progress(index + 1, steps, losses)
                bar.set_postfix({k: f"{v:.3g}" for k, v in losses.items()}, refresh=False)
                if curve is not None:
                    curve.add(index, losses)
                due = time.monotonic() - last_save > save_every or (save_steps and (index + 1) % save_steps == 0)
                if checkpoint is None or not processes.from_first(bool(due or index + 1 == steps)):
                    continue
                # In all processes: each may hold a part of the optimiser's state.
                state = {"step": index + 1, "program": program.state_dict(), "losses": losses}
                if path is not None:
                    check_finite(state["program"], f"after step {index}")
                    try:
                        save_checkpoint(path, state)
                    except OSError as error:
                        log.warning("no checkpoint at step %d, the training goes on: %s", index + 1, error)
                last_save = time.monotonic()
    finally:
        if curve is not None:
            curve.close()
    return losses
