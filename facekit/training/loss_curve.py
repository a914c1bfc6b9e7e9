"""The losses of a training, one line of JSON per step in a file beside its checkpoint."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from ..core.atomic_file import whole_file

log = logging.getLogger("facekit")


class LossCurve:
    """A file of losses that a resumed training continues. On a full disk the file ends and the training goes on."""

    def __init__(self, path: Path, start: int):
        """Open the file.

        Args:
            path: The .jsonl file.
            start: The step that the training begins with. Later lines of an earlier run are dropped.
        """
        self._path = path
        kept = [line for line in _lines(path) if _step(line) < start]
        with whole_file(path) as temporary:
            temporary.write_text("".join(line + "\n" for line in kept))
        # Without a buffer, so that a failed write leaves nothing to be written again when the file is closed.
        self._file: Any = path.open("ab", buffering=0)

    def add(self, step: int, losses: dict[str, float]) -> None:
        """Append the losses of a step. A file that cannot be written is closed with a warning.

        Args:
            step: Number of the step, from 0.
            losses: Losses by name.
        """
        if self._file is None:
            return
        try:
            self._file.write(json.dumps({"step": step, **losses}).encode() + b"\n")
        except OSError as error:
            log.warning("%s: %s; the training goes on without it", self._path, error.strerror or error)
            self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file = None


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _step(line: str) -> float:
    """Return the step of a line, infinity for a line that was cut off."""
    try:
        return float(json.loads(line)["step"])
    except ValueError:
        return float("inf")
