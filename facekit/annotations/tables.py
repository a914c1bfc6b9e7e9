"""Tables of one row an image: CSV with a head, and CelebA's `list_attr_celeba.txt`.

The first column names the images. In CSV columns are separated by commas, semicolons or tabs; CelebA's list has the
number of images in its first line, the names of all columns but the images' in its second, and spaces between.
Attributes are 0 and 1 with empty cells for what is not labelled, or CelebA's -1 and 1.
"""

from __future__ import annotations

import csv
import io
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.parse import unquote

import numpy as np

from ..core.name_index import NameIndex, folded_name, joined_names, plain_name, warn_of_similar_names
from ..images.reader import SUFFIXES
from ..labels import CELEBA_40, AttributeSet, attribute_set
from .image_index import ImageFinder
from .reader import LabelFiles
from .records import repeated, shown

_LISTED = 5
_SIGN = "expected a head and one row an image"
_WORDS = {"": math.nan, "nan": math.nan, "true": 1.0, "false": 0.0}


@dataclass(frozen=True, eq=False)
class Table:
    """A table as it is written. source: the file's name. columns: their names, without the images'. rows: image ->
    its cells. lines: image -> its row in the file, counted from 1."""

    source: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]
    lines: dict[str, int]

    def place(self, column: str) -> int:
        """The place of a column. Raises ValueError for one that the table does not have."""
        found = NameIndex(self.columns).find(column)
        if len(found) != 1:
            few = ", ".join(self.columns[:8]) + (" ..." if len(self.columns) > 8 else "")
            expected = f"expected one of {joined_names(found)}" if found else f"expected one that it has ({few})"
            raise ValueError(f"{self.source}: column {column!r} came, {expected}: check the name")
        return self.columns.index(found[0])

    def column_of(self, column: str, images: Sequence[str]) -> list[str | None]:
        """The cell of each image, by its file name (also where the table leaves out the suffix); None where it is
        empty or the table does not have the image. Raises ValueError for a column that the table does not have."""
        place = self.place(column)
        cells = {_bare(image): row[place] for image, row in self.rows.items()}
        index = NameIndex(cells)
        return [self._cell(name, cells, index) or None for name in images]

    def _cell(self, image: str, cells: Mapping[str, str], index: NameIndex) -> str | None:
        found = index.find(image) or index.find(Path(image).stem)
        if len(found) > 1:
            raise ValueError(f"{self.source}: rows {joined_names(found)} came for {image}, expected one: rename one")
        return cells[found[0]] if found else None


def read_table(path: str | os.PathLike[str]) -> Table:
    """Read a CSV file or CelebA's list; cells are stripped text.

    Raises ValueError that names file, row and column: for a file that is missing, empty or no text, for a head that is
    missing or names a column twice, for a row with too many or too few cells, an image that comes twice.
    """
    file = Path(path).expanduser()
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}, expected a table: check the path") from error
    except UnicodeDecodeError as error:
        fix = "save it as CSV in UTF-8"
        raise ValueError(f"{file.name}: bytes that are no text came ({error.reason}), {_SIGN}: {fix}") from error
    if not any(line.strip() for line in lines):
        raise ValueError(f"{file.name}: an empty file came, {_SIGN}: copy or export it again")
    celeba = lines[0].strip().isdecimal()
    records = _words(lines) if celeba else _csv(lines, file.name)
    line, head = next(records, (1, []))
    columns = tuple(plain_name(name) for name in (head if celeba else head[1:]))
    _check_head(columns, line, file.name)
    rows: dict[str, tuple[str, ...]] = {}
    at: dict[str, int] = {}
    # Each word is kept once: CelebA's list has eight million cells.
    words: dict[str, str] = {}
    for line, cells in records:
        image = cells[0]
        where = f"{file.name}: row {line}" + (f" ({image})" if image else "")
        if len(cells) != 1 + len(columns):
            fix = "fill the row up, with empty cells for what is not labelled"
            raise ValueError(f"{where}: {len(cells)} cells came, expected {1 + len(columns)} by the head: {fix}")
        if not image:
            raise ValueError(f"{where}, column 1: nothing came, expected an image's file name: fill it in")
        if image in rows:
            raise ValueError(f"{where}: it came in row {at[image]} before, expected each image once: keep one row")
        for cell in cells[1:]:
            if cell not in words:
                words[cell] = plain_name(cell)
        rows[image], at[image] = tuple(words[cell] for cell in cells[1:]), line
    count = int(lines[0]) if celeba else len(rows)
    if not rows or len(rows) != count:
        fix = "copy or export it again"
        raise ValueError(f"{file.name}: {len(rows)} rows of images came, expected {count or 'at least 1'}: {fix}")
    return Table(file.name, columns, rows, at)


