"""Write one JSON object to standard output, piece by piece."""

from __future__ import annotations

import json
from typing import Any

from ..core.json_text import without_nan


class JsonStream:
    """Print ``{"results": {name: value, ...}, ...}`` while the results are computed, so none is kept in memory."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, name: str, value: str) -> None:
        """Print one result.

        Args:
            name: Key of the result.
            value: The result as JSON text.
        """
        start = '{"results": {' if self._count == 0 else ", "
        self._count += 1
        print(f"{start}{json.dumps(name)}: {value}", end="", flush=True)

    def close(self, **members: Any) -> None:
        """Print the end of the object.

        Args:
            **members: Further members of the object, after "results".
        """
        start = '{"results": {' if self._count == 0 else ""
        print(f"{start}}}, {json.dumps(without_nan(members))[1:]}", flush=True)
