"""Experiments: nothing is computed twice, data are part of the key, and errors come before work."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.toy_experiment import toy

from facekit.papers.cells import CellStore, plain
from facekit.papers.experiment import Cell, Experiment
from facekit.papers.intermediates import kept
from facekit.papers.needs import Need
from facekit.papers.run import run, share

TESTS = Path(__file__).parents[1]


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
    return toy(measured.append)


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


def test_a_cell_that_was_stopped_inside_is_computed_again(data: Path, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    started: list[Cell] = []

    def stop_once(cell: Cell) -> None:
        started.append(cell)
        if len(started) == 3:
            raise Killed

    with pytest.raises(Killed):
        run(toy(stop_once), "mini", data, tmp_path / "out", draws=1)
    assert len(list((tmp_path / "out").rglob("cells/*.json"))) == 2
    run(toy(stop_once), "mini", data, tmp_path / "out", draws=1)
    assert len(started) == 5 and started[2] == started[3]


def _start(data: Path, out: Path, rank: int = 0, count: int = 1) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}
    if count > 1:
        environment |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
    command = [sys.executable, "-m", "helpers.toy_experiment", str(data), str(out)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_kill_9_loses_only_the_cell_in_work(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = _start(data, out)
    deadline = time.monotonic() + 300
    while len(list(out.rglob("cells/*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    first.kill()
    first.wait()
    finished = list(out.rglob("cells/*.json"))
    assert 3 <= len(finished) < 12
    for path in finished:
        json.loads(path.read_text())
    second = _start(data, out)
    printed, _ = second.communicate(timeout=300)
    assert second.returncode == 0 and printed.count("measured") == 12 - len(finished)
    assert (out / "RESULTS.md").exists()


@pytest.mark.slow
def test_two_processes_share_the_cells(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    both = [_start(data, out, rank, 2) for rank in (0, 1)]
    printed = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    cells = [[line for line in text.splitlines() if line.startswith("measured")] for text in printed]
    assert [len(some) for some in cells] == [6, 6] and len({*cells[0], *cells[1]}) == 12
    assert any("table" in text for text in printed) and (out / "RESULTS.md").exists()
    assert sum("kept" in text for text in printed) == 1  # the shared intermediate was made by one of them


@pytest.mark.slow
def test_a_second_command_on_the_same_folder_computes_nothing_twice(data: Path, tmp_path: Path) -> None:
    both = [_start(data, tmp_path / "out") for _ in range(2)]
    printed = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(text.count("measured") for text in printed) == 12 and all("table.md" in text for text in printed)
    assert not list((tmp_path / "out").rglob("*.lock"))


def test_processes_share_whole_rows_and_leave_the_group(
    experiment: Experiment, measured: list[Cell], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    written, seen = [], []
    watched = dataclasses.replace(
        experiment, measure=lambda cell: seen.append(os.environ.get("WORLD_SIZE")) or experiment.measure(cell)
    )
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        written.append(run(watched, "mini", data, tmp_path / "out"))
    assert written[0] is None and written[1] is not None
    assert {*seen} == {None} and os.environ["WORLD_SIZE"] == "2"
    assert len(measured) == 12 and len({(c.row, c.column, c.draw) for c in measured}) == 12
    cells = experiment.cells("mini", data, tmp_path)
    assert {(c.row, c.draw) for c in share(cells, 0, 2)}.isdisjoint((c.row, c.draw) for c in share(cells, 1, 2))


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


def test_the_file_holds_the_whole_key(experiment: Experiment, data: Path, tmp_path: Path) -> None:
    run(experiment, "mini", data, tmp_path / "out", draws=1)
    (path,) = (tmp_path / "out").rglob("cells/slow-20-draw0-*.json")
    about = json.loads(path.read_text())
    assert about["key"]["settings"] == {"plus": -1.0} and about["key"]["data"].keys() == {"faces"}
    assert about["scores"] == {"NME": 4.0} and about["machine"] and about["key"]["facekit"]
    with pytest.raises(TypeError, match="expected a number, text, list or dictionary, got object"):
        plain({"a": object()})


def test_the_data_of_the_run_are_read(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEKIT_DATA", "elsewhere")
    seen: list[str | None] = []
    run(toy(lambda cell: seen.append(os.environ.get("FACEKIT_DATA"))), "mini", data, tmp_path / "out", draws=1)
    assert {*seen} == {str(data.resolve())} and os.environ["FACEKIT_DATA"] == "elsewhere"


def test_weights_are_known_by_their_content(tmp_path: Path) -> None:
    need = Need("weights.pt", "a file")
    assert need.identity(tmp_path) == need.identity(None) == "not there"
    (tmp_path / "weights.pt").write_bytes(b"1234")
    first = need.identity(tmp_path)
    (tmp_path / "weights.pt").write_bytes(b"4321")
    assert first != need.identity(tmp_path) != "not there"


def test_rows_without_their_data_are_left_out(
    experiment: Experiment, measured: list[Cell], data: Path, tmp_path: Path
) -> None:
    scale = dataclasses.replace(experiment.scales["mini"], optional={"slow": Need("slow.pt", "the weights of slow")})
    experiment = dataclasses.replace(experiment, scales={"mini": scale})
    table = run(experiment, "mini", data, tmp_path / "out")
    assert table is not None and {cell.row for cell in measured} == {"fast"}
    assert "- slow is left out: it needs the weights of slow." in table.read_text()
    (data / "slow.pt").write_bytes(b"1")
    run(experiment, "mini", data, tmp_path / "out")
    assert len(measured) == 12  # rows that were finished stay


def test_intermediates_are_made_once_by_what_made_them(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(path: Path) -> None:
        made.append(path)
        path.write_text("x")

    one = kept(tmp_path, "tower", ".pt", {"steps": 1}, make)
    assert kept(tmp_path, "tower", ".pt", {"steps": 1}, make) == one and len(made) == 1
    assert kept(tmp_path, "tower", ".pt", {"steps": 2}, make) != one and len(made) == 2
    done = one.with_name(one.name + ".json")
    about = json.loads(done.read_text())
    assert about["made by"] == {"steps": 1}
    done.write_text(json.dumps(about | {"embedded": {"fsma": "0000000000"}}))  # of other weights
    assert kept(tmp_path, "tower", ".pt", {"steps": 1}, make) == one and len(made) == 3

    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        kept(tmp_path, "tower", ".pt", {"steps": 3}, fail)
    half = kept(tmp_path, "tower", ".pt", {"steps": 3}, make)
    assert half.read_text() == "x"


def test_errors_come_before_work(experiment: Experiment, measured: list[Cell], data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"at scale 'paper': expected one of: mini \(paper needs all faces\)"):
        run(experiment, "paper", data, tmp_path / "out")
    with pytest.raises(ValueError, match="faces: pass --data DIR; expected a folder of faces"):
        run(experiment, "mini", None, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="faces does not exist; expected a folder of faces"):
        run(experiment, "mini", tmp_path / "empty", tmp_path / "out")
    assert not measured and not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file is not a folder"):
        run(experiment, "mini", data, tmp_path / "file")
    assert not measured


def test_a_damaged_cell_is_named(experiment: Experiment, data: Path, tmp_path: Path) -> None:
    run(experiment, "mini", data, tmp_path / "out", draws=1)
    store = CellStore(tmp_path / "out" / "toy" / "table1" / "mini" / "cells")
    path = store.path(experiment.cells("mini", data.resolve(), tmp_path)[0])
    path.write_text("{")
    with pytest.raises(ValueError, match="expected a finished cell, got .*; delete the file"):
        run(experiment, "mini", data, tmp_path / "out", draws=1)
