"""Tables of labels beside the images of a data set: CSV files with a header, and the text tables of CelebA."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Names that CelebA's list_eval_partition.txt has as numbers.
PARTITIONS = ("train", "val", "test")


def read_csv_rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Read the rows of a CSV file that has a header.

    Args:
        path: The file.
        columns: Columns that every row must fill. There may be others.

    Returns:
        Per row the cells by column, without blanks at their ends.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a column is missing, a cell of these columns is empty, or there is no row. The text names the
            file and the line.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        found = reader.fieldnames or []
        if not {*columns} <= {*found}:
            raise ValueError(
                f"{path.name}: expected the columns {', '.join(columns)}, got {', '.join(found) or 'none'}; download it"
                " again"
            )
        rows = []
        for row in reader:
            cells = {name: (row[name] or "").strip() for name in columns}
            empty = [name for name in columns if not cells[name]]
            if empty:
                raise ValueError(
                    f"{path.name}, line {reader.line_num}: expected a value for {', '.join(columns)}, got none for "
                    f"{', '.join(empty)}; download it again"
                )
            rows.append(cells)
    if not rows:
        raise ValueError(f"{path.name}: expected a row per image, got none; download it again")
    return rows


def read_celeba_table(path: Path, columns: tuple[str, ...]) -> tuple[list[str], NDArray[np.int32]]:
    """Read a text table of CelebA: the number of rows, the names of the columns, and a row of integers per image.

    Args:
        path: The file, such as list_attr_celeba.txt or list_bbox_celeba.txt.
        columns: Expected names of the N columns behind that of the image, in order.

    Returns:
        Names of the R images, and (R,N) int32 values.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the number of rows, a name of a column or a row is another one. The text names the file and the
            line.
    """
    names: list[str] = []
    with path.open(encoding="utf-8-sig") as file:
        first = file.readline().strip()
        if not first.isdigit():
            raise ValueError(f"{path.name}, line 1: expected the number of images, got {first!r}; download it again")
        found = file.readline().split()
        # list_bbox_celeba.txt names the column of the images as well.
        if tuple(found[-len(columns) :]) != columns or len(found) > len(columns) + 1:
            raise ValueError(
                f"{path.name}, line 2: expected the {len(columns)} names {', '.join(columns[:3])}, ... "
                f"{columns[-1]}, got {len(found)} names ({', '.join(found[:3])}, ...); download it again"
            )
        values = np.zeros((int(first), len(columns)), np.int32)
        for number, line in enumerate(file, start=3):
            words = line.split()
            if not words:
                continue
            if len(names) < len(values):
                values[len(names)] = _integers(words[1:], len(columns), f"{path.name}, line {number}")
            names.append(words[0])
    if len(names) != len(values):
        raise ValueError(
            f"{path.name}: expected {first} rows as its first line says, got {len(names)}; download it again"
        )
    return names, values


def read_partition(path: Path) -> dict[str, str]:
    """Read CelebA's list_eval_partition.txt.

    Args:
        path: The file, with lines such as "000001.jpg 0".

    Returns:
        "train", "val" or "test" by the name of the image, in the file's order.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a line is another one, or there is no line. The text names the file and the line.
    """
    split_of: dict[str, str] = {}
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            words = line.split()
            if not words:
                continue
            if len(words) != 2 or words[1] not in ("0", "1", "2"):
                raise ValueError(
                    f"{path.name}, line {number}: expected an image's name and 0 (train), 1 (val) or 2 (test), got "
                    f"{line.strip()!r}; download it again"
                )
            split_of[words[0]] = PARTITIONS[int(words[1])]
    if not split_of:
        raise ValueError(f"{path.name}: expected a line per image, got none; download it again")
    return split_of


def binary_attributes(values: NDArray[np.int32], names: list[str], where: str) -> NDArray[np.int8]:
    """Convert attributes of -1 and 1 to 0 and 1.

    Args:
        values: (R,A) of -1 and 1.
        names: Names of the R images, for the message.
        where: Name of the table in the message.

    Returns:
        (R,A) int8 of 0 and 1.

    Raises:
        ValueError: If a value is another one. The text names the image.
    """
    wrong = np.argwhere(np.abs(values) != 1)
    if len(wrong):
        row, column = wrong[0]
        raise ValueError(
            f"{where}: expected -1 or 1 for each attribute, got {values[row, column]} for {names[row]}; download it "
            "again"
        )
    return (values > 0).astype(np.int8)


def _integers(words: list[str], count: int, where: str) -> list[int]:
    """Parse the integers of a row."""
    try:
        numbers = [int(word) for word in words]
    except ValueError as error:
        raise ValueError(f"{where}: expected {count} integers, got other text ({error}); download it again") from error
    if len(numbers) != count:
        raise ValueError(f"{where}: expected {count} integers, got {len(numbers)}; download it again")
    return numbers
