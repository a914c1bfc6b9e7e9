"""Parse JSON text of unknown origin."""

from __future__ import annotations

import json
from typing import Any


def parse_json(text: str | bytes, what: str) -> Any:
    """Parse JSON text.

    Args:
        text: The text, or its bytes in UTF-8, UTF-16 or UTF-32.
        what: Origin of the text in messages, e.g. the path of a file.

    Returns:
        Dictionaries, lists, numbers and strings.

    Raises:
        ValueError: If it is not JSON, or nested deeper than Python can follow. The message begins with ``what``.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError(f"{what}: its JSON is nested too deeply, expected a few levels") from None
    except ValueError as error:
        raise ValueError(f"{what}: its JSON is damaged ({error}), expected whole JSON text") from error
