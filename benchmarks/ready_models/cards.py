"""Write the weight cards from the records in ``benchmarks/results/cards/*.json``.

    python -m benchmarks.ready_models.cards                # write all cards and the tables of ready models
    python -m benchmarks.ready_models.cards --check        # exit with 1 if a file differs
    python -m benchmarks.ready_models.cards --renew NAME   # after NAME's weights were replaced
    python -m benchmarks.ready_models.cards --images       # draw the images of failures again, see `failures`

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
* ``images``, ``failures``: ``text``, and optionally ``image``, ``alt`` and ``credit``.
* ``limits``: what the model cannot do. ``tried``: what was tried and left. Both are items.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MODULE = "benchmarks.ready_models.cards"
REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "benchmarks" / "results" / "cards"
REQUIRED = (
    *("file", "sha256", "title", "summary", "licence", "data", "commands", "command_notes", "seed", "machine", "time"),
    *("scores", "score_notes", "images", "limits", "failures", "tried"),
)
REQUIRED_SCORE = ("data", "metric", "value", "command")
# What was scored: these weights and replaced ones. ``of`` holds the latter.
THIS, BEFORE, OLDER = "this file", "the file before", "an older file"
# Order of the ready models in tables.
READY = ("landmarks", "segmentation", "segmentation-fasseg", "attributes", "farl-landmarks", "farl-segmentation")

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
        same = [i for i, old in enumerate(record["scores"]) if _key(old) == _key(row)]
        if same:
            record["scores"][same[0]] = row
        else:
            record["scores"].append(row)


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
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


def scores_tables(record: Record) -> list[str]:
    """Return the scores as one Markdown table per data set, and the list of their commands.

    Values by name get one line each. What was scored has one column each. A number in brackets behind each value names
    its command.
    """
    if not record["scores"]:
        return ["No score was recorded."]
    sources: dict[tuple[str, str, str], int] = {}
    lines: list[str] = []
    for data in dict.fromkeys(row["data"] for row in record["scores"]):
        rows = sorted((row for row in record["scores"] if row["data"] == data), key=lambda row: "of" in row)
        columns = list(dict.fromkeys(row.get("of", THIS) for row in rows))
        cells: dict[str, dict[str, str]] = {}
        for row in rows:
            source = (row["command"], row.get("machine") or "", row.get("date") or "")
            number = sources.setdefault(source, len(sources) + 1)
            for label, value in _lines(row).items():
                cells.setdefault(label, {})[row.get("of", THIS)] = f"{value} ({number})"
        heads = columns if columns != [THIS] else ["Value"]
        lines += [f"{data[:1].upper()}{data[1:]}:", "", "| " + " | ".join(["Metric", *heads]) + " |"]
        lines.append("|" + "---|" * (len(heads) + 1))
        lines += ["| " + " | ".join([label, *(by.get(c, "") for c in columns)]) + " |" for label, by in cells.items()]
        lines.append("")
    lines += ["Commands:", ""]
    for (command, *where), number in sources.items():
        shown = command if command.startswith("none was") else f"`{command}`"
        lines.append(f"- ({number}) " + "; ".join([shown, *filter(None, where)]))
    return lines


def _lines(row: dict[str, Any]) -> dict[str, str]:
    """Return the lines of a row: metric -> value as text."""
    value, digits = row["value"], row.get("digits", 1)
    if isinstance(value, dict) and value.keys() != {"mean", "std"}:
        return {f"{row['metric']}: {name}": value_text(one, digits) for name, one in value.items()}
    return {row["metric"]: value_text(value, digits)}


def shown(record: Record, items: list[dict[str, str]]) -> list[str]:
    """Return items with images as Markdown. The text stands below its image, with the attribution."""
    folder = (REPOSITORY / record["file"]).parent
    lines: list[str] = []
    for item in items:
        if "image" in item:
            link = os.path.relpath(REPOSITORY / item["image"], folder).replace(os.sep, "/")
            lines += [f"![{item['alt']}]({link})", ""]
        lines.append(item["text"])
        if "credit" in item:
            lines += ["", f"Image: {item['credit']}"]
        lines.append("")
    return lines[:-1]


def bullets(items: list[str], otherwise: str) -> list[str]:
    """Return a Markdown list, or a sentence if there are no items."""
    return [f"- {item}" for item in items] or [otherwise]


def card(record: Record) -> str:
    """Return a whole card. The sections and their order are the same in all cards."""
    path = Path(record["file"])
    ready = record.get("ready")
    size = (REPOSITORY / path).stat().st_size / 1e6
    use = f', ready model `"{ready["name"]}"` on `{ready["backbone"]}`' if ready else ""
    lines = [
        *(f"# {path.name}", "", f"**{record['title']}**{use}. {size:.2f} MB.", ""),
        *("\n\n".join(record["summary"]), ""),
        *("## Data", "", *bullets(record["data"], "Not known."), ""),
        *("## Training", ""),
    ]
    for command in record["commands"]:
        lines += ["```", command, "```", ""]
    lines += [
        *(f"- {note}" for note in record["command_notes"]),
        *(f"- Seed: {record['seed']}.", f"- Machine: {record['machine']}.", f"- Time: {record['time']}.", ""),
        *("## Scores", "", *scores_tables(record), ""),
    ]
    if record["score_notes"]:
        lines += ["Notes:", "", *bullets(record["score_notes"], ""), ""]
    if record["images"]:
        lines += [*shown(record, record["images"]), ""]
    lines += [
        *("## What it cannot do", "", *bullets(record["limits"], "Nothing was recorded."), ""),
        *("## Failures", "", *(shown(record, record["failures"]) or ["No failures were collected."]), ""),
        *("## Tried and left", "", *bullets(record["tried"], "Nothing was recorded."), ""),
        *("## Licence", "", record["licence"], ""),
        f"This card is written by `python -m {MODULE}` from `benchmarks/results/cards/{path.stem}.json`.",
    ]
    return "\n".join(lines) + "\n"


def card_path(record: Record) -> Path:
    """Return the path of a record's card."""
    return (REPOSITORY / record["file"]).with_suffix(".md")


