"""Helpers that all commands share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

# A copy of `facekit.alignment.ALIGN`. That module imports torch, which would make the help text slow.
ALIGN = ("none", "box", "landmarks", "mean", "mean-wide", "tanh", "ffhq", "haar")


class AddCommand(Protocol):
    """A function that adds one command to the parser."""

    def __call__(
        self, name: str, run: Callable[[argparse.Namespace], Any], text: str, example: str
    ) -> argparse.ArgumentParser:
        """Add a command.

        Args:
            name: Name of the command, as typed after `facekit`.
            run: Function that runs the command. It receives the parsed options. What it returns is printed as
                "key: value" lines, or as JSON with ``--json``; None prints nothing.
            text: Help text, one line.
            example: A complete command line.

        Returns:
            The parser of the command, to add options to.
        """


# Settings whose value is a text of digits: pftgan's stages, and fsma's skip layers.
_DIGITS = ("stages", "skip")


def parse_settings(items: Iterable[str], taken: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the items of ``--set`` to keyword arguments.

    Args:
        items: Texts of the form NAME=VALUE.
        taken: Keyword arguments that other options have set.

    Returns:
        The value of each name.

    Raises:
        ValueError: If an item has another form, or its name occurs twice or in ``taken``.
    """
    values: dict[str, Any] = {}
    for item in items:
        name, value = parse_setting(item)
        if name in taken:
            raise ValueError(f"--set {item}: {name} is set by another option, expected another name; leave one out")
        if name in values:
            raise ValueError(f"--set {item}: got {name} twice, expected each name once; leave one out")
        values[name] = value
    return values


def parse_setting(item: str) -> tuple[str, Any]:
    """Convert one item of ``--set`` to a name and a value.

    Args:
        item: A text of the form NAME=VALUE. VALUE is a number, several numbers with commas between, true, false,
            none, or any other text. Settings whose digits are a text, such as ``stages=12``, stay a text.

    Returns:
        The name and the value.

    Raises:
        ValueError: If the item has another form.

    Example:
        >>> parse_setting("layers=5,5")
        ('layers', [5, 5])
    """
    name, equals, value = item.partition("=")
    if not name or not equals:
        raise ValueError(f"--set {item}: expected NAME=VALUE, e.g. lr=0.0005")
    constants = {"true": True, "false": False, "none": None}
    if value.lower() in constants:
        return name, constants[value.lower()]
    if name in _DIGITS and value.isdigit():
        return name, value
    for text in (value, f"[{value}]" if "," in value else value):
        try:
            return name, json.loads(text)
        except ValueError:
            continue
    return name, value
