"""Write ``benchmarks/RESULTS.md`` from the recorded figures in ``benchmarks/results/*.json``.

    python -m benchmarks.results_table            # write the file
    python -m benchmarks.results_table --check    # exit with 1 if the file differs

Each JSON file is one section: ``title``, ``about`` (paragraphs) and ``tables``. A table has ``title``, ``metric``,
``data``, ``seeds``, ``machine``, ``command``, ``columns`` and ``rows``, and optionally ``notes`` and ``best``.
``best`` names the columns (by index) in which the best cell is printed in bold, with "min" or "max".
A cell is a text, ``null``, or one of these objects, all with ``digits``, the number of decimals:

* ``{"runs": [5.1, 4.9, 5.0]}``: the scores of all draws; mean and sample standard deviation are computed.
* ``{"mean": 5.0, "std": 0.1}``: their mean and standard deviation, where single runs were not kept.
* ``{"value": 5.0}``: one number. ``"sign": true`` prints a plus before positive numbers.
* ``{"card": "parsing", "data": "...", "metric": "F1, %"}``: a score of a weight card, with the card's decimals; see
  ``ready_models.card_records``. ``of`` is that of the card's row. ``names`` lists the values to print of a score by
  name. ``text`` holds ``{}``, which is replaced.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from .ready_models.card_records import load, row_key, value_text

FOLDER = Path(__file__).parent / "results"
OUT = Path(__file__).parent / "RESULTS.md"
SECTIONS = ("few_shot", "ready_models", "fsma", "synthparse", "pftgan", "farl", "speed")
REPOSITORY = Path(__file__).parent.parent
HEAD = """# Results

This file is written by `python -m benchmarks.results_table` from `benchmarks/results/*.json`. Do not edit it by hand.
[README.md](README.md) describes the scripts.

Numbers after ± are standard deviations over draws of the labelled faces or over trainings. Bold marks the best mean of
a column. Commands that use real faces (300-W, FASSEG and others) need the environment variable `FACEKIT_DATA`.

The embedded weights are small. For example, `fsma`'s auto-encoder has half the paper's width and size, and was trained
on 26,900 faces instead of 2.1 million. These figures therefore do not show what the papers' weights reach.
"""


def from_card(cell: Any) -> Any:
    """Return a cell that names a score of a weight card with the card's value. Return other cells unchanged.

    Raises:
        ValueError: If the card has no such score.
    """
    if not isinstance(cell, dict) or "card" not in cell:
        return cell
    key = cell["data"], cell["metric"], cell.get("of", "")
    rows = [row for row in load(cell["card"])["scores"] if row_key(row) == key]
    if not rows:
        raise ValueError(f"card {cell['card']!r}: expected a row of scores with {key}; add it or change the cell")
    value, digits = rows[0]["value"], rows[0].get("digits", 1)
    values = [value[name] for name in cell["names"]] if "names" in cell else [value]
    if len(values) == 1 and isinstance(values[0], (int, float)) and "text" not in cell:
        return {"value": values[0], "digits": digits}
    return cell.get("text", "{}").format(", ".join(value_text(one, digits) for one in values))


def number(cell: Any) -> float | None:
    """Return the number by which a cell is compared with others, or None for a text or an empty cell."""
    if not isinstance(cell, dict):
        return None
    if "runs" in cell:
        return statistics.mean(cell["runs"])
    return cell["mean"] if "mean" in cell else cell["value"]


def text(cell: Any) -> str:
    """Return a cell as text: numbers with their decimals, mean and standard deviation joined by ±."""
    value = number(cell)
    if value is None:
        return cell or ""
    sign = "+" if cell.get("sign") and value > 0 else ""
    shown = f"{sign}{value:.{cell['digits']}f}"
    if "runs" in cell and len(cell["runs"]) > 1:
        return f"{shown} ± {statistics.stdev(cell['runs']):.{cell['digits']}f}"
    return f"{shown} ± {cell['std']:.{cell['digits']}f}" if "std" in cell else shown


def best_rows(rows: list[list[Any]], column: int, direction: str) -> set[int]:
    """Return the indices of the rows with the best number of a column; one number alone is not marked."""
    values = {i: v for i, row in enumerate(rows) if (v := number(row[column])) is not None}
    if len(values) < 2:
        return set()
    best = (min if direction == "min" else max)(values.values())
    return {i for i, v in values.items() if v == best}


def table(record: dict[str, Any]) -> str:
    """Return one table as Markdown, with its metric, data, seeds, machine, command and notes."""
    columns, rows = record["columns"], [[from_card(cell) for cell in row] for row in record["rows"]]
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"table {record['title']!r}: expected {len(columns)} cells per row, got {len(row)}: {row}")
    bold = {int(c): best_rows(rows, int(c), direction) for c, direction in record.get("best", {}).items()}
    lines = [f"### {record['title']}", "", f"{record['metric'][:1].upper()}{record['metric'][1:]}.", ""]
    lines += ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for i, row in enumerate(rows):
        cells = [f"**{text(cell)}**" if i in bold.get(c, ()) else text(cell) for c, cell in enumerate(row)]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", f"- Data: {record['data']}.", f"- Seeds: {record['seeds']}. Machine: {record['machine']}."]
    if record["command"] != "see the rows":
        lines.append(f"- Command: `{record['command']}`")
    return "\n".join([*lines, *(f"- {note}" for note in record.get("notes", []))])


def cards() -> str:
    """Return the list of the weight cards."""
    paths = [*REPOSITORY.glob("facekit/metrics/*.md"), *REPOSITORY.glob("facekit/zoo/weights/*.md")]
    paths.sort(key=lambda path: path.name)
    links = [f"- [{path.stem}](../{path.relative_to(REPOSITORY)})" for path in paths]
    intro = "Each file of weights has a card with its data, commands, seeds, scores, licence and failures."
    return "\n".join(["## Weight cards", "", intro, "", *links])


def results() -> str:
    """Return the whole of RESULTS.md."""
    parts = [HEAD.rstrip()]
    for name in SECTIONS:
        section = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        parts += [f"## {section['title']}", "\n\n".join(section["about"]), *map(table, section["tables"])]
    return "\n\n".join([*parts, cards()]) + "\n"


def main() -> None:
    """Write or check RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    if not parser.parse_args().check:
        OUT.write_text(results(), encoding="utf-8")
    elif not OUT.exists() or OUT.read_text(encoding="utf-8") != results():
        sys.exit("benchmarks/RESULTS.md is out of date; run python -m benchmarks.results_table")


if __name__ == "__main__":
    main()
