"""Check arguments that several public functions share. Each error names the argument."""

from __future__ import annotations

import difflib
import numbers
import os
from collections.abc import Collection, Iterable
from typing import Any

_LARGEST_SEED = 2**63 - 1
# Longer names are cut before they are compared with others.
_LONGEST_NAME = 80


def short_repr(value: Any) -> str:
    """Return a value for a message: its repr on one line, cut after 80 characters."""
    return f"{' '.join(repr(value).split()):.80}"


def suggestion(name: Any, choices: Iterable[str], otherwise: str) -> str:
    """Return the end of a message about an unknown name: the nearest choice, or other advice.

    Args:
        name: What the user wrote.
        choices: The names that exist. Letter case is ignored.
        otherwise: Advice if none of them is similar.

    Example:
        >>> suggestion("segmentaton", ["landmarks", "segmentation"], "choose one")
        "did you mean 'segmentation'?"
    """
    by_lower_case = {choice.lower(): choice for choice in choices}
    near = difflib.get_close_matches(name[:_LONGEST_NAME].lower(), by_lower_case, n=1) if isinstance(name, str) else []
    return f"did you mean {by_lower_case[near[0]]!r}?" if near else otherwise


def check_name(value: Any, argument: str) -> None:
    """Check that an argument is a name.

    Args:
        value: The value of the argument.
        argument: Its name, for the message.

    Raises:
        TypeError: If the value is not a str.
    """
    if not isinstance(value, str):
        raise TypeError(
            f"{argument}={short_repr(value)}: expected a name (str), got {type(value).__name__}; pass a str"
        )


def check_choice(value: Any, argument: str, choices: Collection[str]) -> None:
    """Check that an argument is one of several names.

    Args:
        value: The value of the argument.
        argument: Its name, for the message.
        choices: The names.

    Raises:
        ValueError: If the value is none of them. The message lists them, and names a similar one.
    """
    if not isinstance(value, str) or value not in choices:
        listing, advice = ", ".join(map(repr, choices)), suggestion(value, choices, "choose one")
        raise ValueError(f"{argument}={short_repr(value)}: expected one of {listing}; {advice}")


def check_seed(seed: Any) -> int:
    """Check a seed.

    Args:
        seed: The value of the argument `seed`.

    Returns:
        The seed as int.

    Raises:
        TypeError: If it is not a whole number.
        ValueError: If it is outside 0 to 2**63 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral):
        raise TypeError(
            f"seed={short_repr(seed)}: expected a whole number (int), got {type(seed).__name__}; pass one, such as 0"
        )
    if not 0 <= int(seed) <= _LARGEST_SEED:
        raise ValueError(f"seed={seed}: expected a whole number from 0 to 2**63 - 1; pass another one, such as 0")
    return int(seed)


def check_count(value: Any, argument: str) -> int | None:
    """Check an optional count, such as a number of steps.

    Args:
        value: The value of the argument.
        argument: Its name, for the message.

    Returns:
        The count as int, or None for None.

    Raises:
        TypeError: If it is neither a whole number nor None.
        ValueError: If it is below 1.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(
            f"{argument}={short_repr(value)}: expected a whole number (int) or None, got {type(value).__name__}; "
            "pass one"
        )
    if int(value) < 1:
        raise ValueError(f"{argument}={value}: expected at least 1; pass a larger number, or leave {argument} out")
    return int(value)


def check_progress(progress: Any) -> None:
    """Check the argument `progress`.

    Args:
        progress: True, False, or a function of (steps done, steps, losses).

    Raises:
        TypeError: If it is none of these.
    """
    if not isinstance(progress, bool) and not callable(progress):
        raise TypeError(
            f"progress={short_repr(progress)}: expected True, False or a function (done, steps, losses), "
            f"got {type(progress).__name__}; pass one of these"
        )


def check_path(value: Any, argument: str) -> None:
    """Check that an argument is a name or a path.

    Args:
        value: The value of the argument.
        argument: Its name, for the message.

    Raises:
        TypeError: If the value is neither str nor PathLike.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(
            f"{argument}={short_repr(value)}: expected a name or a path (str or PathLike), got {type(value).__name__}; "
            "pass one"
        )


def check_validation(validation: Any) -> None:
    """Check the argument `validation`.

    Args:
        validation: A pair (images, labels), or None.

    Raises:
        TypeError: If it is neither a tuple or list of two, nor None.
    """
    if validation is not None and not (isinstance(validation, (tuple, list)) and len(validation) == 2):
        raise TypeError(
            f"validation={short_repr(validation)}: expected a pair (images, labels), got {type(validation).__name__}; "
            "pass both in one tuple"
        )
