"""Check the messages of the canvas. They come from the browser, so they may hold anything."""

from __future__ import annotations

import math
from typing import Any

MOST_MESSAGES = 200  # in one request
MOST_CORNERS = 4000  # points of one stroke or polygon
LARGEST = 1e5  # px; places outside the image are refused or cut off later
BROKEN = "expected a message of the labelling canvas, got another one; load the page again"


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST


def _integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST


def _size(value: Any) -> bool:
    return _number(value) and 1 <= value <= 640


def _path(value: Any) -> bool:
    points = isinstance(value, list) and 1 <= len(value) <= MOST_CORNERS
    return points and all(isinstance(p, list) and len(p) == 2 and all(map(_number, p)) for p in value)


# The checks of the values of each type of message.
VALUES: dict[str, tuple[Any, ...]] = {
    "place": (_number, _number),
    "move": (_integer, _number, _number),
    "select": (_integer,),
    "skip": (),
    "mirror": (),
    "brush": (_path, _size, _integer),
    "polygon": (_path, _integer),
    "fill": (_number, _number, _integer),
    "go": (_integer,),
    "step": (_integer,),
    "undo": (),
    "clear": (),
    "propose": (),
}


def checked_messages(data: Any) -> list[dict[str, Any]]:
    """Check the data of an event of the canvas.

    Args:
        data: What the browser sent.

    Returns:
        The messages: "type", "values", "index" of the image, "version" of the labels, "number" of the message.

    Raises:
        ValueError: If the data are no such messages, or too many.
    """
    messages = data.get("messages") if isinstance(data, dict) else None
    if not isinstance(messages, list) or len(messages) > MOST_MESSAGES or not all(map(_is_message, messages)):
        raise ValueError(BROKEN)
    return messages


def _is_message(message: Any) -> bool:
    """Return whether one message has the right type, numbers and values."""
    if not isinstance(message, dict) or not all(_integer_of(message, key) for key in ("index", "version", "number")):
        return False
    checks, values = VALUES.get(str(message.get("type"))), message.get("values")
    if checks is None or not isinstance(values, list) or len(values) != len(checks):
        return False
    return all(check(value) for check, value in zip(checks, values, strict=True))


def _integer_of(message: dict[str, Any], key: str) -> bool:
    value = message.get(key)
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < math.inf
