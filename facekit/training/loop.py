"""The training loop: progress, checkpoints, exact resume.

A `Program` makes single optimisation steps; `train` repeats them. All randomness of step i depends on (seed, i) only,
so a run that was interrupted and resumed gives the same numbers as one that was not.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import torch
from tqdm.auto import tqdm

from ..core.arguments import check_progress
from ..core.atomic_file import whole_file
from ..core.output_paths import check_checkpoint
from ..core.weight_files import read_contents
from .distributed import ALONE, Processes
from .identity import Identity, check_identity
from .loss_curve import LossCurve

log = logging.getLogger("facekit")

# Least seconds between two checkpoints if the caller names none, so that little is lost by an interruption.
_SAVE_EVERY = 10.0
# Then the interval is also at least this many times as long as the last checkpoint took to write.
_SAVING = 20
# True for a progress bar, False for none, or a function (steps done, all steps, losses).
Progress = bool | Callable[[int, int, dict[str, float]], None]


class Program(Protocol):
    """What the loop trains."""

    def step(self, index: int) -> dict[str, float]:
        """Make optimisation step ``index``, counted from 0, and return the losses by name.

        All random numbers depend on the seed and ``index`` only.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next step depends on: weights, optimiser states, running averages.

        With several processes, all of them call it at the same time; the first one's state is saved.
        """

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""


class FiniteProgram(Program, Protocol):
    """A program with a number of steps of its own."""

    @property
    def steps(self) -> int:
        """Number of steps of the whole training."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Plain data on the finished training, which `adapt` stores with the model."""