def read_attributes(
    path: str | os.PathLike[str],
    names: AttributeSet | str | Sequence[str] | None = None,
    *,
    images: str | os.PathLike[str] | None = None,
) -> LabelFiles:
    """Attributes of images from a table, as `facekit.adapt(found.images, found.labels, "attributes",
    names=found.names)` takes them: labels (N,A) float32 of 0 and 1, NaN = not labelled.

    path: see the top of this file. names: a column or a list of columns, which the table must have; or a set (also by
    its name, "celeba40"), whose attributes are not labelled where the table lacks them; None: all columns. images: the
    folder of the images; without it they are looked for as `read_labels` does. Images may be written without their
    suffix.

    Rows without an image are left out, named in `skipped` and warned about. Raises ValueError that names file, row and
    column for a broken table, cells that are no attributes, and where there is no image at all.
    """
    table = read_table(path)
    labels, places = _columns_meant(table, names)
    finder = ImageFinder(Path(path).expanduser().parent, images)
    photos: dict[str, Path] = {}
    skipped: dict[str, str] = {}
    of_file: dict[Path, str] = {}
    for name in table.rows:
        try:
            image = _image(name, finder, Path(path))
            first = of_file.setdefault(image.resolve(), name)
            if first != name:
                raise ValueError(f"{joined_names((first, name))} are both {image.name}, expected one row: delete one")
            photos[name] = image
        except ValueError as error:
            skipped[name] = str(error)
    if not photos:
        first = next(iter(skipped.values()))
        raise ValueError(f"{table.source}: none of its {len(skipped)} images was found: {first}")
    if skipped:
        listing = ", ".join(list(skipped)[:_LISTED]) + (" ..." if len(skipped) > _LISTED else "")
        warnings.warn(
            f"{table.source}: {len(skipped)} of {len(table.rows)} rows without an image are left out: {listing}",
            stacklevel=2,
        )
    values = np.full((len(photos), len(labels)), np.nan, np.float32)
    for i, name in enumerate(photos):
        row = table.rows[name]
        values[i, list(places)] = [_value(row[place], table, name, place) for place in places.values()]
    _check_signs(values, table, list(photos), places)
    values[values == -1] = 0
    return LabelFiles(list(photos.values()), values, labels, skipped)


def _words(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """(row, words) of CelebA's list, its first line left out."""
    return ((i, line.split()) for i, line in enumerate(lines[1:], 2) if line.strip())


def _csv(lines: Sequence[str], source: str) -> Iterator[tuple[int, list[str]]]:
    """(row, cells) of a CSV file, empty rows left out."""
    first = next(line for line in lines if line.strip())
    if first.strip() in ("sep=,", "sep=;", "sep=\t"):  # Excel's note for itself
        rest = [line for line in lines if line is not first]
        yield from ((row + 1, cells) for row, cells in _csv(rest, source))
        return
    reader = csv.reader(io.StringIO("".join(lines)), delimiter=max(",;\t", key=first.count), strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        fix = "close its quotation marks, or export the file again"
        raise ValueError(f"{source}: row {reader.line_num}: broken CSV ({error}) came, {_SIGN}: {fix}") from error


def _check_head(columns: Sequence[str], line: int, source: str) -> None:
    where = f"{source}: row {line}"
    if not columns:
        fix = "separate the columns with commas"
        raise ValueError(f"{where}: one column came, expected the images' names and more: {fix}")
    if all(_number(name) is not None for name in columns if name) and any(columns):
        raise ValueError(f"{where}: {shown(columns[0])} came as a column's name, {_SIGN}: name the columns in row 1")
    if "" in columns:
        fix = "name it, or delete the column"
        raise ValueError(f"{where}, column {columns.index('') + 2}: no name came, expected one: {fix}")
    twice = repeated(tuple(columns))
    if twice:
        raise ValueError(f"{where}: column {twice[0]!r} came twice, expected each name once: rename one of them")


def _columns_meant(
    table: Table, names: AttributeSet | str | Sequence[str] | None
) -> tuple[AttributeSet, dict[int, int]]:
    """The attribute set, and for each attribute that the table has its place in the set -> its column."""
    if names is None:
        warn_of_similar_names(table.columns, f"{table.source}: columns", "kept apart", stacklevel=3)
        whole = {*map(folded_name, table.columns)} == {*map(folded_name, CELEBA_40.names)}
        names = CELEBA_40 if whole else attribute_set(table.columns)
    index = NameIndex(table.columns)
    if isinstance(names, str) and index.find(names):
        names = [names]
    partial = isinstance(names, (str, AttributeSet))
    labels = attribute_set(names)
    wanted = [name for name in labels.names if index.find(name) or not partial]
    if not wanted:
        fix = "rename the columns, or say with names which are attributes"
        raise ValueError(f"{table.source}: no attribute of set {labels.name!r} came, expected some of it: {fix}")
    return labels, {labels.index(name): table.place(name) for name in wanted}


def _image(name: str, finder: ImageFinder, table: Path) -> Path:
    if Path(_bare(name)).suffix.lower() in SUFFIXES:
        return finder.by_path(name, table)
    return finder.by_stem(name, table) or finder.by_path(name, table)


def _bare(image: str) -> str:
    """An image's name without its folder, also where it is written as in a web address."""
    return PureWindowsPath(unquote(image)).name


def _value(cell: str, table: Table, image: str, place: int) -> float:
    """-1, 0, 1 or NaN, else ValueError."""
    value = _number(cell)
    if value is None or not (math.isnan(value) or value in (-1, 0, 1)):
        fix = "correct it, or say with names which columns are attributes"
        raise ValueError(f"{_where(table, image, place)}: {shown(cell)} came, expected 0, 1 or an empty cell: {fix}")
    return value


def _check_signs(values: np.ndarray, table: Table, images: Sequence[str], places: dict[int, int]) -> None:
    """Raises ValueError where -1 may mean either "no" or "unknown"."""
    minus = np.argwhere(values == -1)
    if len(minus) and (values == 0).any():
        i, attribute = minus[0].tolist()
        fix = "write 0 for no, and leave cells that are not labelled empty"
        where = _where(table, images[i], places[attribute])
        raise ValueError(f"{where}: -1 came beside cells with 0, expected one of the two for no: {fix}")


def _where(table: Table, image: str, place: int) -> str:
    return f"{table.source}: row {table.lines[image]} ({image}), column {table.columns[place]!r}"


def _number(cell: Any) -> float | None:
    word = cell.lower()
    if word in _WORDS:
        return _WORDS[word]
    try:
        return float(word)
    except ValueError:
        return None
