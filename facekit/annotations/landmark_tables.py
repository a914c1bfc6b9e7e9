"""Read landmarks from a CSV table: one row per face, with the image's name first.

Each point has two columns, `left_eye_x` and `left_eye_y`, as `facekit predict --format csv` writes them. Or the points
have numbers, `x0,y0,x1,y1,...`, in the order of a label set. (0, 0) is the centre of the top-left pixel: ORIGIN = 0.
Empty cells are not labelled, rows without any point are left out, and other columns are not read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..labels import LandmarkSet
from .image_finder import image_size
from .records import FacePoints, ReadContext
from .tables import TableRow, cell_number, read_rows
from .values import short_repr

ORIGIN = 0.0
SUFFIXES = (".csv", ".tsv")
_BOX = ("x0", "y0", "x1", "y1")

# Name of a point (None: it has a number) and the places of its x and y among the columns.
Point = tuple[str | None, int, int]


def column_names(labels: LandmarkSet) -> list[str]:
    """Return the names of the columns that hold the points of a set: NAME_x and NAME_y of each."""
    return [f"{name}_{axis}" for name in labels.points for axis in "xy"]


def point_columns(columns: Sequence[str]) -> list[Point]:
    """Return the points that a table's columns hold, in order.

    Args:
        columns: Names of the columns, without that of the images.

    Returns:
        Points with names, if there is one, else those with numbers. None of the numbers is one of a box x0,y0,x1,y1.
    """
    places = {column.lower(): i for i, column in enumerate(columns)}
    named: list[Point] = [
        (columns[x][:-2], x, places[name[:-1] + "y"])
        for name, x in places.items()
        if len(name) > 2 and re.search(r"[_. ]x$", name) and name[:-1] + "y" in places
    ]
    if named:
        return named
    numbers = sorted(int(name[1:]) for name in places if re.fullmatch(r"x\d{1,4}", name) and "y" + name[1:] in places)
    is_box = tuple(name for name in places if re.fullmatch(r"[xy]\d+", name)) == _BOX
    return [] if is_box else [(None, places[f"x{n}"], places[f"y{n}"]) for n in numbers]


def read_landmark_table(file: Path, context: ReadContext, single: bool) -> None:
    """Add the faces of a table to the batch.

    Args:
        file: The table.
        context: Task, image finder, origin and batch.
        single: Whether the user named this file. In a folder, tables without points are none of ours.

    Raises:
        ValueError: If the table is broken, or the user named it and it has no points.
    """
    source, columns, rows = read_rows(file)
    points = point_columns(columns)
    if not points:
        if single:
            fix = "rename the columns, or export LabelMe, COCO or CVAT files"
            got = ", ".join(columns[:6]) + (" ..." if len(columns) > 6 else "")
            raise ValueError(f"expected columns NAME_x and NAME_y, or x0,y0,x1,y1,..., of points, got {got}; {fix}")
        return
    names = tuple(name for name, _, _ in points if name is not None) or None
    context.batch.declare(names)
    for row in rows:
        with context.batch.skip_errors(f"{source}, row {row.line} ({row.image})"):
            placed = np.array([_place(row, columns, x, y) for _, x, y in points]) - context.origin
            labelled = np.isfinite(placed[:, 0])
            if labelled.any():
                image = context.finder.of_row(row.image, file)
                visible = np.where(labelled, 2, 0).astype(np.uint8)
                face = FacePoints(f"{source}, {row.image}", image, image_size(image), placed, visible, names)
                context.batch.faces.append(face)


def _place(row: TableRow, columns: Sequence[str], x: int, y: int) -> tuple[float, float]:
    """Return x and y of a point, NaN if it is not labelled. Raise ValueError for cells that are no point."""
    cells = row.cells[x], row.cells[y]
    first, second = (cell_number(cell) for cell in cells)
    if first is None or second is None or math.isfinite(first) != math.isfinite(second):
        expected = f"expected two numbers, or two empty cells, in columns {columns[x]!r} and {columns[y]!r}"
        raise ValueError(f"{expected}, got {' and '.join(map(short_repr, cells))}; correct them")
    return first, second
