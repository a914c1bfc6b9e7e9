"""What the commands share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

# As in `facekit.alignment`, which would import torch for the help text.
ALIGN = ("none", "box", "landmarks", "mean", "tanh", "ffhq", "haar")


class AddCommand(Protocol):
    """Add a command to the parser: its name, the function that runs it, its help text and an example."""

    def __call__(
        self, name: str, run: Callable[[argparse.Namespace], Any], text: str, example: str
    ) -> argparse.ArgumentParser: ...


def settings(items: Iterable[str], taken: Mapping[str, Any]) -> dict[str, Any]:
    """Read the items of --set, as the keyword arguments that they become.

    Args:
        items: NAME=VALUE each.
        taken: Keyword arguments that other options have set.

    Raises:
        ValueError: If a name comes twice, or is what an option of its own sets.
    """
    found: dict[str, Any] = {}
    for item in items:
        name, value = setting(item)
        if name in taken:
            raise ValueError(f"--set {item}: {name} is set by another option, expected another name; leave one out")
        if name in found:
            raise ValueError(f"--set {item}: {name} came twice, expected each name once; leave one out")
        found[name] = value
    return found


def setting(item: str) -> tuple[str, Any]:
    """Read NAME=VALUE, as in mim=0. The value is a number, several with commas, true, false, none, or else text."""
    name, equals, value = item.partition("=")
    if not name or not equals:
        raise ValueError(f"--set {item}: expected NAME=VALUE, e.g. mim=0")
    words = {"true": True, "false": False, "none": None}
    if value.lower() in words:
        return name, words[value.lower()]
    for text in (value, f"[{value}]" if "," in value else value):
        try:
            return name, json.loads(text)
        except ValueError:
            continue
    return name, value