class Hook:
    """What happens around the steps of a program. The base class does nothing."""

    def before_step(self, index: int) -> None:
        """Prepare step ``index``."""

    def after_step(self, index: int, losses: dict[str, float]) -> None:
        """Use or extend the losses of a step.

        Args:
            index: Number of the step, from 0.
            losses: Losses by name. Entries may be added in place.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint holds of this hook."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""


def check_finite(state: Any, when: str) -> None:
    """Check every tensor in nested dicts, lists and tuples.

    Args:
        state: The tensors.
        when: When they were computed, for the error.

    Raises:
        FloatingPointError: If there is NaN or infinity. The message names the tensor.
    """
    items = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, (list, tuple)) else ()
    for name, value in items:
        if isinstance(value, torch.Tensor):
            # The sum is finite if all values are, and takes one pass. Single values are checked only otherwise.
            if value.is_floating_point() and not value.sum().isfinite() and not value.isfinite().all():
                raise FloatingPointError(
                    f"weights {name!r} are not finite {when}, expected finite numbers: lower the learning rate (lr)"
                )
        else:
            check_finite(value, when)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically: an interruption leaves the old file or the new one, never half a file.

    Args:
        path: The file.
        state: Plain data and tensors.

    Raises:
        OSError: If the file cannot be written.
    """
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
        "step" (number of finished steps), "program" (the program's state), "losses" (the last ones by name),
        "identity" (of the training) and "hooks" (the hooks' states, in order).

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
            f"{path}: expected {expected}, got a file without {wrong[0] if wrong else 'a valid step'!r}; weights to "
            "start from are passed as weights="
        )
    return saved


def train(
    program: Program,
    steps: int,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    save_every: float | None = None,
    save_steps: int | None = None,
    progress: Progress = True,
    name: str = "training",
    processes: Processes = ALONE,
    hooks: Sequence[Hook] = (),
    identity: Identity = MappingProxyType({}),
) -> dict[str, float]:
    """Run a program.

    If the checkpoint file exists, training resumes after the last step that it holds. Beside it, ``<name>.jsonl`` gets
    one line of losses per step; lines beyond the checkpoint are dropped on a resume. If a later checkpoint cannot be
    written, for example on a full disk, a warning is logged and the training goes on.

    Args:
        program: What to train.
        steps: Number of steps in all.
        checkpoint: File for checkpoints, or None.
        save_every: Seconds between two checkpoints. One more is written at the end. None is ten, or more if the
            checkpoints are so large that writing them would take more than a twentieth of the time.
        save_steps: Steps between two checkpoints, besides.
        progress: True for a progress bar, False for none, or a function (steps done, steps, losses) that is called
            after each step.
        name: Name in the progress bar.
        processes: The processes that train together. The first one writes files and shows progress.
        hooks: What happens around the steps.
        identity: What the training depends on. A checkpoint of another identity is not resumed.

    Returns:
        The losses of the last step by name.

    Raises:
        ValueError: If the checkpoint holds more steps than ``steps``, belongs to another training, or is not readable
            in all processes.
        OutputError: If the checkpoint cannot be written at the start.
        FloatingPointError: If a loss, or a weight to be saved, is not finite.
    """
    check_progress(progress)
    path = check_checkpoint(checkpoint) if processes.first or checkpoint is None else Path(checkpoint)
    start = 0
    losses: dict[str, float] = {}
    if path is not None and path.exists():
        start, losses = _resume(path, program, hooks, steps, identity)
    processes.check_same(start, f"the step to resume at ({path})")
    if not processes.first:
        path, progress = None, False
    curve = None if path is None else LossCurve(path.with_suffix(".jsonl"), start)
    saved, last_save, saving = start, time.monotonic(), 0.0
    try:
        with tqdm(
            total=steps, initial=start, desc=name, disable=progress is not True, mininterval=0.5, leave=False
        ) as bar:
            for index in range(start, steps):
                losses = _step(program, index, hooks)
                bar.update()
                if callable(progress):
                    progress(index + 1, steps, losses)
                bar.set_postfix({k: f"{v:.3g}" for k, v in losses.items()}, refresh=False)
                if curve is not None:
                    curve.add(index, losses)
                interval = max(_SAVE_EVERY, _SAVING * saving) if save_every is None else save_every
                due = time.monotonic() - last_save > interval or (save_steps and (index + 1) % save_steps == 0)
                if checkpoint is None or not processes.from_first(bool(due or index + 1 == steps)):
                    continue
                began = time.monotonic()
                # In all processes: each may hold a part of the optimiser's state.
                state = {"step": index + 1, "program": program.state_dict(), "losses": losses}
                state["hooks"] = [hook.state_dict() for hook in hooks]
                state["identity"] = dict(identity)
                if path is not None and _save(path, state, index):
                    saved = index + 1
                last_save = time.monotonic()
                saving = last_save - began
    except KeyboardInterrupt:
        if path is not None and saved:
            log.warning("stopped: %s holds %d of %d steps; the same call goes on from there", path, saved, steps)
        elif path is not None:
            log.warning("stopped before the first checkpoint was due: the same call begins anew")
        raise
    finally:
        if curve is not None:
            curve.close()
    return losses


def _step(program: Program, index: int, hooks: Sequence[Hook]) -> dict[str, float]:
    """Make one step with its hooks, and check that the losses are finite."""
    for hook in hooks:
        hook.before_step(index)
    losses = program.step(index)
    for hook in hooks:
        hook.after_step(index, losses)
    broken = [k for k, v in losses.items() if v != v or abs(v) == float("inf")]
    if broken:
        raise FloatingPointError(
            f"{', '.join(broken)} is not finite at step {index}, expected a number: lower the learning rate"
        )
    return losses


def check_resumable(checkpoint: str | os.PathLike[str], identity: Identity) -> None:
    """Check before work begins that a checkpoint belongs to a training.

    Args:
        checkpoint: The checkpoint's file, which need not exist.
        identity: What the training depends on.

    Raises:
        ValueError: If it belongs to another training, or is no checkpoint.
    """
    path = Path(checkpoint)
    if path.exists():
        check_identity(path, load_checkpoint(path).get("identity", {}), identity)


def _resume(
    path: Path, program: Program, hooks: Sequence[Hook], steps: int, identity: Identity
) -> tuple[int, dict[str, float]]:
    """Restore a checkpoint. Return the number of finished steps and the last losses."""
    saved = load_checkpoint(path)
    check_identity(path, saved.get("identity", {}), identity)
    start = saved["step"]
    if start > steps:
        raise ValueError(
            f"{path} holds {start} steps but {steps} were asked for: pass at least {start} or another file"
        )
    try:
        program.load_state_dict(saved["program"])
        if "hooks" in saved:  # checkpoints of older releases have neither hooks nor an identity
            for hook, state in zip(hooks, saved["hooks"], strict=True):
                hook.load_state_dict(state)
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: expected a checkpoint with the same settings, got one of another training "
            f"({' '.join(str(error).split())[:160]}); pass another file"
        ) from error
    log.info("resuming %s at step %d", path, start)
    return start, saved["losses"]


def _save(path: Path, state: dict[str, Any], index: int) -> bool:
    """Write a checkpoint of step ``index``, or log why that failed. Return whether it was written."""
    check_finite(state["program"], f"after step {index}")
    try:
        save_checkpoint(path, state)
    except OSError as error:
        log.warning("no checkpoint at step %d, the training goes on: %s", index + 1, error)
        return False
    return True
