"""One JSON object on standard output, written piece by piece."""

from __future__ import annotations

import json
from typing import Any


class JsonStream:
    """Print {"results": {name: ..., ...}, ...} while the results come, so that none is kept in memory."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, name: str, value: str) -> None:
        """Print one result. value: its JSON text."""
        start = '{"results": {' if self._count == 0 else ", "
        self._count += 1
        print(f"{start}{json.dumps(name)}: {value}", end="", flush=True)

    def close(self, **rest: Any) -> None:
        """Print the end of the object, with further members."""
        start = '{"results": {' if self._count == 0 else ""
        print(f"{start}}}, {json.dumps(rest)[1:]}", flush=True)