def ready_records() -> list[Record]:
    """Return the records of ready models, in the order of the tables."""
    found = [record for name in names() if "ready" in (record := load(name))]
    order = {name: i for i, name in enumerate(READY)}
    return sorted(found, key=lambda r: (order.get(r["ready"]["name"], len(order)), r["ready"]["name"]))


def headline(record: Record) -> str:
    """Return a ready model's score for the tables, with the value of the row that it names.

    Raises:
        ValueError: If the record has no such row.
    """
    score = record["ready"]["score"]
    for row in record["scores"]:
        if _key(row) == (score["data"], score["metric"], score.get("of", "")):
            return score["text"].format(value=value_text(row["value"], row.get("digits", 1)))
    raise ValueError(f"{record['file']}: expected a row of scores with data {score['data']!r}; add it or change ready")


def short_table() -> str:
    """Return the README's table of ready models."""
    lines = ["| Model | Result | Score |", "|---|---|---|"]
    for record in ready_records():
        ready = record["ready"]
        lines.append(f'| `"{ready["name"]}"` | {ready["result"]} | {headline(record)} |')
    return "\n".join(lines)


def long_table() -> str:
    """Return the table of ready models in ``docs/ready-models.md``."""
    lines = ["| Model | Backbone | Result | Score | Card |", "|---|---|---|---|---|"]
    for record in ready_records():
        ready, link = record["ready"], f"[{Path(record['file']).stem}](../{Path(record['file']).with_suffix('.md')})"
        cells = [f'`"{ready["name"]}"`', f"`{ready['backbone']}`", ready["result"], headline(record), link]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def card_list() -> str:
    """Return the list of all cards in ``docs/ready-models.md``."""
    records = [load(name) for name in names()]
    links = [f"- [{Path(r['file']).stem}](../{Path(r['file']).with_suffix('.md')}): {r['title']}" for r in records]
    return "\n".join(links)


# Generated parts of other files, between the comments <!-- cards: NAME --> and <!-- cards: end -->.
BLOCKS = {
    "README.md": {"ready models": short_table},
    "docs/ready-models.md": {"ready models": long_table, "all cards": card_list},
}


def filled(text: str, name: str, content: str) -> str:
    """Replace a generated part of a file.

    Args:
        text: The file.
        name: Name in the comment before the part.
        content: The new part.

    Raises:
        ValueError: If the comments are missing.
    """
    begin, end = f"<!-- cards: {name} -->\n", "\n<!-- cards: end -->"
    start = text.find(begin)
    stop = text.find(end, start)
    if start < 0 or stop < 0:
        raise ValueError(f"expected the comments {begin.strip()} and {end.strip()}; add them around the part")
    return text[: start + len(begin)] + content + text[stop:]


def files() -> dict[Path, str]:
    """Return all files that the records determine, with their text."""
    found = {card_path(record): card(record) for record in map(load, names())}
    for name, blocks in BLOCKS.items():
        path = REPOSITORY / name
        text = path.read_text(encoding="utf-8")
        for block, content in blocks.items():
            text = filled(text, block, content())
        found[path] = text
    return found


def outdated() -> list[str]:
    """Return a sentence for each record whose weights were replaced and for each file that differs."""
    replaced = [name for name in names() if digest(record := load(name)) != record["sha256"]]
    sentences = [f"{name}: its weights were replaced; run python -m {MODULE} --renew {name}" for name in replaced]
    for path, text in files().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            sentences.append(f"{path.relative_to(REPOSITORY)} is out of date; run python -m {MODULE}")
    return sentences


def main() -> None:
    """Write or check the cards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    parser.add_argument("--renew", nargs="+", metavar="NAME", default=[], help="records whose weights were replaced")
    parser.add_argument("--images", action="store_true", help="draw the images of failures again (needs FACEKIT_DATA)")
    a = parser.parse_args()
    if a.check:
        if sentences := outdated():
            sys.exit("\n".join(sentences))
        return
    for name in a.renew:
        record = load(name)
        renew(record)
        save(name, record)
    if a.images:
        from . import failures

        failures.draw_all()
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
