"""Run FSMA's tables at a small scale on real faces: the effect of skip layers and of the frozen auto-encoder.

    FACEKIT_DATA=... python -m benchmarks.fsma.tables table1 table2 table5 --runs runs.jsonl --figures FOLDER

table1: landmarks, NME (inter-ocular) of the inner points, of the outline and of all, by skip code (Tables 1 and 3).
table2: parsing, F1 per part by skip code (Table 2).
table3: landmarks without skip layers, with all of them, and the UNet without pre-training (Tables 3 and 5).
table5: parsing with the same three networks (Table 5).
stylization, shadows: SSIM, PSNR and LPIPS by skip code (section 5.1, Figures 8, 12 and 13).
imm73: IMM's 73 points, scored on men that the adaptation did not use (section 4.1).
points112, parts21: the paper's 68 + 44 points and its 21 parts on generated faces (sections 4.1, 4.2, Figures 10, 11).

Each run is one line of the file ``--runs``. A stopped command continues after the runs that the file contains. Tables
hold mean and standard deviation over the draws (seeds 0, 1, ...). ``--figures`` writes the predictions of the first
draw side by side, by skip code and by number of faces (Figures 8 to 13).
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import facekit
from facekit.papers.custom_formats import CATS, IMM, OWN_PARTS, POINTS_112
from facekit.papers.face_data import LANDMARKS, PARTS, SHADOWS, SKETCHES, Data

from ..runbook import RunBook
from .figures import lay_out, save_strip

Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Table:
    """One table: each row (name and settings) at each number of faces, with the settings that all rows share."""

    data: Data
    rows: Rows
    faces: tuple[int, ...]
    settings: dict[str, Any] = field(default_factory=dict)


def codes(*skips: str) -> Rows:
    """Return one row per skip code."""
    return {skip: {"skip": skip} for skip in skips}


# No warm start from generated faces: rows must differ in their own setting only. Fewer steps than the quick recipes
# where those would take hours over all rows.
POINTS: dict[str, Any] = {"start": "none", "steps": 300, "batch_size": 10, "lr": 3e-3}
MASKS: dict[str, Any] = {"start": "none", "steps": 400, "batch_size": 8, "lr": 4e-3}
# Every layer trains, from random weights: twice the steps, at a rate that suits it.
UNET_POINTS: Rows = {"UNet": {"baseline": "unet", "lr": 1e-3, "steps": 600}}
UNET_MASKS: Rows = {"UNet": {"baseline": "unet", "lr": 1e-3, "steps": 800}}

TABLES: dict[str, Table] = {
    "table1": Table(LANDMARKS, codes("0000", "1000", "1100", "1110", "1111"), (157, 50, 10, 1), POINTS),
    "table2": Table(PARTS, codes("00000", "10000", "11000", "11100", "11110", "11111"), (10, 5, 1), MASKS),
    "table3": Table(LANDMARKS, codes("0000", "1111") | UNET_POINTS, (157, 50, 10, 1), POINTS),
    "table5": Table(PARTS, codes("00000", "11111") | UNET_MASKS, (10, 5, 1), MASKS),
    "stylization": Table(SKETCHES, codes("00000", "11111"), (15, 10)),
    "shadows": Table(SHADOWS, codes("00000", "11111"), (50,)),
    "imm73": Table(IMM, codes("1111"), (20, 10, 5, 1)),
    "points112": Table(POINTS_112, codes("1111"), (20, 10, 5, 1)),
    "parts21": Table(OWN_PARTS, codes("11111"), (50, 25, 10)),
}


def cats(weights: Path) -> Table:
    """Return the table of section 5.5: an auto-encoder pre-trained on cats, and one pre-trained on people."""
    rows = {"people's": {"weights": "embedded"}, "cats'": {"weights": str(weights)}}
    return Table(CATS, rows, (100, 20), {"start": "none", "steps": 300, "batch_size": 10, "lr": 3e-3})


def run(
    name: str, table: Table, row: str, faces: int, seed: int, book: RunBook, figures: Path | None
) -> dict[str, Any]:
    """Train and score one model, or return its scores from the run book."""
    settings = {**table.settings, **table.rows[row]}
    names = getattr(table.data.names, "name", table.data.names)
    key = {"task": table.data.task, "names": names, "faces": faces, "seed": seed, **settings}
    tiles = figures / f"{name}-{faces}-{row}.png" if figures and seed == 0 else None
    known = book.get(key)
    if known is not None and (tiles is None or tiles.exists()):
        return known
    split = table.data.split(faces, seed)
    started = time.monotonic()
    model = facekit.adapt(
        split.images, split.labels, table.data.task, names=table.data.names, seed=seed, progress=False, **settings
    )
    seconds = time.monotonic() - started
    if tiles is not None and figures is not None:
        save_strip(tiles, [r.draw() for r in facekit.predict(model, split.unseen)])
        save_strip(figures / f"{name}-{faces}-input.png", split.unseen)
    return known or book.add(key, table.data.score(model, split), seconds)


def print_table(name: str, table: Table, draws: int, book: RunBook, figures: Path | None) -> None:
    """Print one table, and draw its figures if a folder is given."""
    print(f"\n{name}: {table.data.task}, draws {list(range(draws))}, {table.settings}", flush=True)
    for faces in table.faces:
        for row in table.rows:
            runs = [run(name, table, row, faces, seed, book, figures) for seed in range(draws)]
            cells = []
            for column in runs[0]["scores"]:
                values = [r["scores"][column] for r in runs]
                spread = statistics.stdev(values) if draws > 1 else float("nan")
                digits = 2 if table.data.unit == "%" else 3
                cells.append(f"{column} {statistics.mean(values):.{digits}f} +- {spread:.{digits}f}")
            took = statistics.mean(r["seconds"] for r in runs)
            print(f"{faces:4d} faces  {row:>5s}  {'  '.join(cells)}  ({took:.0f} s)", flush=True)
    if figures:
        lay_out_all(name, table, figures)


def lay_out_all(name: str, table: Table, figures: Path) -> None:
    """Draw one figure per number of faces (columns: rows of the table) and one per row (columns: numbers of faces)."""

    def strip(faces: int, row: str) -> Path:
        return figures / f"{name}-{faces}-{row}.png"

    for faces in table.faces:
        columns = [(row, strip(faces, row)) for row in ("input", *table.rows)]
        lay_out(columns, f"{table.data.task}, {faces} labelled faces", figures / f"figure-{name}-{faces}-faces.png")
    for row in table.rows:
        columns = [(f"{faces} faces", strip(faces, row)) for faces in table.faces]
        lay_out(columns, f"{table.data.task}, {row}", figures / f"figure-{name}-{row}.png")


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=Path("fsma-runs.jsonl"))
    parser.add_argument("--cats", type=Path, help="also the table of cats: an auto-encoder pre-trained on their crops")
    parser.add_argument("--figures", type=Path, help="folder for images of the first draw")
    a = parser.parse_args()
    if "FACEKIT_DATA" not in os.environ:
        sys.exit("FACEKIT_DATA is not set: these tables need 300w/, fasseg/, sketches/, yaleb/ and celebahq128/ there")
    if a.figures:
        a.figures.mkdir(parents=True, exist_ok=True)
    book = RunBook(a.runs)
    for name in a.tables:
        print_table(name, TABLES[name], a.draws, book, a.figures)
    if a.cats:
        print_table("cats", cats(a.cats), a.draws, book, a.figures)


if __name__ == "__main__":
    main()
