"""Records of the weight cards: ``benchmarks/results/cards/*.json``.

Each record describes one embedded file and becomes one card, ``NAME.md`` beside that file. It has these fields; texts
are Markdown:

* ``file``: path of the weights in the repository. ``sha256``: their digest, so that a card cannot outlive its file.
* ``title``, ``summary`` (paragraphs), ``licence``.
* ``ready``, for ready models only: ``name``, ``backbone``, ``result`` and ``score`` for the tables of ready models.
  ``score`` names a row of ``scores`` by ``data`` and ``metric``. Its ``text`` holds ``{value}``.
* ``data`` (items), ``commands`` (texts), ``command_notes`` (items), ``seed``, ``machine``, ``time``: the training.
* ``scores``: rows with ``data``, ``metric``, ``value``, ``digits``, ``command``, and optionally ``of``, ``machine``,
  ``date``. ``of`` says what was scored if it is not this file. A value is a number, a text, ``{"mean": 5.0, "std":
  0.1}``, or several of these by name. ``benchmarks.ready_models.scores`` adds rows. ``score_notes``: items.
* ``images``, ``failures``: ``text``, and optionally ``image``, ``alt``, ``credit``, and for `failures` ``cases``.
* ``limits``: what the model cannot do. ``tried``: what was tried and left. Both are items.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "benchmarks" / "results" / "cards"
REQUIRED = (
    *("file", "sha256", "title", "summary", "licence", "data", "commands", "command_notes", "seed", "machine", "time"),
    *("scores", "score_notes", "images", "limits", "failures", "tried"),
)
REQUIRED_SCORE = ("data", "metric", "value", "command")
# What was scored: these weights and replaced ones. ``of`` holds the latter.
THIS, BEFORE, OLDER = "this file", "the file before", "an older file"
Record = dict[str, Any]


def names() -> list[str]:
    """Return the names of all records."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name: str) -> Record:
    """Read a record and check its fields.

    Args:
        name: Name of the embedded file without its ending, such as "parsing".

    Raises:
        ValueError: If there is no such record, or a field is missing. The message names it.
    """
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        raise ValueError(f"card {name!r}: expected one of {', '.join(names())}; or add {path.relative_to(REPOSITORY)}")
    record: Record = json.loads(path.read_text(encoding="utf-8"))
    missing = [field for field in REQUIRED if field not in record]
    if missing:
        raise ValueError(f"{path.name}: the fields {', '.join(missing)} are missing; add them")
    for row in record["scores"]:
        missing = [field for field in REQUIRED_SCORE if row.get(field) in (None, "")]
        if missing:
            raise ValueError(f"{path.name}: a row of scores lacks {', '.join(missing)}: {row}; add them")
    return record


def save(name: str, record: Record) -> None:
    """Write a record."""
    text = json.dumps(record, indent=1, ensure_ascii=False)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def digest(record: Record) -> str:
    """Return the SHA-256 of a record's weights."""
    return hashlib.sha256((REPOSITORY / record["file"]).read_bytes()).hexdigest()


def renew(record: Record) -> bool:
    """Store the digest of replaced weights. The rows of the old weights are kept and marked by ``of``.

    Args:
        record: The record, changed in place.

    Returns:
        Whether the weights had been replaced.
    """
    new = digest(record)
    if new == record["sha256"]:
        return False
    record["sha256"] = new
    moved = {(row["data"], row["metric"]) for row in record["scores"] if "of" not in row}
    rows = []
    for row in record["scores"]:
        if row.get("of") == BEFORE:
            if (row["data"], row["metric"]) in moved:
                continue
            row["of"] = OLDER
        rows.append({**row, "of": row.get("of", BEFORE)})
    record["scores"] = rows
    return True


def add_scores(record: Record, rows: Iterable[dict[str, Any]]) -> None:
    """Put rows into a record. A row replaces the one with the same data, metric and ``of``.

    Args:
        record: The record, changed in place.
        rows: New rows of ``scores``.
    """
    for row in rows:
        same = [i for i, old in enumerate(record["scores"]) if row_key(old) == row_key(row)]
        if same:
            record["scores"][same[0]] = row
        else:
            record["scores"].append(row)


def row_key(row: dict[str, Any]) -> tuple[str, str, str]:
    """Return what identifies a row of scores: data, metric, and what was scored if it is not this file."""
    return row["data"], row["metric"], row.get("of", "")


def value_text(value: Any, digits: int = 1) -> str:
    """Return a value of a score as text.

    Args:
        value: A number, a text, a mean with its standard deviation, or several of these by name.
        digits: Number of decimals.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        if value.keys() == {"mean", "std"}:
            return f"{value['mean']:.{digits}f} ± {value['std']:.{digits}f}"
        return ", ".join(f"{name} {value_text(one, digits)}" for name, one in value.items())
    return f"{value:.{digits}f}"
