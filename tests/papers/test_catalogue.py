"""Every experiment is complete: its own row, scales, data, the paper's figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from facekit.cli.main import main
from facekit.papers.catalogue import EXPERIMENTS, NOT_HERE
from facekit.papers.cells import CellStore
from facekit.papers.experiment import SCALES, Experiment


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=list(EXPERIMENTS))
def test_experiments_are_complete(experiment: Experiment, tmp_path: Path) -> None:
    assert experiment.own in experiment.rows and len(experiment.rows) >= 1
    assert experiment.scales and set(experiment.scales) <= set(SCALES)
    assert set(SCALES) == set(experiment.scales) or experiment.missing
    assert set(experiment.lower) <= set(experiment.shown)
    for name, scale in experiment.scales.items():
        rows = scale.rows or experiment.rows
        assert experiment.own in rows and set(scale.optional) <= set(rows) and scale.data and scale.minutes > 0
        cells = experiment.cells(name, tmp_path, tmp_path)
        assert len(cells) == scale.draws * len(scale.columns) * (len(rows) - len(experiment.left_out(name, tmp_path)))
        for cell in cells:
            CellStore.key(cell)  # all settings are plain data
    for scores in experiment.paper.values():
        assert set(scores) <= set(experiment.shown)


def test_a_table_is_listed_once() -> None:
    assert not EXPERIMENTS.keys() & NOT_HERE.keys()
    listed = {*EXPERIMENTS, *NOT_HERE}
    assert {f"fsma/table{i}" for i in range(1, 7)} <= listed
    assert {f"pftgan/table{i}" for i in range(1, 7)} <= listed
    assert {f"farl/table{i}" for i in range(1, 13)} <= listed
    assert {f"synthparse/table{i}" for i in range(1, 9)} | {"synthparse/figure6"} <= listed


def test_the_list_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "300w" / "images").mkdir(parents=True)
    (tmp_path / "300w" / "index.csv").touch()
    assert main(["reproduce", "list", "--data", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fsma/table1"]["scales"]["mini"]["needs"] == {"300w": True}
    assert found["fsma/table1"]["scales"]["gpu"]["needs"] == {"300w": False}  # it needs 300-W whole
    assert found["fsma/table2"]["scales"]["mini"]["needs"] == {"fasseg": False}
    assert found["farl/table12"]["not available here"].startswith("needs LaPa, the official tower")
    assert main(["reproduce", "list", "--data", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "mini: about 60 minutes; needs fasseg (MISSING)" in text and "not available here: needs LaPa" in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["fsma/tabel1"], "did you mean 'fsma/table1'"),
        (["farl/table12"], "farl/table12 is not available here; it needs LaPa"),
        (["fsma/table1"], "300w: pass --data DIR; expected the folder 300w/ with index.csv, images"),
        (["fsma/figure10", "--out", ""], "--out '': expected a folder"),
        (["fsma/table1", "--data", ""], "--data : expected a folder of data sets"),
        (["synthparse/table4", "--data", ".", "--scale", "gpu"], "expected LaPa"),
        (["fsma/table1", "--data", "nowhere"], "--data nowhere: expected a folder of data sets"),
        (["fsma/table1", "--draws", "0"], "--draws"),
    ],
)
def test_wrong_options_are_one_sentence(
    arguments: list[str], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FACEKIT_DATA", raising=False)
    assert main(["reproduce", *arguments]) == 2
    assert text in capsys.readouterr().err and not (tmp_path / "results").exists()
