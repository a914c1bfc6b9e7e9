"""The weight cards are what ``python -m benchmarks.ready_models.cards`` writes from the records."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ready_models import card_records, cards
from facekit.zoo import EMBEDDED, embedded_file

ROW = {"data": "d", "metric": "NME, %", "value": 3.125, "digits": 2, "command": "c"}


def record(**changes: Any) -> card_records.Record:
    return {**copy.deepcopy(card_records.load("attributes40")), **changes}


def test_cards_and_tables_are_written_by_the_script_and_no_weights_are_newer() -> None:
    assert cards.outdated() == []


def test_every_embedded_file_has_a_record() -> None:
    described = {(card_records.REPOSITORY / card_records.load(name)["file"]).resolve() for name in card_records.names()}
    assert described == {embedded_file(name).resolve() for name in EMBEDDED}


def test_a_record_is_named_after_its_file() -> None:
    assert all(Path(card_records.load(name)["file"]).stem == name for name in card_records.names())


@pytest.mark.parametrize("name", card_records.names())
def test_every_card_has_the_same_sections(name: str) -> None:
    lines = cards.card(card_records.load(name)).splitlines()
    assert [line for line in lines if line.startswith("## ")] == [
        *(
            "## Data",
            "## Training",
            "## Scores",
            "## What it cannot do",
            "## Failures",
            "## Tried and left",
            "## Licence",
        )
    ]


@pytest.mark.parametrize("name", card_records.names())
def test_failures_show_generated_faces_or_the_london_set_with_its_attribution(name: str) -> None:
    for item in (i for i in card_records.load(name)["failures"] if "image" in i):
        path = card_records.REPOSITORY / item["image"]
        assert path.is_file() and path.stat().st_size <= 60_000
        kinds = {case.split("/")[0] for case in item["cases"]}
        assert kinds <= {"london", "generated", "shadowed"} and item["alt"] and item["credit"]
        assert "CC BY 4.0" in item["credit"] or kinds == {"generated"}


def test_each_value_names_its_command() -> None:
    rows = [ROW, {**ROW, "of": "the file before", "value": 4.0, "command": "old", "machine": "m", "date": "2026-11-27"}]
    assert cards.scores_tables(record(scores=rows)) == [
        *(
            "D:",
            "",
            "| Metric | this file | the file before |",
            "|---|---|---|",
            "| NME, % | 3.12 (1) | 4.00 (2) |",
            "",
        ),
        *("Commands:", "", "- (1) `c`", "- (2) `old`; m; 2026-11-27"),
    ]


def test_values_by_name_get_one_line_each() -> None:
    value = {"skin": {"mean": 90.0, "std": 0.25}, "nose": 80.0}
    lines = cards.scores_tables(record(scores=[{**ROW, "value": value}]))
    assert lines[2:6] == [
        "| Metric | Value |",
        "|---|---|",
        "| NME, %: skin | 90.00 ± 0.25 (1) |",
        "| NME, %: nose | 80.00 (1) |",
    ]


def test_a_new_row_replaces_the_one_of_the_same_data_and_metric() -> None:
    described = record(scores=[ROW, {**ROW, "of": "other"}])
    card_records.add_scores(described, [{**ROW, "value": 1.0}, {**ROW, "metric": "m", "value": 2.0}])
    assert [row["value"] for row in described["scores"]] == [1.0, 3.125, 2.0]


def test_rows_of_replaced_weights_are_kept_and_marked() -> None:
    described = record(
        scores=[ROW, {**ROW, "of": card_records.BEFORE}, {**ROW, "metric": "m", "of": card_records.BEFORE}]
    )
    assert not card_records.renew(described)
    described["sha256"] = "0" * 64
    assert card_records.renew(described) and not card_records.renew(described)
    assert described["scores"] == [{**ROW, "of": card_records.BEFORE}, {**ROW, "metric": "m", "of": card_records.OLDER}]


def test_a_row_without_command_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = record(scores=[{**ROW, "command": ""}])
    monkeypatch.setattr(card_records, "FOLDER", tmp_path)
    card_records.save("attributes40", broken)
    with pytest.raises(ValueError, match="attributes40.json: a row of scores lacks command"):
        card_records.load("attributes40")


def test_a_generated_part_of_a_file_is_replaced() -> None:
    assert cards.filled("a\n<!-- cards: t -->\nold\n<!-- cards: end -->\nb", "t", "new") == (
        "a\n<!-- cards: t -->\nnew\n<!-- cards: end -->\nb"
    )
    with pytest.raises(ValueError, match="expected the comments"):
        cards.filled("a", "t", "new")
