"""Tables of experiments: the paper's figures beside ours, and paired differences with confidence intervals."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.atomic_file import whole_file
from ..metrics.paired_differences import paired_difference
from .cells import FinishedCell
from .experiment import Experiment

Found = Mapping[tuple[str, str, int], FinishedCell]


def table(experiment: Experiment, scale: str, found: Found, left_out: Mapping[str, str]) -> dict[str, Any]:
    """Return a table as plain data.

    Args:
        experiment: The experiment.
        scale: Name of the scale.
        found: (row, column, draw) -> its finished cell.
        left_out: Rows that were left out, each with what they need.

    Returns:
        What the experiment is, and one entry per row and column: the scores of all draws, mean and sample standard
        deviation, and the difference to the row `Experiment.own` in the same draws. None is a score that could not be
        computed.
    """
    size = experiment.scales[scale]
    entries = [
        _entry(experiment, found, row, column)
        for row in size.rows or experiment.rows
        if row not in left_out
        for column in size.columns
    ]
    return {
        "experiment": experiment.id,
        "title": experiment.title,
        "lower is better": [name for name in experiment.shown if name in experiment.lower],
        "scale": scale,
        "data": size.data,
        "own": experiment.own,
        "paper": [
            {"row": row, "column": column, "scores": dict(scores)} for (row, column), scores in experiment.paper.items()
        ],
        "paper data": experiment.paper_data,
        "machines": sorted({cell.machine for cell in found.values()}),
        "entries": entries,
        "left out": dict(left_out),
    }


def _entry(experiment: Experiment, found: Found, row: str, column: str) -> dict[str, Any]:
    """Return one row of one column."""
    cells, own = (_draws(found, name, column) for name in (row, experiment.own))
    differences = {}
    if row != experiment.own and cells.keys() == own.keys():
        differences = {name: _difference(cells, own, name) for name in experiment.shown}
    return {
        "row": row,
        "column": column,
        "scores": {name: _summary(_values(cells, name)) for name in experiment.shown},
        f"minus {experiment.own}": differences,
        "seconds": round(statistics.mean(cell.seconds for cell in cells.values()), 1),
    }


def _draws(found: Found, row: str, column: str) -> dict[int, FinishedCell]:
    """Return the cells of a row and a column by draw, in order."""
    return {key[2]: cell for key, cell in sorted(found.items()) if key[:2] == (row, column)}


def _values(cells: Mapping[int, FinishedCell], name: str) -> list[float]:
    return [cell.scores.get(name, math.nan) for cell in cells.values()]


def _plain(value: float) -> float | None:
    """Return a number, or None for NaN and infinity, which JSON does not have."""
    return value if math.isfinite(value) else None


def _summary(values: Sequence[float]) -> dict[str, Any]:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan  # statistics.stdev fails on NaN
    return {"draws": [_plain(v) for v in values], "mean": _plain(float(np.mean(values))), "std": _plain(spread)}


def _difference(cells: Mapping[int, FinishedCell], own: Mapping[int, FinishedCell], name: str) -> dict[str, Any]:
    found = paired_difference(_values(cells, name), _values(own, name))
    return {"mean": _plain(found.mean), "low": _plain(found.low), "high": _plain(found.high), "draws": found.draws}


def markdown(about: Mapping[str, Any], experiment: Experiment) -> str:
    """Return a table as Markdown. Each row of the paper stands above ours; scale and data are in each row.

    Args:
        about: From `table`.
        experiment: The experiment.
    """
    shown, own = experiment.shown, experiment.own
    lower = set(about["lower is better"])
    directions = {"Lower": [n for n in shown if n in lower], "Higher": [n for n in shown if n not in lower]}
    text = " ".join(f"{name} is better: {'; '.join(scores)}." for name, scores in directions.items() if scores)
    lines = [f"## {about['experiment']}: {about['title']}", "", text, ""]
    head = ["", experiment.column_title, "scale and data", *shown, f"minus {own}, 95 % interval"]
    lines += [_row(head), "|" + "---|" * len(head), *_rows(about, shown, own)]
    draws = max((len(score["draws"]) for entry in about["entries"] for score in entry["scores"].values()), default=0)
    if draws > 1:
        lines += ["", f"- {draws} draws; ± is the sample standard deviation over draws."]
    else:
        lines += ["", "- One draw: neither spread nor interval is known."]
    lines += [f"- {note}" for note in experiment.notes]
    lines += [f"- {row} is left out: it needs {need}." for row, need in about["left out"].items()]
    lines += [f"- Machine: {'; '.join(about['machines'])}."]
    option = "" if draws == experiment.scales[about["scale"]].draws else f" --draws {draws}"
    lines += [f"- Command: `facekit reproduce {about['experiment']} --scale {about['scale']}{option}`"]
    return "\n".join(lines) + "\n"


def _rows(about: Mapping[str, Any], shown: Mapping[str, int], own: str) -> Iterator[str]:
    """Yield the lines of all rows: the paper's and ours of the same name follow each other."""
    names = dict.fromkeys(entry["row"] for entry in (*about["paper"], *about["entries"]))
    for name in names:
        for entry in (entry for entry in about["paper"] if entry["row"] == name):
            cells = [_number(entry["scores"].get(score), digits) for score, digits in shown.items()]
            yield _row([name, entry["column"], f"paper; {about['paper data']}", *cells, ""])
        for entry in (entry for entry in about["entries"] if entry["row"] == name):
            scores = entry["scores"]
            cells = [_spread(scores[score]["mean"], scores[score]["std"], digits) for score, digits in shown.items()]
            differences = entry[f"minus {own}"].items()
            text = "; ".join(_interval(score, one, shown[score]) for score, one in differences)
            yield _row([name, entry["column"], f"ours, {about['scale']}; {about['data']}", *cells, text])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _spread(mean: float | None, std: float | None, digits: int) -> str:
    return _number(mean, digits) + ("" if std is None else f" ± {std:.{digits}f}")


def _interval(name: str, found: Mapping[str, Any], digits: int) -> str:
    if found["mean"] is None:
        return f"{name} unknown"
    if found["low"] is None:
        return f"{name} {found['mean']:+.{digits}f}"
    return f"{name} {found['mean']:+.{digits}f} ({found['low']:+.{digits}f} to {found['high']:+.{digits}f})"


def write_report(experiment: Experiment, scale: str, found: Found, left_out: Mapping[str, str], out: Path) -> Path:
    """Write ``table.json`` and ``table.md`` of an experiment, and RESULTS.md of all experiments in the folder.

    Args:
        experiment: The experiment.
        scale: Name of the scale.
        found: As for `table`.
        left_out: As for `table`.
        out: Folder of the results.

    Returns:
        The path of table.md.
    """
    folder = out / experiment.id / scale
    about = table(experiment, scale, found, left_out)
    with whole_file(folder / "table.json") as temporary:
        temporary.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with whole_file(folder / "table.md") as temporary:
        temporary.write_text(markdown(about, experiment), encoding="utf-8")
    tables = sorted(out.glob("*/*/*/table.md"))
    texts = "\n".join(one.read_text(encoding="utf-8") for one in tables)
    with whole_file(out / "RESULTS.md") as temporary:
        temporary.write_text(f"# Results\n\nWritten by `facekit reproduce`.\n\n{texts}", encoding="utf-8")
    return folder / "table.md"
