"""Results of `facekit.compare` and `facekit.learning_curve`: backbones scored on the user's own faces."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.atomic_file import whole_file
from ..core.json_text import parse_json, without_nan
from ..core.output_paths import check_output
from .comparison_advice import advice_at

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FORMAT = "facekit comparison 1"


@dataclass(frozen=True)
class MainScore:
    """The one score of a task that backbones are compared by.

    Attributes:
        name: Its key in what `facekit.evaluate` returns.
        higher_is_better: Whether a larger value is better.
        unit: "%", or "" for a score without a unit.
    """

    name: str
    higher_is_better: bool
    unit: str = "%"

    @property
    def digits(self) -> int:
        """Number of decimals in tables."""
        return 2 if self.unit == "%" else 3


@dataclass(frozen=True)
class ScoredCell:
    """One training and its scores.

    Attributes:
        backbone: Name of the backbone.
        shots: Number of labelled faces that it was adapted on.
        draw: Number of the draw, from 0.
        scored: Number of faces that it was scored on.
        scores: All scores of `facekit.evaluate` by name.
        seconds: Time of the adaptation. After an interruption it counts from the resume.
    """

    backbone: str
    shots: int
    draw: int
    scored: int
    scores: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class BackboneDifference:
    """How much better one backbone is than another after the same number of faces, paired by draws.

    Attributes:
        shots: Number of labelled faces.
        better: The backbone with the better mean.
        worse: The other one.
        mean: Mean difference, 0 or more, in the units of the score.
        low: Lower end of its 95 % interval; below 0 the other backbone may be the better one. NaN for one draw.
        high: Upper end of the interval.
        draws: Number of draws.
    """

    shots: int
    better: str
    worse: str
    mean: float
    low: float
    high: float
    draws: int


@dataclass(frozen=True)
class LabellingHours:
    """Hours of labelling at the user's own pace (FSMA, Table 6).

    Attributes:
        shots: Number of faces that are labelled for an adapted model.
        few_shot: Hours for these faces.
        by_hand: Hours for the 2,000 faces that Table 6 counts for a fully supervised model.
    """

    shots: int
    few_shot: float
    by_hand: float


@dataclass(frozen=True)
class Comparison:
    """Backbones on the user's faces: scores, paired differences and advice.

    Attributes:
        task: Name of the task.
        score: The score that counts.
        cells: One entry per draw, number of faces and backbone.
        differences: One entry per number of faces and pair of backbones.
        labelling: One entry per number of faces; empty if the labelling time is unknown.
    """

    task: str
    score: MainScore
    cells: tuple[ScoredCell, ...]
    differences: tuple[BackboneDifference, ...]
    labelling: tuple[LabellingHours, ...] = ()

    @property
    def shots(self) -> list[int]:
        """Numbers of labelled faces, in increasing order."""
        return sorted({cell.shots for cell in self.cells})

    @property
    def backbones(self) -> list[str]:
        """Names of the backbones, in the order of the call."""
        return list(dict.fromkeys(cell.backbone for cell in self.cells))

    @property
    def table(self) -> list[dict[str, Any]]:
        """One row per number of faces and backbone.

        The keys are "shots", "backbone", "mean" (of the main score over draws), "std" (NaN for one draw), "draws",
        "seconds" (mean time of an adaptation) and, if known, "labelling_hours".
        """
        hours = {entry.shots: entry.few_shot for entry in self.labelling}
        rows = []
        for shots in self.shots:
            for backbone in self.backbones:
                mean, std, draws = _moments(self.values(backbone, shots).values())
                times = [c.seconds for c in self.cells if (c.backbone, c.shots) == (backbone, shots)]
                row = {"shots": shots, "backbone": backbone, "mean": mean, "std": std, "draws": draws}
                row["seconds"] = _moments(times)[0]
                rows.append(row | ({"labelling_hours": hours[shots]} if shots in hours else {}))
        return rows

    @property
    def advice(self) -> str:
        """Which backbone to take with the largest number of faces, and how sure that is."""
        return self.advice_at(self.shots[-1])

    def advice_at(self, shots: int) -> str:
        """Return which backbone to take with a number of faces, and how sure that is.

        It says "Take" if the 95 % intervals of the best backbone's differences from all others exclude 0. The choice of
        the best one needs no correction (Gutmann and Maymin, "Is the selected population the best?", 1987).

        Args:
            shots: One of the numbers of faces that were compared.

        Returns:
            One or two sentences.

        Raises:
            ValueError: If this number of faces was not compared.
        """
        if shots not in self.shots:
            known = ", ".join(map(str, self.shots))
            raise ValueError(f"shots={shots}: expected one of {known}; choose one, or compare with this number, too")
        rows = {row["backbone"]: row["mean"] for row in self.table if row["shots"] == shots}
        return advice_at(shots, rows, [d for d in self.differences if d.shots == shots], self.score)

    def values(self, backbone: str, shots: int) -> dict[int, float]:
        """Return the main score by draw; NaN where it is unknown.

        Args:
            backbone: Name of the backbone.
            shots: Number of labelled faces.
        """
        found = [cell for cell in self.cells if (cell.backbone, cell.shots) == (backbone, shots)]
        return {cell.draw: cell.scores.get(self.score.name, math.nan) for cell in found}

    def __str__(self) -> str:
        """Return the table, the differences and the advice as text."""
        from .comparison_text import comparison_text

        return comparison_text(self)

    def plot(self, target: str | os.PathLike[str] | Axes | None = None) -> Axes:
        """Draw the mean score over the number of faces, with a band of one standard deviation over draws.

        Args:
            target: A .png, .jpg, .pdf or .svg file to write, axes of matplotlib to draw into, or None for a new figure.

        Returns:
            The axes.

        Raises:
            OutputError: If the file cannot be written.
        """
        from .comparison_plot import plot_comparison

        return plot_comparison(self, target)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain data for JSON. NaN becomes None."""
        fields: dict[str, Any] = without_nan(dataclasses.asdict(self))
        return {"format": _FORMAT, **fields, "table": without_nan(self.table), "advice": self.advice}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the comparison to a .json file.

        Raises:
            OutputError: If the file cannot be written.
        """
        target = check_output(path, (".json",))
        with whole_file(target) as temporary:
            temporary.write_text(json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Comparison:
        """Read a file that `save` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is another file.
        """
        with open(path, "rb") as file:
            content = parse_json(file.read(), str(path))
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise ValueError(f"{path}: expected a file of Comparison.save, got other JSON; pass another file")
        try:
            return cls(
                content["task"],
                MainScore(**content["score"]),
                tuple(_read(ScoredCell, row) for row in content["cells"]),
                tuple(_read(BackboneDifference, row) for row in content["differences"]),
                tuple(_read(LabellingHours, row) for row in content["labelling"]),
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: expected a file of Comparison.save, got {error!r}; write it again") from error


def _moments(values: Iterable[float]) -> tuple[float, float, int]:
    """Return mean, standard deviation and number of the finite values."""
    finite = [value for value in values if math.isfinite(value)]
    n = len(finite)
    if not n:
        return math.nan, math.nan, 0
    mean = sum(finite) / n
    return mean, math.sqrt(sum((v - mean) ** 2 for v in finite) / (n - 1)) if n > 1 else math.nan, n


def _read(kind: Callable[..., Any], row: dict[str, Any]) -> Any:
    """Return a row of the file as its class, with NaN in place of None."""
    numbers: dict[str, Any] = {key: math.nan if value is None else value for key, value in row.items()}
    if "scores" in numbers:
        numbers["scores"] = {k: math.nan if v is None else v for k, v in numbers["scores"].items()}
    return kind(**numbers)
