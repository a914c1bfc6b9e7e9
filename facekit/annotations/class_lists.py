"""The files beside masks that say which id is which class.

`labels.txt` and `class_names.txt` of LabelMe have one name a line; `labelmap.txt` of CVAT has
`name:R,G,B:parts:actions` for masks that store colours; `_classes.csv` of Roboflow has `Pixel Value, Class`.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from ..labels.palettes import Colour
from .label_names import check_listing
from .records import Found, shown
from .text_files import read_text

_NAMES = ("labels.txt", "class_names.txt")
_COLOURS = "labelmap.txt"
_TABLE = "_classes.csv"


def read_class_list(folder: Path, found: Found) -> None:
    """Add the classes that a file in the masks' folder, or CVAT's above it, declares. A bad file goes to `skipped`."""
    for file in (*(folder / name for name in (*_NAMES, _COLOURS, _TABLE)), folder.resolve().parent / _COLOURS):
        if file.is_file():
            with found.attempt(file.name):
                if file.name == _COLOURS:
                    found.colours = _colours(read_text(file))
                    order = tuple(found.colours)
                else:
                    text = read_text(file)
                    lines = [line.strip() for line in text.splitlines()]
                    names = _table(text) if file.name == _TABLE else [line for line in lines if line]
                    order = check_listing(names, file.name)
                found.listing(order if len(order) > 1 else None)
                return


def _colours(text: str) -> dict[str, Colour]:
    """Name -> colour of CVAT's labelmap.txt."""
    colours: dict[str, Colour] = {}
    for i, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"(.+?):\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*(:.*)?", line.strip())
        if match is None or any(int(match[k]) > 255 for k in (2, 3, 4)):
            raise ValueError(f"row {i}: {shown(line)} came, expected name:R,G,B:parts:actions: export it again")
        colours[match[1].strip()] = (int(match[2]), int(match[3]), int(match[4]))
    if len(colours) < 2:
        raise ValueError(f"{len(colours)} classes came, expected 2 or more: export it again")
    return colours


def _table(text: str) -> list[str]:
    """The names of Roboflow's table in the order of their pixel values, which count from 0."""
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if row][1:]
    except csv.Error as error:
        raise ValueError(f"a broken table ({error}) came, expected Pixel Value, Class: export it again") from error
    names = {int(row[0]): row[1] for row in rows if len(row) == 2 and row[0].isdecimal()}
    if sorted(names) != list(range(len(rows))):
        raise ValueError(f"{len(rows)} rows came, expected pixel values from 0 on and a name each: export it again")
    return [names[i] for i in range(len(names))]
