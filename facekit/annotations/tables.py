"""Read tables of one row per image: CSV with a header row, and CelebA's `list_attr_celeba.txt`.

The first column holds the names of the images. The columns of a CSV file are separated by commas, semicolons or tabs.
CelebA's list has the number of images in its first line, the names of the other columns in its second, and spaces
between columns.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

from ..core.name_index import NameIndex, joined_names, plain_name
from .values import duplicates, short_repr

_EXPECTED = "expected a header and one row per image"
# Cells that are numbers though `float` cannot parse them.
_WORDS = {"": math.nan, "nan": math.nan, "true": 1.0, "false": 0.0}


@dataclass(frozen=True, eq=False)
class Table:
    """A table as it is written.

    Attributes:
        source: Name of the file.
        columns: Names of the columns, without that of the images.
        rows: Image -> its cells.
        lines: Image -> its row in the file, counted from 1.
    """

    source: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]
    lines: dict[str, int]

    def place(self, column: str) -> int:
        """Return the index of a column.

        Args:
            column: Its name.

        Returns:
            Index in ``columns``.

        Raises:
            ValueError: If the table has no such column, or several that fit.
        """
        matches = NameIndex(self.columns).find(column)
        if len(matches) != 1:
            few = ", ".join(self.columns[:8]) + (" ..." if len(self.columns) > 8 else "")
            expected = f"expected {joined_names(matches)}" if matches else f"expected a column that it has ({few})"
            raise ValueError(f"{self.source}: {expected}, got column {column!r}; check the name")
        return self.columns.index(matches[0])

    def column_of(self, column: str, images: Sequence[str]) -> list[str | None]:
        """Return the cell of each image in a column.

        Args:
            column: Name of the column.
            images: File names of images. The table may leave out the suffixes.

        Returns:
            The cells. None for an empty cell and for an image that is not in the table.

        Raises:
            ValueError: If the table has no such column, or several rows fit one image.
        """
        place = self.place(column)
        cells = {file_name(image): row[place] for image, row in self.rows.items()}
        index = NameIndex(cells)
        return [self._cell(name, cells, index) or None for name in images]

    def numbers_of(self, columns: Sequence[str], images: Sequence[str]) -> list[list[float]]:
        """Return the numbers of each image in several columns.

        Args:
            columns: Names of the columns.
            images: As in `column_of`.

        Returns:
            One list of numbers per image, in the order of the columns.

        Raises:
            ValueError: As in `column_of`, and if an image has no row or a cell is no number. The message names it.
        """
        cells = [self.column_of(column, images) for column in columns]
        table: list[list[float]] = []
        for image, row in zip(images, zip(*cells, strict=True), strict=True):
            numbers = [math.nan if cell is None else cell_number(cell) for cell in row]
            for column, cell, number in zip(columns, row, numbers, strict=True):
                if number is None or math.isnan(number):
                    got = "none" if cell is None else repr(cell)
                    expected = f"expected a number in column {column!r}"
                    raise ValueError(f"{self.source}: {image}: {expected}, got {got}; fill it in")
            table.append([number for number in numbers if number is not None])
        return table

    def _cell(self, image: str, cells: Mapping[str, str], index: NameIndex) -> str | None:
        matches = index.find(image) or index.find(Path(image).stem)
        if len(matches) > 1:
            expected = f"expected one row for {image}"
            raise ValueError(f"{self.source}: {expected}, got {joined_names(matches)}; rename one of them")
        return cells[matches[0]] if matches else None


@dataclass(frozen=True)
class TableRow:
    """A row of a table.

    Attributes:
        line: Its row in the file, counted from 1.
        image: Its first cell.
        cells: All others.
    """

    line: int
    image: str
    cells: tuple[str, ...]


def read_rows(path: str | os.PathLike[str]) -> tuple[str, tuple[str, ...], list[TableRow]]:
    """Read a CSV file or CelebA's list. The cells are text without blanks at the ends.

    Args:
        path: The file.

    Returns:
        Name of the file, names of the columns without that of the images, and all rows.

    Raises:
        ValueError: If the file is missing, empty or no text; the header is missing or repeats a name; or a row has too
            many or too few cells. The message names file, row and column.
    """
    file = Path(path).expanduser()
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    except OSError as error:
        raise ValueError(f"{file}: expected a table, got {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        got = f"bytes that are no text ({error.reason})"
        raise ValueError(f"{file.name}: {_EXPECTED}, got {got}; save it as CSV in UTF-8") from error
    if not any(line.strip() for line in lines):
        raise ValueError(f"{file.name}: {_EXPECTED}, got an empty file; copy or export it again")
    is_celeba = lines[0].strip().isdecimal()
    records = _celeba_rows(lines) if is_celeba else _csv_rows(lines, file.name)
    header_line, header = next(records, (1, []))
    columns = tuple(plain_name(name) for name in (header if is_celeba else header[1:]))
    _check_header(columns, header_line, file.name)
    rows = _read_rows(records, len(columns), file.name)
    count = int(lines[0]) if is_celeba else len(rows)
    if not rows or len(rows) != count:
        expected = f"expected {count} rows of images" if rows else "expected a row per image below the header"
        raise ValueError(f"{file.name}: {expected}, got {len(rows) or 'none'}; copy or export it again")
    return file.name, columns, rows


def read_table(path: str | os.PathLike[str]) -> Table:
    """Read a table with one row per image, see `read_rows`.

    Args:
        path: The file.

    Returns:
        The table.

    Raises:
        ValueError: As `read_rows`, and if an image occurs twice.
    """
    source, columns, rows = read_rows(path)
    lines: dict[str, int] = {}
    for row in rows:
        if row.image in lines:
            where = f"{source}: row {row.line} ({row.image})"
            raise ValueError(f"{where}: expected each image once, got it in row {lines[row.image]}, too; keep one row")
        lines[row.image] = row.line
    return Table(source, columns, {row.image: row.cells for row in rows}, lines)


def file_name(image: str) -> str:
    """Return the name of an image without its folder. Web addresses and paths of Windows are understood."""
    return PureWindowsPath(unquote(image)).name


def cell_number(cell: str) -> float | None:
    """Return the number in a cell. An empty cell is NaN, and "true" and "false" are 1 and 0.

    Args:
        cell: Text of the cell.

    Returns:
        The number. None if the cell holds other text.
    """
    word = cell.lower()
    if word in _WORDS:
        return _WORDS[word]
    try:
        return float(word)
    except ValueError:
        return None


def _read_rows(records: Iterator[tuple[int, list[str]]], columns: int, source: str) -> list[TableRow]:
    """Return the rows. Raise ValueError for a broken one."""
    rows: list[TableRow] = []
    # CelebA's list has eight million cells, but few different words. Each word is kept once.
    words: dict[str, str] = {}
    for line, cells in records:
        image = cells[0]
        where = f"{source}: row {line}" + (f" ({image})" if image else "")
        if len(cells) != 1 + columns:
            fix = "fill the row up, with empty cells for what is not labelled"
            raise ValueError(f"{where}: expected {1 + columns} cells as in the header, got {len(cells)}; {fix}")
        if not image:
            raise ValueError(f"{where}, column 1: expected an image's file name, got nothing; fill it in")
        for cell in cells[1:]:
            if cell not in words:
                words[cell] = plain_name(cell)
        rows.append(TableRow(line, image, tuple(words[cell] for cell in cells[1:])))
    return rows


def _celeba_rows(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Return line number and words of each row of CelebA's list, without its first line."""
    return ((i, line.split()) for i, line in enumerate(lines[1:], 2) if line.strip())


