"""Parse untrusted JSON text, and replace NaN before JSON is written."""

from __future__ import annotations

import json
import math
from typing import Any


def parse_json(text: str | bytes, what: str = "") -> Any:
    """Parse JSON text.

    Args:
        text: The text, or its bytes in UTF-8, UTF-16 or UTF-32.
        what: Where the text is from, for messages, e.g. the path of a file. "": the caller adds it.

    Returns:
        Dictionaries, lists, numbers and strings.

    Raises:
        ValueError: If the text is no JSON, empty, or nested deeper than Python can follow. The message begins with
            ``what``.
    """
    where = f"{what}: " if what else ""
    try:
        return json.loads(text)
    except RecursionError:
        fix = "copy or export the file again"
        raise ValueError(f"{where}expected JSON of a few levels, got JSON nested too deeply; {fix}") from None
    except ValueError as error:
        got = f"damaged JSON ({error})" if text.strip() else "an empty file"
        fix = "it may be cut off, so copy or export the file again"
        raise ValueError(f"{where}expected whole JSON text, got {got}; {fix}") from error


def without_nan(value: Any) -> Any:
    """Return nested data with None in place of NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {key: without_nan(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
