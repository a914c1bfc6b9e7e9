"""Check the values of label files: numbers, text, lists, objects and image sizes.

The errors raised here do not name the file. `LabelBatch.skip_errors` adds the name and keeps the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]

# Far beyond any image. Numbers of broken files stay small enough for arithmetic without overflow.
_LARGEST = 1e9


def finite_number(value: Any, what: str) -> float:
    """Return a value as a finite number.

    Args:
        value: Any value of a JSON file.
        what: What the number stands for, for the message.

    Returns:
        The number.

    Raises:
        ValueError: If the value is no number, a bool, NaN, or beyond 1e9 in either direction.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not -_LARGEST <= value <= _LARGEST:
        fix = "correct it, or leave out what is not labelled"
        raise ValueError(f"expected a finite number as {what}, got {short_repr(value)}; {fix}")
    return float(value)


def whole_number(value: Any, what: str) -> int:
    """Return a value as a whole number.

    Args:
        value: Any value of a JSON file. 3.0 is a whole number, too.
        what: What the number stands for, for the message.

    Returns:
        The number.

    Raises:
        ValueError: If the value is no finite number, or has a fraction.
    """
    number = finite_number(value, what)
    if number != int(number):
        raise ValueError(f"expected a whole number as {what}, got {short_repr(value)}; correct it")
    return int(number)


def xml_number(value: str | None, what: str) -> float:
    """Return text of an XML file as a finite number.

    Args:
        value: The text, or None for a missing attribute.
        what: What the number stands for, for the message.

    Returns:
        The number.

    Raises:
        ValueError: If the text is missing or no finite number.
    """
    try:
        number = float(value) if value is not None else None
    except ValueError:
        raise ValueError(f"expected a finite number as {what}, got {short_repr(value)}; correct it") from None
    return finite_number(number, what)


def point_array(value: Any, what: str) -> NDArray[np.float64]:
    """Return a JSON list of points as an array.

    Args:
        value: [[x, y], ...].
        what: What the points stand for, for the message.

    Returns:
        Array of shape (n, 2), float64.

    Raises:
        ValueError: If the value has another form, or a number is not finite.
    """
    for pair in json_list(value, what):
        if not isinstance(pair, list) or len(pair) != 2:
            raise ValueError(f"expected [x, y] in {what}, got {short_repr(pair)}; give both numbers of each point")
    rows = [[finite_number(v, f"x or y of {what}") for v in pair] for pair in value]
    return np.array(rows, np.float64).reshape(-1, 2)


def json_list(value: Any, what: str) -> list[Any]:
    """Return a value that must be a list.

    Args:
        value: Any value of a JSON file.
        what: What the list stands for, for the message.

    Returns:
        The same value.

    Raises:
        ValueError: If the value is no list.
    """
    if not isinstance(value, list):
        raise ValueError(f"expected a list as {what}, got {short_repr(value)}; export the file again")
    return value


def json_object(value: Any, what: str) -> dict[str, Any]:
    """Return a value that must be a JSON object.

    Args:
        value: Any value of a JSON file.
        what: What the object stands for, for the message.

    Returns:
        The same value.

    Raises:
        ValueError: If the value is no object.
    """
    if not isinstance(value, dict):
        raise ValueError(f"expected an object {{...}} as {what}, got {short_repr(value)}; export the file again")
    return value


def non_empty_text(value: Any, what: str) -> str:
    """Return a value as text. A whole number becomes its digits.

    Args:
        value: Any value of a JSON or XML file.
        what: What the text stands for, for the message.

    Returns:
        The text.

    Raises:
        ValueError: If the value is no text, or is blank.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"expected text as {what}, got {short_repr(value)}; fill it in")
    return value


def check_image_size(height: Any, width: Any, size: Size) -> None:
    """Compare the image size that a label file declares with the real one.

    Args:
        height: Declared height in pixels. None: the file declares none.
        width: Declared width in pixels. None: the file declares none.
        size: (H, W) of the upright image.

    Raises:
        ValueError: If a declared number differs from the real one, or is no whole number.
    """
    declared = tuple(None if v is None else whole_number(v, "height or width of the image") for v in (height, width))
    if any(v is not None and v != actual for v, actual in zip(declared, size, strict=True)):
        fix = "label the image in its present size, or restore the image that was labelled"
        if declared == size[::-1]:
            fix = "the tool ignored the image's EXIF orientation, so save the image upright and label it again"
        got = " x ".join("?" if v is None else str(v) for v in declared)
        raise ValueError(f"expected the image's height x width {size[0]} x {size[1]}, got {got}; {fix}")


def check_xml_size(image: ElementTree.Element, size: Size) -> None:
    """Compare the size attributes of an XML element with the real image size.

    Args:
        image: The element. Its attributes ``height`` and ``width`` may be missing.
        size: (H, W) of the upright image.

    Raises:
        ValueError: If a declared number differs from the real one, or is no whole number.
    """
    height, width = (None if (v := image.get(key)) is None else xml_number(v, key) for key in ("height", "width"))
    check_image_size(height, width, size)


def duplicates(names: Sequence[str]) -> list[str]:
    """Return the names that occur more than once, each once, in order."""
    return [name for name, count in Counter(names).items() if count > 1]


def short_repr(value: Any) -> str:
    """Return a value for an error message: at most 60 characters, NumPy numbers as Python's, None as "nothing"."""
    if value is None:
        return "nothing"
    if isinstance(value, np.generic):
        value = value.item()
    content = repr(value) if isinstance(value, (bool, int, float, str)) else type(value).__name__
    return content if len(content) <= 60 else content[:57] + "..."
