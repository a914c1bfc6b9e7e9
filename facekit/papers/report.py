"""Tables of experiments: the paper's figures beside ours, and paired differences with confidence intervals."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.atomic_file import whole_file
from ..metrics.paired_differences import paired_difference
from .cells import FinishedCell, machine
from .experiment import Experiment

Found = Mapping[tuple[str, str, int], FinishedCell]


def table(experiment: Experiment, scale: str, found: Found) -> dict[str, Any]:
    """Return a table as plain data.

    Args:
        experiment: The experiment.
        scale: Name of the scale.
        found: (row, column, draw) -> its finished cell.

    Returns:
        What the experiment is, and one entry per row and column: the scores of all draws, mean and sample standard
        deviation, and the difference to the row `Experiment.own` in the same draws.
    """
    size = experiment.scales[scale]
    entries = []
    for column in size.columns:
        own = _draws(found, experiment.own, column)
        for row in experiment.rows:
            draws = _draws(found, row, column)
            if not draws:
                continue
            scores = {name: _summary([cell.scores.get(name, math.nan) for cell in draws]) for name in experiment.shown}
            differences = {
                name: _difference(draws, own, name)
                for name in experiment.shown
                if row != experiment.own and len(own) == len(draws)
            }
            seconds = statistics.mean(cell.seconds for cell in draws)
            entries.append(
                {
                    "row": row,
                    "column": column,
                    "scores": scores,
                    "minus " + experiment.own: differences,
                    "seconds": round(seconds, 1),
                }
            )
    return {
        "experiment": experiment.id,
        "title": experiment.title,
        "better": experiment.better,
        "scale": scale,
        "data": size.data,
        "paper": [
            {"row": row, "column": column, "scores": dict(scores)} for (row, column), scores in experiment.paper.items()
        ],
        "paper_data": experiment.paper_data,
        "machine": machine(),
        "entries": entries,
    }


def _draws(found: Found, row: str, column: str) -> list[FinishedCell]:
    """Return the cells of all draws of a row and a column, in order."""
    return [cell for (of_row, of_column, _), cell in sorted(found.items()) if (of_row, of_column) == (row, column)]


def _summary(values: Sequence[float]) -> dict[str, Any]:
    spread = statistics.stdev(values) if len(values) > 1 else None
    return {"draws": list(values), "mean": statistics.mean(values), "std": spread}


def _difference(draws: Sequence[FinishedCell], own: Sequence[FinishedCell], name: str) -> dict[str, Any]:
    first, second = ([cell.scores.get(name, math.nan) for cell in cells] for cells in (draws, own))
    found = paired_difference(first, second)
    return {"mean": found.mean, "low": found.low, "high": found.high, "draws": found.draws}


def markdown(about: Mapping[str, Any], shown: Mapping[str, int], own: str) -> str:
    """Return a table as Markdown: the paper's rows, then ours, with scale and data in each row.

    Args:
        about: From `table`.
        shown: As `Experiment.shown`.
        own: As `Experiment.own`.
    """
    direction = "lower" if about["better"] == "lower" else "higher"
    lines = [f"## {about['experiment']}: {about['title']}", "", f"{direction.capitalize()} is better.", ""]
    head = ["", "labelled faces", "scale and data", *shown, f"difference to {own}, 95 % interval"]
    lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for entry in about["paper"]:
        cells = [_number(entry["scores"].get(name), digits) for name, digits in shown.items()]
        where = f"paper; {about['paper_data']}"
        lines.append("| " + " | ".join([entry["row"], entry["column"], where, *cells, ""]) + " |")
    for entry in about["entries"]:
        cells = [
            _spread(entry["scores"][name]["mean"], entry["scores"][name]["std"], digits)
            for name, digits in shown.items()
        ]
        differences = entry["minus " + own]
        text = "; ".join(_interval(name, one, shown[name]) for name, one in differences.items())
        where = f"ours, {about['scale']}; {about['data']}"
        lines.append("| " + " | ".join([entry["row"], entry["column"], where, *cells, text]) + " |")
    draws = max((len(s["draws"]) for entry in about["entries"] for s in entry["scores"].values()), default=0)
    lines += ["", f"- {draws} draws of the labelled faces; ± is the sample standard deviation over draws."]
    lines += [f"- Machine: {about['machine']}.", f"- Command: `facekit reproduce {about['experiment']}`"]
    return "\n".join(lines) + "\n"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _spread(mean: float, std: float | None, digits: int) -> str:
    return _number(mean, digits) + ("" if std is None else f" ± {std:.{digits}f}")


def _interval(name: str, found: Mapping[str, Any], digits: int) -> str:
    if math.isnan(found["low"]):
        return f"{name} {found['mean']:+.{digits}f}"
    return f"{name} {found['mean']:+.{digits}f} ({found['low']:+.{digits}f} to {found['high']:+.{digits}f})"


def write_report(experiment: Experiment, scale: str, found: Found, out: Path) -> Path:
    """Write ``table.json`` and ``table.md`` of an experiment, and RESULTS.md of all experiments in the folder.

    Args:
        experiment: The experiment.
        scale: Name of the scale.
        found: As for `table`.
        out: Folder of the results.

    Returns:
        The path of table.md.
    """
    folder = out / experiment.id / scale
    about = table(experiment, scale, found)
    with whole_file(folder / "table.json") as temporary:
        temporary.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with whole_file(folder / "table.md") as temporary:
        temporary.write_text(markdown(about, experiment.shown, experiment.own), encoding="utf-8")
    tables = sorted(out.glob("*/*/*/table.md"))
    with whole_file(out / "RESULTS.md") as temporary:
        temporary.write_text(
            "# Results\n\nWritten by `facekit reproduce`.\n\n"
            + "\n".join(t.read_text(encoding="utf-8") for t in tables),
            encoding="utf-8",
        )
    return folder / "table.md"
