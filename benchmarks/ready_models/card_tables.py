"""Tables of the ready models and the list of all cards, as the README and ``docs/ready-models.md`` show them."""

from __future__ import annotations

from pathlib import Path

from .card_records import Record, load, names, row_key, value_text

# Order of the ready models in tables.
READY = (
    *("landmarks", "segmentation", "segmentation-fasseg", "attributes", "sketch", "sketch-fs2k", "shadow-removal"),
    *("farl-landmarks", "farl-segmentation"),
)


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
        if row_key(row) == (score["data"], score["metric"], score.get("of", "")):
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
