"""Write the weight cards from the records in ``benchmarks/results/cards/*.json``.

    python -m benchmarks.ready_models.cards                # write all cards and the tables of ready models
    python -m benchmarks.ready_models.cards --check        # exit with 1 if a file differs
    python -m benchmarks.ready_models.cards --renew NAME   # after NAME's weights were replaced
    python -m benchmarks.ready_models.cards --images       # draw the images of failures again, see `failures`

`card_records` describes the fields of a record.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from .card_records import REPOSITORY, THIS, Record, digest, load, names, renew, save, value_text
from .card_tables import card_list, long_table, short_table

MODULE = "benchmarks.ready_models.cards"


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
        *("## Failures", "", *(shown(record, record["failures"]) or ["No images of failures were collected."]), ""),
        *("## Tried and left", "", *bullets(record["tried"], "Nothing was recorded."), ""),
        *("## Licence", "", record["licence"], ""),
        f"This card is written by `python -m {MODULE}` from `benchmarks/results/cards/{path.stem}.json`.",
    ]
    return "\n".join(lines) + "\n"


def card_path(record: Record) -> Path:
    """Return the path of a record's card."""
    return (REPOSITORY / record["file"]).with_suffix(".md")


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
