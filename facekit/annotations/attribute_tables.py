"""Read the attributes of images from a table.

Attributes are 0 and 1 with empty cells for what is not labelled, or CelebA's -1 and 1. `facekit.annotations.tables`
describes the tables.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..core.listing import first_of
from ..core.name_index import NameIndex, folded_name, joined_names, warn_of_similar_names
from ..labels import CELEBA_40, AttributeSet, attribute_set
from .image_finder import ImageFinder
from .label_files import LabelFiles
from .tables import Table, cell_number, read_table
from .values import short_repr


def read_attributes(
    path: str | os.PathLike[str],
    names: AttributeSet | str | Sequence[str] | None = None,
    *,
    images: str | os.PathLike[str] | None = None,
) -> LabelFiles:
    """Read the attributes of images from a table. Rows without an image are left out with a warning.

    Args:
        path: A CSV file with a header row, or CelebA's `list_attr_celeba.txt`. Images may be named without suffix.
        names: A column or a list of columns, which the table must have. Or a set, also by its name "celeba40": its
            attributes without a column are not labelled. None: all columns.
        images: Folder of the images. None: they are searched as by `read_labels`.

    Returns:
        Images, attributes of shape (N, A), float32, 0 and 1, NaN = not labelled, and the attribute set.

    Raises:
        ValueError: If the table is broken, a cell is no attribute, or no image exists. The message names file, row and
            column.

    Example:
        >>> found = read_attributes("faces.csv", ["smiling", "glasses"])
        >>> model = facekit.adapt(found.images, found.labels, "attributes", names=found.names)
    """
    table = read_table(path)
    labels, column_of = _select_columns(table, names)
    finder = ImageFinder(Path(path).expanduser().parent, images)
    files: dict[str, Path] = {}
    skipped: dict[str, str] = {}
    row_of: dict[Path, str] = {}
    for name in table.rows:
        try:
            file = finder.of_row(name, Path(path))
            first = row_of.setdefault(file.resolve(), name)
            if first != name:
                got = joined_names((first, name))
                raise ValueError(f"expected one row for {file.name}, got {got}; delete one")
            files[name] = file
        except ValueError as error:
            skipped[name] = str(error)
    if not files:
        reason = next(iter(skipped.values()))
        raise ValueError(f"{table.source}: expected images of its rows, got none of {len(skipped)}: {reason}")
    if skipped:
        listing = first_of(skipped, 5)
        warnings.warn(
            f"{table.source}: {len(skipped)} of {len(table.rows)} rows without an image are left out: {listing}",
            stacklevel=2,
        )
    values = np.full((len(files), len(labels)), np.nan, np.float32)
    for i, name in enumerate(files):
        row = table.rows[name]
        values[i, list(column_of)] = [_attribute(row[column], table, name, column) for column in column_of.values()]
    _check_signs(values, table, list(files), column_of)
    values[values == -1] = 0
    return LabelFiles(list(files.values()), values, labels, skipped)


def _select_columns(
    table: Table, names: AttributeSet | str | Sequence[str] | None
) -> tuple[AttributeSet, dict[int, int]]:
    """Return the attribute set and, for each attribute that the table has, its index in the set -> its column."""
    if names is None:
        warn_of_similar_names(table.columns, f"{table.source}: columns", "kept apart", stacklevel=3)
        all_of_celeba = {*map(folded_name, table.columns)} == {*map(folded_name, CELEBA_40.names)}
        names = CELEBA_40 if all_of_celeba else attribute_set(table.columns)
    index = NameIndex(table.columns)
    if isinstance(names, str) and index.find(names):
        names = [names]
    may_be_partial = isinstance(names, (str, AttributeSet))
    labels = attribute_set(names)
    present = [name for name in labels.names if index.find(name) or not may_be_partial]
    if not present:
        expected = f"expected columns of attribute set {labels.name!r}"
        fix = "rename the columns, or pass names= with those that are attributes"
        raise ValueError(f"{table.source}: {expected}, got no attribute of it; {fix}")
    return labels, {labels.index(name): table.place(name) for name in present}


def _attribute(cell: str, table: Table, image: str, column: int) -> float:
    """Return -1, 0, 1 or NaN. Raise ValueError for another cell."""
    value = cell_number(cell)
    if value is None or not (math.isnan(value) or value in (-1, 0, 1)):
        fix = "correct it, or pass names= with the columns that are attributes"
        where = _cell_name(table, image, column)
        raise ValueError(f"{where}: expected 0, 1 or an empty cell, got {short_repr(cell)}; {fix}")
    return value


def _check_signs(values: np.ndarray, table: Table, images: Sequence[str], column_of: dict[int, int]) -> None:
    """Raise ValueError if the table has -1 and 0, so that -1 can mean "no" or "unknown"."""
    minus = np.argwhere(values == -1)
    if len(minus) and (values == 0).any():
        i, attribute = minus[0].tolist()
        fix = "write 0 for no, and leave cells that are not labelled empty"
        where = _cell_name(table, images[i], column_of[attribute])
        raise ValueError(f"{where}: expected either 0 or -1 for no, got -1 besides cells with 0; {fix}")


def _cell_name(table: Table, image: str, column: int) -> str:
    """Return file, row and column of a cell for a message."""
    return f"{table.source}: row {table.lines[image]} ({image}), column {table.columns[column]!r}"