def _csv_rows(lines: Sequence[str], source: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of each row of a CSV file, without empty rows."""
    first = next(line for line in lines if line.strip())
    if first.strip() in ("sep=,", "sep=;", "sep=\t"):  # written and read by Excel
        rest = [line for line in lines if line is not first]
        yield from ((row + 1, cells) for row, cells in _csv_rows(rest, source))
        return
    reader = csv.reader(io.StringIO("".join(lines)), delimiter=max(",;\t", key=first.count), strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        fix = "close its quotation marks, or export the file again"
        raise ValueError(f"{source}: row {reader.line_num}: {_EXPECTED}, got broken CSV ({error}); {fix}") from error


def _check_header(columns: Sequence[str], line: int, source: str) -> None:
    """Raise ValueError if the header has too few, unnamed or repeated columns, or holds numbers."""
    where = f"{source}: row {line}"
    if not columns:
        fix = "separate the columns with commas"
        raise ValueError(f"{where}: expected the images' names and more columns, got one column; {fix}")
    if all(cell_number(name) is not None for name in columns if name) and any(columns):
        got = f"{short_repr(columns[0])} as name of a column"
        raise ValueError(f"{where}: {_EXPECTED}, got {got}; name the columns in row 1")
    if "" in columns:
        fix = "name it, or delete the column"
        raise ValueError(f"{where}, column {columns.index('') + 2}: expected a name, got none; {fix}")
    repeated = duplicates(tuple(columns))
    if repeated:
        raise ValueError(f"{where}: expected each column once, got {repeated[0]!r} twice; rename one of them")
