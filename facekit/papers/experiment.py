"""What an experiment is: the rows and columns of a paper's table, and how one cell is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

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
        settings: Settings of the scale, the column and the row; later ones win.
        folder: Folder for what several cells share, such as trained parsers.
    """

    experiment: str
    scale: str
    row: str
    column: str
    draw: int
    settings: Settings
    folder: Path


@dataclass(frozen=True)
class Scale:
    """A size of an experiment.

    Attributes:
        columns: Name of each column -> its settings.
        draws: Number of draws.
        needs: Folders of data that must be there.
        data: The data in words, for the report.
        settings: Settings of all cells.
        minutes: Rough time on two cores, or on one GPU, in minutes.
    """

    columns: Mapping[str, Settings]
    draws: int
    needs: tuple[str, ...]
    data: str
    settings: Settings = field(default_factory=dict)
    minutes: float = 0.0


@dataclass(frozen=True)
class Experiment:
    """A table or figure with numbers of a paper.

    Attributes:
        id: Paper and number, such as "fsma/table1".
        title: What is compared.
        rows: Name of each row -> its settings.
        own: The row that other rows are compared with.
        scales: The sizes in which it can be run, by name.
        measure: Function from a cell to its scores, by name.
        shown: Names of the scores in the table, with the number of decimals.
        better: Whether "lower" or "higher" scores are better.
        paper: The paper's figures: (row, column of the paper) -> scores by name.
        paper_data: The paper's data in words.
        missing: Why it cannot be run at a scale that ``scales`` lacks.
    """

    id: str
    title: str
    rows: Mapping[str, Settings]
    own: str
    scales: Mapping[str, Scale]
    measure: Callable[[Cell], Scores]
    shown: Mapping[str, int]
    better: Literal["lower", "higher"]
    paper: Mapping[tuple[str, str], Scores] = field(default_factory=dict)
    paper_data: str = ""
    missing: str = ""

    def cells(self, scale: str, folder: Path, draws: int | None = None) -> list[Cell]:
        """Return all cells at a scale. Cells of the same row and draw follow each other.

        Args:
            scale: Name of the scale.
            folder: As `Cell.folder`.
            draws: Number of draws instead of the scale's.
        """
        size = self.scales[scale]
        return [
            Cell(self.id, scale, row, column, draw, {**size.settings, **of_column, **of_row}, folder)
            for draw in range(draws or size.draws)
            for row, of_row in self.rows.items()
            for column, of_column in size.columns.items()
        ]
