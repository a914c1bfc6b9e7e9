"""The one training loop: devices, progress, checkpoints, resume.

A `Program` knows one optimisation step; the loop knows everything around it. All randomness of step i derives from
(seed, i), so a run that was killed and resumed repeats exactly what an uninterrupted run does.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from tqdm.auto import tqdm

from ..core.arguments import check_checkpoint, check_progress
from ..core.atomic_file import whole_file
from ..core.output_paths import check_output
from ..core.weight_files import read_contents
from .distributed import ALONE, Processes
from .loss_curve import LossCurve

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
