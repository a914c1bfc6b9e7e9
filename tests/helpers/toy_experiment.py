"""A tiny experiment, and a program that runs it: ``python -m helpers.toy_experiment DATA OUT``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from facekit.papers.experiment import Cell, Experiment, Scale, Scores
from facekit.papers.intermediates import kept
from facekit.papers.needs import Need
from facekit.papers.run import run

VALUES = {"slow": [5.0, 6.0, 7.0], "fast": [4.0, 5.5, 5.5]}


def toy(seen: Callable[[Cell], object]) -> Experiment:
    """Return an experiment of two rows, two columns and three draws.

    Args:
        seen: Called with each cell that is measured.
    """

    def measure(cell: Cell) -> Scores:
        seen(cell)
        return {"NME": VALUES[cell.row][cell.draw] + cell.settings["plus"]}

    faces = Need("faces", "a folder of faces")
    scale = Scale({"10": {"plus": 0.0}, "20": {"plus": -1.0}}, 3, (faces,), "two columns")
    return Experiment(
        "toy/table1",
        "Toys",
        {"slow": {}, "fast": {}},
        "fast",
        {"mini": scale},
        measure,
        {"NME": 2},
        ("NME",),
        paper={("slow", "2000"): {"NME": 3.14}},
        paper_data="all faces",
        missing="paper needs all faces",
    )


def _make(path: Path) -> None:
    print("kept", flush=True)
    time.sleep(0.3)
    path.write_text("")


def _slowly(cell: Cell) -> None:
    kept(cell.kept, "shared", ".txt", {}, _make)
    print("measured", cell.row, cell.column, cell.draw, flush=True)
    time.sleep(0.1)


if __name__ == "__main__":
    print("table", run(toy(_slowly), "mini", Path(sys.argv[1]), Path(sys.argv[2])))
