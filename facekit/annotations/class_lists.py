"""Read the files next to masks that list the classes in the order of their ids.

- `labels.txt` and `class_names.txt` of LabelMe: one name per line.
- `labelmap.txt` of CVAT: `name:R,G,B:parts:actions` per line, for masks that store colours.
- `_classes.csv` of Roboflow: `Pixel Value, Class`.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from ..labels.palettes import Colour
from .label_names import check_unique
from .records import LabelBatch
from .text_files import read_text
from .values import short_repr

_NAME_LISTS = ("labels.txt", "class_names.txt")
_COLOUR_LIST = "labelmap.txt"
_ID_TABLE = "_classes.csv"


def read_class_list(folder: Path, batch: LabelBatch) -> None:
    """Add the classes that a file declares to the batch. The first file that can be read counts.

    Args:
        folder: Folder of the masks. CVAT's file may also be in the folder above.
        batch: Batch to change. A bad file goes to its ``skipped``.
    """
    for file in (
        *(folder / name for name in (*_NAME_LISTS, _COLOUR_LIST, _ID_TABLE)),
        folder.resolve().parent / _COLOUR_LIST,
    ):
        if file.is_file():
            with batch.skip_errors(file.name):
                text = read_text(file)
                if file.name == _COLOUR_LIST:
                    batch.colours = _parse_colours(text)
                    order = tuple(batch.colours)
                else:
                    lines = [line.strip() for line in text.splitlines()]
                    names = _parse_table(text) if file.name == _ID_TABLE else [line for line in lines if line]
                    order = check_unique(names, file.name)
                batch.declare(order if len(order) > 1 else None)
                return


def _parse_colours(text: str) -> dict[str, Colour]:
    """Return class name -> RGB of CVAT's labelmap.txt."""
    colours: dict[str, Colour] = {}
    for i, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"(.+?):\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*(:.*)?", line.strip())
        if match is None or any(int(match[k]) > 255 for k in (2, 3, 4)):
            raise ValueError(f"row {i}: expected name:R,G,B:parts:actions, got {short_repr(line)}; export it again")
        colours[match[1].strip()] = (int(match[2]), int(match[3]), int(match[4]))
    if len(colours) < 2:
        raise ValueError(f"expected 2 classes or more, got {len(colours)}; export it again")
    return colours


def _parse_table(text: str) -> list[str]:
    """Return the names of Roboflow's table in the order of their pixel values, which count from 0."""
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if row][1:]
    except csv.Error as error:
        raise ValueError(f"expected Pixel Value, Class, got a broken table ({error}); export it again") from error
    names = {int(row[0]): row[1] for row in rows if len(row) == 2 and row[0].isdecimal()}
    if sorted(names) != list(range(len(rows))):
        raise ValueError(
            f"expected pixel values from 0 on with a name each, got {len(rows)} other rows; export it again"
        )
    return [names[i] for i in range(len(names))]
