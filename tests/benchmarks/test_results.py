"""benchmarks/RESULTS.md is what ``python -m benchmarks.results_table`` writes from the recorded figures."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest

from benchmarks import results_table

ROOT = Path(__file__).parents[2]
# The files from which a reader copies commands.
TEXTS = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("benchmarks/**/*.md"),
    *ROOT.glob("facekit/zoo/weights/*.md"),
    *ROOT.glob("notebooks/*.ipynb"),
]


def test_results_are_written_by_the_script() -> None:
    assert results_table.OUT.read_text(encoding="utf-8") == results_table.results()


def test_every_recorded_file_is_a_section() -> None:
    assert {path.stem for path in results_table.FOLDER.glob("*.json")} == set(results_table.SECTIONS)


@pytest.mark.parametrize("name", results_table.SECTIONS)
def test_every_table_has_its_source(name: str) -> None:
    section = json.loads((results_table.FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    for record in section["tables"]:
        for field in ("title", "metric", "data", "seeds", "machine", "command"):
            assert record[field], f"{record['title']}: {field} is missing"


def test_cells() -> None:
    assert results_table.text({"runs": [1.0, 2.0, 3.0], "digits": 1}) == "2.0 ± 1.0"
    assert results_table.text({"mean": 2.0, "std": 0.5, "digits": 2}) == "2.00 ± 0.50"
    assert results_table.text({"value": 0.145, "digits": 3, "sign": True}) == "+0.145"
    assert results_table.text("10 s") == "10 s"
    assert results_table.text(None) == ""


def test_cells_of_weight_cards() -> None:
    row = {"card": "parsing", "data": "FASSEG, all 202 images", "metric": "F1, %", "of": "the file before"}
    assert results_table.from_card({**row, "names": ["nose"]}) == {"value": 80.3, "digits": 1}
    assert results_table.from_card({**row, "names": ["nose", "mouth"], "text": "{} %"}) == "80.3, 81.3 %"
    assert results_table.from_card("10 s") == "10 s"
    with pytest.raises(ValueError, match="card 'parsing': expected a row of scores"):
        results_table.from_card({**row, "metric": "NME"})


def test_the_best_cell_of_a_column() -> None:
    rows = [["a", {"value": 2.0, "digits": 1}], ["b", {"value": 1.0, "digits": 1}], ["c", None]]
    assert results_table.best_rows(rows, 1, "min") == {1}
    assert results_table.best_rows(rows, 1, "max") == {0}
    assert results_table.best_rows(rows[:1], 1, "max") == set()


def test_a_row_of_another_length_is_an_error() -> None:
    record = {"title": "t", "metric": "m", "columns": ["a", "b"], "rows": [["x"]]}
    with pytest.raises(ValueError, match="table 't': expected 2 cells per row, got 1"):
        results_table.table(record)


def test_every_named_benchmark_exists() -> None:
    named = {}
    for path in TEXTS:
        # A command behind `git switch` is one of an earlier commit.
        text = re.sub(r"`git switch[^`]*`", "", path.read_text(encoding="utf-8"))
        for module in re.findall(r"python -m (benchmarks[.\w]+\w)", text):
            named[module] = path
    assert named
    for module, path in sorted(named.items()):
        assert hasattr(importlib.import_module(module), "main"), f"{path} names {module}"
