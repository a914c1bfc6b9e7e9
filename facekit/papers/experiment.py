"""What an experiment is: the rows and columns of a paper's table, and how one cell is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .needs import Need

SCALES = ("mini", "gpu", "paper")
Settings = Mapping[str, Any]
Scores = dict[str, float]


@dataclass(frozen=True)
class Cell:
    """One training and its scores.

    Attributes:
        experiment: Id of the experiment, such as "fsma/table1".
        scale: Name of the scale.
        row: Name of the row.
        column: Name of the column.
        draw: Number of the draw, from 0. It is the seed of the labelled faces and of the training.
        settings: Settings of the scale, the column and the row; later ones win. Plain data only.
        data: Name of each data set or file of weights -> its identity, see `Need.identity`.
        root: Folder of the data sets, or None.
        kept: Folder for what several cells share, such as trained parsers. See `intermediates`.
    """

    experiment: str
    scale: str
    row: str
    column: str
    draw: int
    settings: Settings
    data: Mapping[str, str]
    root: Path | None
    kept: Path

    def file(self, name: str) -> Path:
        """Return the path of a data set or a file under the folder of the data sets."""
        if self.root is None:
            raise ValueError(f"{self.experiment} needs {name}; no folder was given: pass --data DIR")
        return self.root / name


@dataclass(frozen=True)
class Scale:
    """A size of an experiment.

    Attributes:
        columns: Name of each column -> its settings.
        draws: Number of draws.
        needs: What must be there.
        data: The data in words, for the report.
        settings: Settings of all cells.
        minutes: Rough time on one CPU core, or on one GPU, in minutes.
        rows: Rows of this scale, where they differ from those of the experiment.
        optional: Name of a row -> what it needs. The row is left out if that is not there.
        uses: What is used if it is there, such as ImageNet's weights. It is part of the identity of a cell.
    """

    columns: Mapping[str, Settings]
    draws: int
    needs: tuple[Need, ...]
    data: str
    settings: Settings = field(default_factory=dict)
    minutes: float = 0.0
    rows: Mapping[str, Settings] | None = None
    optional: Mapping[str, Need] = field(default_factory=dict)
    uses: tuple[Need, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """A table or figure with numbers of a paper.

    Attributes:
        id: Paper and number, such as "fsma/table1".
        title: What is compared.
        rows: Name of each row -> its settings.
        own: The row that other rows are compared with: the paper's method.
        scales: The sizes in which it can be run, by name.
        measure: Function from a cell to its scores, by name.
        shown: Names of the scores in the table, with the number of decimals.
        lower: Names of the scores of which lower ones are better.
        paper: The paper's figures: (row, column of the paper) -> scores by name.
        paper_data: The paper's data in words.
        missing: Why it cannot be run at a scale that ``scales`` lacks.
        column_title: What a column is.
        notes: Sentences below the table.
    """

    id: str
    title: str
    rows: Mapping[str, Settings]
    own: str
    scales: Mapping[str, Scale]
    measure: Callable[[Cell], Scores]
    shown: Mapping[str, int]
    lower: tuple[str, ...] = ()
    paper: Mapping[tuple[str, str], Scores] = field(default_factory=dict)
    paper_data: str = ""
    missing: str = ""
    column_title: str = "labelled faces"
    notes: tuple[str, ...] = ()

    def left_out(self, scale: str, root: Path | None) -> dict[str, str]:
        """Return the rows that need what is not there, each with what that is."""
        optional = self.scales[scale].optional
        return {row: need.layout for row, need in optional.items() if need.problem(root) is not None}

    def cells(self, scale: str, root: Path | None, kept: Path, draws: int | None = None) -> list[Cell]:
        """Return all cells at a scale, draw after draw. The cells of a row follow each other.

        Args:
            scale: Name of the scale.
            root: As `Cell.root`.
            kept: As `Cell.kept`.
            draws: Number of draws instead of the scale's.
        """
        size = self.scales[scale]
        absent = self.left_out(scale, root)
        rows = {row: own for row, own in (size.rows or self.rows).items() if row not in absent}
        shared = {need.name: need.identity(root) for need in (*size.needs, *size.uses)}
        identity = {
            row: {**shared, **({need.name: need.identity(root)} if (need := size.optional.get(row)) else {})}
            for row in rows
        }
        return [
            Cell(self.id, scale, row, column, draw, {**size.settings, **of_column, **of_row}, identity[row], root, kept)
            for draw in range(draws or size.draws)
            for row, of_row in rows.items()
            for column, of_column in size.columns.items()
        ]
