"""Checks of arguments that several public functions have; each error names the argument."""

from __future__ import annotations

import numbers
import os
from pathlib import Path
from typing import Any

MOST_SEED = 2**63 - 1


def shown(value: Any) -> str:
    """Return what errors show of a value: one line of at most 80 characters."""
    return f"{' '.join(repr(value).split()):.80}"


def check_name(value: Any, argument: str) -> None:
    """Raise TypeError for a name that is no string."""
    if not isinstance(value, str):
        raise TypeError(f"{argument}={shown(value)} came: expected a name (str); pass one")


def check_seed(seed: Any) -> int:
    """Return the seed as int. Raises TypeError for no whole number, ValueError for one outside 0 to 2**63 - 1."""
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral):
        raise TypeError(f"seed={shown(seed)} came: expected a whole number (int); pass one, such as 0")
    if not 0 <= int(seed) <= MOST_SEED:
        raise ValueError(f"seed={seed}: expected a whole number from 0 to 2**63 - 1; pass a smaller one, such as 0")
    return int(seed)


def check_count(value: Any, argument: str) -> int | None:
    """Return a number of 1 or more as int, or None. Raises TypeError for no whole number, ValueError below 1."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{argument}={shown(value)} came: expected a whole number (int) or None; pass one")
    if int(value) < 1:
        raise ValueError(f"{argument}={value}: expected at least 1; pass a larger number, or leave {argument} out")
    return int(value)


def check_progress(progress: Any) -> None:
    """Raise TypeError for progress that is neither bool nor a function."""
    if not isinstance(progress, bool) and not callable(progress):
        raise TypeError(
            f"progress={shown(progress)} came: expected True, False or a function (done, steps, losses); pass one"
        )


def check_path(value: Any, argument: str) -> None:
    """Raise TypeError for what is no path and no name."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{argument}={shown(value)} came: expected a name or a path (str or PathLike); pass one")


def check_checkpoint(checkpoint: Any) -> None:
    """Raise TypeError for no path, ValueError for a folder. None is allowed."""
    if checkpoint is None:
        return
    check_path(checkpoint, "checkpoint")
    if os.fspath(checkpoint) == "" or Path(checkpoint).is_dir():
        raise ValueError(
            f"checkpoint={os.fspath(checkpoint)!r}: expected a file, but this is a folder; add a file name to it"
        )


def check_validation(validation: Any) -> None:
    """Raise TypeError for validation data that are not a pair."""
    if validation is not None and not (isinstance(validation, (tuple, list)) and len(validation) == 2):
        raise TypeError(
            f"validation={shown(validation)} came: expected a pair (images, labels); pass both in one tuple"
        )
