"""Finished cells of experiments, one JSON file each, so that nothing is computed twice."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .. import __version__
from ..core.atomic_file import whole_file
from .experiment import Cell, Scores


@dataclass(frozen=True)
class FinishedCell:
    """A cell's scores.

    Attributes:
        scores: By name.
        seconds: Time of the cell, with everything that no earlier cell had made.
    """

    scores: Scores
    seconds: float


class CellStore:
    """A folder of finished cells.

    A cell is known by everything that decides its scores: row, column, draw, settings, scale, and the data. The file's
    name is readable and ends with a hash of that key; the file holds the key itself.
    """

    def __init__(self, folder: Path, data: Mapping[str, str]):
        """Open a folder.

        Args:
            folder: The folder. It is made when the first cell is written.
            data: Name of each folder of data -> its identity, from `data_identity`.
        """
        self.folder, self.data = folder, dict(data)

    def key(self, cell: Cell) -> dict[str, Any]:
        """Return what identifies a cell, as plain data."""
        settings = {name: plain(value) for name, value in sorted(cell.settings.items())}
        return {
            "experiment": cell.experiment,
            "scale": cell.scale,
            "row": cell.row,
            "column": cell.column,
            "draw": cell.draw,
            "settings": settings,
            "data": self.data,
        }

    def path(self, cell: Cell) -> Path:
        """Return the file of a cell."""
        digest = hashlib.sha256(json.dumps(self.key(cell), sort_keys=True).encode()).hexdigest()[:10]
        return self.folder / f"{slug(cell.row)}-{slug(cell.column)}-draw{cell.draw}-{digest}.json"

    def load(self, cell: Cell) -> FinishedCell | None:
        """Return a finished cell, or None.

        Raises:
            ValueError: If the file is damaged. The message names it.
        """
        path = self.path(cell)
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return FinishedCell({k: float(v) for k, v in found["scores"].items()}, float(found["seconds"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: expected a finished cell, got {error!r}; delete the file") from error

    def save(self, cell: Cell, finished: FinishedCell) -> None:
        """Write a finished cell atomically."""
        about = {
            "key": self.key(cell),
            "scores": finished.scores,
            "seconds": round(finished.seconds, 1),
            "facekit": __version__,
            "machine": machine(),
            "date": datetime.date.today().isoformat(),
        }
        with whole_file(self.path(cell)) as temporary:
            temporary.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """Return a setting as plain data: numbers, texts, lists; other things as the text that shows them."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    return getattr(value, "name", None) or repr(value)


def slug(text: str) -> str:
    """Return a text as a part of a file name: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "none"


def data_identity(root: Path, folders: Iterable[str]) -> dict[str, str]:
    """Return what identifies folders of data: a hash of the names and sizes of their files.

    Args:
        root: The folder that holds them.
        folders: Their names.

    Returns:
        Name -> 10 hexadecimal digits. The place of the root does not matter.
    """
    found = {}
    for name in sorted(set(folders)):
        digest = hashlib.sha256()
        for path, _, files in sorted(os.walk(root / name)):
            for file in sorted(files):
                full = Path(path, file)
                digest.update(f"{full.relative_to(root).as_posix()} {full.stat().st_size}\n".encode())
        found[name] = digest.hexdigest()[:10]
    return found


def machine() -> str:
    """Return this machine in words."""
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    version = torch.__version__.split("+")[0]
    return f"{os.cpu_count()} CPU cores ({platform.processor() or platform.machine()}){gpu}, PyTorch {version}"
