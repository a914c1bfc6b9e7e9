"""Reports hold the paper's figures beside ours, and paired intervals that were computed by hand."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest
from helpers.toy_experiment import toy

from facekit.papers.run import run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with an empty data set."""
    (tmp_path / "data" / "faces").mkdir(parents=True)
    return tmp_path / "data"


def test_the_report_holds_paper_and_paired_intervals(data: Path, tmp_path: Path) -> None:
    table = run(toy(id), "mini", data, tmp_path / "out")
    assert table is not None
    about = json.loads(table.with_suffix(".json").read_text())
    (entry,) = (e for e in about["entries"] if (e["row"], e["column"]) == ("slow", "20"))
    assert entry["scores"]["NME"] == {"draws": [4.0, 5.0, 6.0], "mean": 5.0, "std": 1.0}
    # Differences 1, .5, 1.5: mean 1, deviation .5, t(2) = 4.3027, so 1 +- 4.3027 * .5 / sqrt(3).
    half = 4.302652729911275 * 0.5 / math.sqrt(3)
    difference = entry["minus fast"]["NME"]
    assert difference["mean"] == 1.0 and difference["draws"] == 3
    assert difference["low"] == pytest.approx(1 - half) and difference["high"] == pytest.approx(1 + half)
    lines = (tmp_path / "out" / "RESULTS.md").read_text().splitlines()
    paper = lines.index("| slow | 2000 | paper; all faces | 3.14 |  |")
    ours = lines.index("| slow | 20 | ours, mini; two columns | 5.00 ± 1.00 | NME +1.00 (-0.24 to +2.24) |")
    assert ours == paper + 2  # below the paper's row of the same name, after the column 10
    assert "Lower is better: NME." in lines and "| fast | 20 | ours, mini; two columns | 4.00 ± 0.87 |  |" in lines


def test_one_draw_has_no_spread_and_no_interval(data: Path, tmp_path: Path) -> None:
    table = run(toy(id), "mini", data, tmp_path / "out", draws=1)
    assert table is not None
    text = table.read_text()
    assert "| slow | 10 | ours, mini; two columns | 5.00 | NME +1.00 |" in text
    assert "One draw: neither spread nor interval is known." in text
    assert "- Command: `facekit reproduce toy/table1 --scale mini --draws 1`" in text


@pytest.mark.parametrize("unknown_score", [math.nan, math.inf])
def test_scores_that_are_not_known_are_empty(data: Path, tmp_path: Path, unknown_score: float) -> None:
    experiment = toy(id)
    unknown = dataclasses.replace(
        experiment,
        measure=lambda cell: {"NME": unknown_score if cell.row == "slow" else 1.0},
        shown={"NME": 2, "AUC": 1},
    )
    table = run(unknown, "mini", data, tmp_path / "out")
    assert table is not None
    text = table.read_text()
    assert "| slow | 10 | ours, mini; two columns |  |  | NME unknown; AUC unknown |" in text
    assert "Lower is better: NME. Higher is better: AUC." in text
    json.loads(table.with_suffix(".json").read_text(), parse_constant=pytest.fail)  # JSON has no NaN, no infinity


def test_results_hold_all_tables_of_the_folder(data: Path, tmp_path: Path) -> None:
    run(toy(id), "mini", data, tmp_path / "out", draws=1)
    run(dataclasses.replace(toy(id), id="toy/table2"), "mini", data, tmp_path / "out", draws=1)
    text = (tmp_path / "out" / "RESULTS.md").read_text()
    assert text.index("## toy/table1: Toys") < text.index("## toy/table2: Toys")
