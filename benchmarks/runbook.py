"""Store finished benchmark runs, one JSON object per line, so that a stopped command can be continued."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class RunBook:
    """Finished runs of a benchmark in a file, one JSON object per line."""

    def __init__(self, path: Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)  # now, not when the first run is over and would be lost
        lines = path.read_text().splitlines() if path.exists() else []
        self.runs = {json.dumps(run["key"], sort_keys=True): run for run in map(json.loads, lines)}

    def get(self, key: dict[str, Any]) -> dict[str, Any] | None:
        """Return a finished run by its key, or None."""
        return self.runs.get(json.dumps(key, sort_keys=True))

    def add(self, key: dict[str, Any], scores: dict[str, float], seconds: float) -> dict[str, Any]:
        """Append a finished run to the file."""
        run = {"key": key, "scores": scores, "seconds": seconds}
        self.runs[json.dumps(key, sort_keys=True)] = run
        with self.path.open("a") as f:
            f.write(json.dumps(run) + "\n")
        return run

    def once(self, key: dict[str, Any], measure: Callable[[], dict[str, float]]) -> dict[str, float]:
        """Return the scores of a run; measure them if the file does not contain them."""
        known = self.get(key)
        if known is None:
            started = time.monotonic()
            scores = measure()
            known = self.add(key, scores, time.monotonic() - started)
        return known["scores"]
