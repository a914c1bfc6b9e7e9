"""Experiments: nothing is computed twice, data are part of the key, and reports hold paired intervals."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest

from facekit.papers.cells import CellStore, data_identity
from facekit.papers.experiment import Cell, Experiment, Scale, Scores
from facekit.papers.run import run, share

VALUES = {"slow": [5.0, 6.0, 7.0], "fast": [4.0, 5.5, 5.5]}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with one data set."""
    (tmp_path / "data" / "faces").mkdir(parents=True)
    (tmp_path / "data" / "faces" / "0.png").write_bytes(b"1234")
    return tmp_path / "data"


@pytest.fixture
def measured() -> list[Cell]:
    """The cells that were measured, in order."""
    return []


@pytest.fixture
def experiment(measured: list[Cell]) -> Experiment:
    def measure(cell: Cell) -> Scores:
        measured.append(cell)
        return {"NME": VALUES[cell.row][cell.draw] + cell.settings["plus"]}

    scale = Scale({"10": {"plus": 0.0}, "20": {"plus": -1.0}}, 3, ("faces",), "two columns")
    return Experiment(
        "toy/table1",
        "Toys",
        {"slow": {}, "fast": {}},
        "fast",
        {"mini": scale},
        measure,
        {"NME": 2},
        "lower",
        paper={("slow", "2000"): {"NME": 3.14}},
        paper_data="all faces",
        missing="paper needs all faces",
    )


def test_finished_cells_are_not_computed_again(
    experiment: Experiment, measured: list[Cell], data: Path, tmp_path: Path
) -> None:
    class Killed(BaseException):
        pass

    def stop(done: int, count: int, *_: object) -> None:
        assert count == 12
        if done == 5:
            raise Killed

    with pytest.raises(Killed):
        run(experiment, "mini", data, tmp_path / "out", note=stop)
    assert len(measured) == 5 and not (tmp_path / "out" / "RESULTS.md").exists()
    table = run(experiment, "mini", data, tmp_path / "out")
    assert len(measured) == len({(c.row, c.column, c.draw) for c in measured}) == 12
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("cells/*.json")}
    assert run(experiment, "mini", data, tmp_path / "out") == table and len(measured) == 12
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_other_data_and_settings_are_other_cells(
    experiment: Experiment, measured: list[Cell], data: Path, tmp_path: Path
) -> None:
    run(experiment, "mini", data, tmp_path / "out", draws=1)
    (data / "faces" / "1.png").write_bytes(b"12")
    run(experiment, "mini", data, tmp_path / "out", draws=1)
    assert len(measured) == 8
    moved = data.rename(tmp_path / "elsewhere")  # the place is no part of the data
    run(experiment, "mini", moved, tmp_path / "out", draws=1)
    assert len(measured) == 8
    changed = dataclasses.replace(experiment, rows={"slow": {"lr": 0.1}, "fast": {}})
    run(changed, "mini", moved, tmp_path / "out", draws=1)
    assert len(measured) == 10


def test_the_report_holds_paper_and_paired_intervals(experiment: Experiment, data: Path, tmp_path: Path) -> None:
    table = run(experiment, "mini", data, tmp_path / "out")
    assert table is not None
    about = json.loads(table.with_suffix(".json").read_text())
    (entry,) = (e for e in about["entries"] if (e["row"], e["column"]) == ("slow", "20"))
    assert entry["scores"]["NME"] == {"draws": [4.0, 5.0, 6.0], "mean": 5.0, "std": 1.0}
    # Differences 1, .5, 1.5: mean 1, deviation .5, t(2) = 4.3027, so 1 +- 4.3027 * .5 / sqrt(3).
    half = 4.302652729911275 * 0.5 / math.sqrt(3)
    difference = entry["minus fast"]["NME"]
    assert difference["mean"] == 1.0 and difference["draws"] == 3
    assert difference["low"] == pytest.approx(1 - half) and difference["high"] == pytest.approx(1 + half)
    text = (tmp_path / "out" / "RESULTS.md").read_text()
    assert "| slow | 2000 | paper; all faces | 3.14 |  |" in text
    assert "| slow | 20 | ours, mini; two columns | 5.00 ± 1.00 | NME +1.00 (-0.24 to +2.24) |" in text


def test_processes_share_the_cells(
    experiment: Experiment, measured: list[Cell], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    written = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        written.append(run(experiment, "mini", data, tmp_path / "out"))
    assert written[0] is None and written[1] is not None
    assert len(measured) == 12 and len({(c.row, c.column, c.draw) for c in measured}) == 12
    cells = experiment.cells("mini", tmp_path)
    assert {(c.row, c.draw) for c in share(cells, 0, 2)}.isdisjoint((c.row, c.draw) for c in share(cells, 1, 2))


def test_errors_come_before_work(experiment: Experiment, measured: list[Cell], data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"at scale 'paper': expected one of: mini \(paper needs all faces\)"):
        run(experiment, "paper", data, tmp_path / "out")
    with pytest.raises(ValueError, match="needs faces; no folder was given: pass --data DIR"):
        run(experiment, "mini", None, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty has no faces/"):
        run(experiment, "mini", tmp_path / "empty", tmp_path / "out")
    assert not measured and not (tmp_path / "out").exists()


def test_a_damaged_cell_is_named(experiment: Experiment, data: Path, tmp_path: Path) -> None:
    run(experiment, "mini", data, tmp_path / "out", draws=1)
    store = CellStore(tmp_path / "out" / "toy" / "table1" / "mini" / "cells", data_identity(data, ["faces"]))
    path = store.path(experiment.cells("mini", tmp_path)[0])
    path.write_text("{")
    with pytest.raises(ValueError, match="expected a finished cell, got .*; delete the file"):
        run(experiment, "mini", data, tmp_path / "out", draws=1)
