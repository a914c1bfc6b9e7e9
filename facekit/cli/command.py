"""What the commands share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any, Protocol


class AddCommand(Protocol):
    """Add a command to the parser: its name, the function that runs it, and its help text."""

    def __call__(self, name: str, run: Callable[[argparse.Namespace], Any], text: str) -> argparse.ArgumentParser: ...


def setting(item: str) -> tuple[str, Any]:
    """Read NAME=VALUE, as in mim=0. The value is a number, true, false, none, or else text."""
    name, equals, value = item.partition("=")
    if not name or not equals:
        raise ValueError(f"--set {item}: expected NAME=VALUE, e.g. mim=0")
    words = {"true": True, "false": False, "none": None}
    if value.lower() in words:
        return name, words[value.lower()]
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def model_of(name: str) -> Any:
    """Return the ready model of this name, or load the .facekit file."""
    from ..model import load
    from ..ready import READY, ready_model

    return ready_model(name) if name in READY else load(name)
