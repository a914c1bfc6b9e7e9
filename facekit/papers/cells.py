"""Finished cells of experiments, one JSON file each, so that nothing is computed twice."""

from __future__ import annotations

import datetime
import hashlib
import json
import math
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..core.atomic_file import whole_file
from ..core.version import __version__
from .embedded_weights import embedded_identities, same_weights, used_weights
from .experiment import Cell, Scores


def machine() -> str:
    """Return this machine in words."""
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    version = torch.__version__.split("+")[0]
    return f"{os.cpu_count()} CPU cores ({platform.processor() or platform.machine()}){gpu}, PyTorch {version}"


@dataclass(frozen=True)
class FinishedCell:
    """A cell's scores.

    Attributes:
        scores: By name. NaN is a score that could not be computed.
        seconds: Time of the cell, with everything that no earlier cell had made.
        machine: Where it was computed.
    """

    scores: Scores
    seconds: float
    machine: str = field(default_factory=machine)


class CellStore:
    """A folder of finished cells.

    A cell is known by everything that decides its scores: experiment, row, column, draw, settings, scale, data and
    version of facekit. The file's name is readable and ends with a hash of that key; the file holds the key itself.
    It also names the embedded weights that were read. When they are replaced, the cell is computed again.
    """

    def __init__(self, folder: Path):
        """Open a folder. It is made when the first cell is written."""
        self.folder = folder
        embedded_identities()  # before the work, during which files may be replaced

    @staticmethod
    def key(cell: Cell) -> dict[str, Any]:
        """Return what identifies a cell, as plain data.

        Raises:
            TypeError: If a setting is no plain data.
        """
        return {
            "experiment": cell.experiment,
            "scale": cell.scale,
            "row": cell.row,
            "column": cell.column,
            "draw": cell.draw,
            "settings": plain(cell.settings),
            "data": dict(cell.data),
            "facekit": __version__,
        }

    def path(self, cell: Cell) -> Path:
        """Return the file of a cell."""
        digest = hashlib.sha256(json.dumps(self.key(cell), sort_keys=True).encode()).hexdigest()[:10]
        return self.folder / f"{slug(cell.row)}-{slug(cell.column)}-draw{cell.draw}-{digest}.json"

    def load(self, cell: Cell) -> FinishedCell | None:
        """Return a finished cell, or None if there is none or it rests on other embedded weights.

        Raises:
            ValueError: If the file is damaged. The message names it.
        """
        path = self.path(cell)
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            scores = {name: math.nan if value is None else float(value) for name, value in found["scores"].items()}
            finished = FinishedCell(scores, float(found["seconds"]), str(found["machine"]))
            return finished if "embedded" in found and same_weights(found["embedded"]) else None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: expected a finished cell, got {error!r}; delete the file") from error

    def save(self, cell: Cell, finished: FinishedCell) -> None:
        """Write a finished cell atomically."""
        about = {
            "key": self.key(cell),
            "scores": {name: value if math.isfinite(value) else None for name, value in finished.scores.items()},
            "seconds": round(finished.seconds, 1),
            "machine": finished.machine,
            "embedded": used_weights(),
            "date": datetime.date.today().isoformat(),
        }
        with whole_file(self.path(cell)) as temporary:
            temporary.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """Return a setting as JSON gives it back: numbers, texts, lists and dictionaries.

    Raises:
        TypeError: If it is something else, whose text could differ from run to run.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in sorted(value.items())}
    raise TypeError(f"setting {value!r}: expected a number, text, list or dictionary, got {type(value).__name__}")


def slug(text: str) -> str:
    """Return a text as a part of a file name: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "none"
