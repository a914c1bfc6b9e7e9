"""Run an experiment: compute the cells that are missing, then write its table."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..core.output_paths import check_output
from ..training.distributed import COUNT, RANK
from .cells import CellStore, FinishedCell, data_identity
from .experiment import SCALES, Cell, Experiment
from .report import write_report

log = logging.getLogger("facekit")

Note = Callable[[int, int, Cell, FinishedCell], None]


def missing_data(experiment: Experiment, scale: str, root: Path | None) -> list[str]:
    """Return the folders of data that an experiment needs at a scale and that are not there."""
    needs = experiment.scales[scale].needs
    return [name for name in needs if root is None or not (root / name).is_dir()]


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


def process_of_launcher() -> tuple[int, int]:
    """Return rank and number of processes that torchrun or accelerate set; (0, 1) without them."""
    rank = next((int(os.environ[name]) for name in RANK if name in os.environ), 0)
    count = next((int(os.environ[name]) for name in COUNT if name in os.environ), 1)
    return rank, count


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
    if absent := missing_data(experiment, scale, root):
        where = "no folder was given: pass --data DIR" if root is None else f"{root} has no {', '.join(absent)}/"
        raise ValueError(f"{experiment.id} at scale {scale} needs {', '.join(absent)}; {where}")
    folder = Path(out) / experiment.id / scale
    check_output(folder, folder=True)
    identity = {} if root is None else data_identity(root, experiment.scales[scale].needs)
    store = CellStore(folder / "cells", identity)
    cells = experiment.cells(scale, folder / "shared", draws)
    rank, count = process_of_launcher()
    own = share(cells, rank, count)
    for i, cell in enumerate(own):
        finished = store.load(cell)
        if finished is None:
            started = time.monotonic()
            scores = experiment.measure(cell)
            finished = FinishedCell(scores, time.monotonic() - started)
            store.save(cell, finished)
        if note is not None:
            note(i + 1, len(own), cell, finished)
    found = {(c.row, c.column, c.draw): store.load(c) for c in cells}
    if any(one is None for one in found.values()):
        log.info("%s: other processes still work; the last one writes the table", experiment.id)
        return None
    return write_report(experiment, scale, {key: one for key, one in found.items() if one is not None}, Path(out))
