"""Run an experiment: compute the cells that are missing, then write its table."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from ..core.output_paths import check_output
from ..training.distributed import COUNT, LOCAL_RANK, RANK
from .cells import CellStore, FinishedCell
from .experiment import SCALES, Cell, Experiment
from .intermediates import alone
from .report import write_report

log = logging.getLogger("facekit")

Note = Callable[[int, int, Cell, FinishedCell], None]


def missing_data(experiment: Experiment, scale: str, root: Path | None) -> list[str]:
    """Return what an experiment needs at a scale and is not there, one text each."""
    problems = (need.problem(root) for need in experiment.scales[scale].needs)
    return [problem for problem in problems if problem is not None]


def share(cells: Sequence[Cell], rank: int, count: int) -> list[Cell]:
    """Return the cells of one of several processes. Cells of the same row and draw stay together.

    Args:
        cells: All cells, in the order of `Experiment.cells`.
        rank: Number of this process, from 0.
        count: Number of processes.
    """
    groups = list(dict.fromkeys((cell.row, cell.draw) for cell in cells))
    own = set(groups[rank::count])
    return [cell for cell in cells if (cell.row, cell.draw) in own]


@contextlib.contextmanager
def process_alone() -> Iterator[tuple[int, int]]:
    """Take this process out of the group that torchrun or accelerate started, until the end of the block.

    Each cell is a training of its own: within it, `facekit.pretrain` must not wait for the other processes. Of several
    processes on a machine with CUDA devices, each takes a device of its own.

    Yields:
        Number of this process and number of processes; (0, 1) without a launcher.
    """
    rank, count, local = (_number(names, default) for names, default in ((RANK, 0), (COUNT, 1), (LOCAL_RANK, 0)))
    hidden = {name: os.environ.pop(name) for name in (*RANK, *COUNT, *LOCAL_RANK, "MASTER_ADDR") if name in os.environ}
    try:
        if count > 1 and torch.cuda.is_available():
            with torch.cuda.device(local % torch.cuda.device_count()):
                yield rank, count
        else:
            yield rank, count
    finally:
        os.environ.update(hidden)


def _number(names: Sequence[str], otherwise: int) -> int:
    return next((int(os.environ[name]) for name in names if name in os.environ), otherwise)


@contextlib.contextmanager
def _data_root(root: Path | None) -> Iterator[None]:
    """Let the readers of data at hand look in a folder, until the end of the block."""
    before = os.environ.get("FACEKIT_DATA")
    if root is not None:
        os.environ["FACEKIT_DATA"] = str(root)
    try:
        yield
    finally:
        if root is not None:
            del os.environ["FACEKIT_DATA"]
            if before is not None:
                os.environ["FACEKIT_DATA"] = before


def run(
    experiment: Experiment,
    scale: str,
    root: Path | None,
    out: Path,
    draws: int | None = None,
    note: Note | None = None,
) -> Path | None:
    """Compute the cells that are missing, and write the table when all are there.

    Several processes share the cells, if torchrun or accelerate started them. The one that finishes last writes the
    table. A killed run loses the cells in work only: the same call goes on.

    Args:
        experiment: The experiment.
        scale: Name of its scale.
        root: The folder of the data sets, or None.
        out: Folder of the results.
        draws: Number of draws instead of the scale's.
        note: Called after each cell of this process with its number, the number of cells, the cell and its scores.

    Returns:
        The table's file, or None if cells of other processes are not finished.

    Raises:
        ValueError: If there is no such scale, or data are missing. This is checked before work begins.
        OutputError: If ``out`` cannot be written.
    """
    if scale not in experiment.scales:
        known = ", ".join(name for name in SCALES if name in experiment.scales) or "none"
        reason = f" ({experiment.missing})" if experiment.missing else ""
        raise ValueError(f"{experiment.id} at scale {scale!r}: expected one of: {known}{reason}")
    root, out = None if root is None else root.resolve(), out.resolve()
    if problems := missing_data(experiment, scale, root):
        raise ValueError(f"{experiment.id} at scale {scale}: data are missing\n" + "\n".join(problems))
    folder = check_output(out / experiment.id / scale, folder=True)
    for row, layout in experiment.left_out(scale, root).items():
        log.warning("%s: row %r is left out, it needs %s", experiment.id, row, layout)
    store = CellStore(check_output(folder / "cells", folder=True))
    # Experiments of one paper share what they train.
    cells = experiment.cells(scale, root, out / experiment.id.split("/")[0] / "kept", draws)
    with process_alone() as (rank, count), _data_root(root):
        own = share(cells, rank, count)
        for i, cell in enumerate(own):
            # A second command on the same folder waits here, and takes the scores that it finds.
            with alone(store.path(cell)):
                finished = store.load(cell)
                if finished is None:
                    started = time.monotonic()
                    scores = experiment.measure(cell)
                    finished = FinishedCell(scores, time.monotonic() - started)
                    store.save(cell, finished)
            if note is not None:
                note(i + 1, len(own), cell, finished)
    found = [(cell, store.load(cell)) for cell in cells]
    if any(one is None for _, one in found):
        log.info("%s: other processes still work; the last one writes the table", experiment.id)
        return None
    finished_cells = {(c.row, c.column, c.draw): one for c, one in found if one is not None}
    return write_report(experiment, scale, finished_cells, experiment.left_out(scale, root), out)
