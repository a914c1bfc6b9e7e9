"""The command line: `facekit COMMAND ...`.

Exit codes:
    0: Success.
    1: `facekit doctor` found a problem.
    2: Wrong input. The reason is printed on standard error, in one line.
    130: Stopped with Ctrl-C.
    141: The program that read the output has ended, such as `head` in `facekit ... | head`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from ..core.json_text import without_nan
from . import (
    adapt,
    comparison,
    download,
    evaluate,
    export,
    installation,
    predict,
    pretrain,
    reproduce,
    texts,
    uncertainty,
)

GROUPS = (installation, download, adapt, predict, evaluate, export, comparison, texts, uncertainty, pretrain, reproduce)


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    root = argparse.ArgumentParser("facekit", description="Label a few faces, get your own face model, see it work.")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add_command(
        name: str, run: Callable[[argparse.Namespace], Any], text: str, example: str
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, epilog=f"Example: {example}")
        command.add_argument("--json", action="store_true", help="print one JSON object with all results, nothing else")
        command.set_defaults(run=run)
        return command

    for group in GROUPS:
        group.add_commands(add_command)
    return root


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The command and its options. None takes them from the command line.

    Returns:
        The exit code, see the docstring of this module.
    """
    args = parser().parse_args(arguments)
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_for_readers)
    logging.basicConfig(level=logging.WARNING if args.json else logging.INFO, format="%(message)s", handlers=[handler])
    try:
        with _one_line_warnings(args.command):
            outcome = args.run(args)
    except BrokenPipeError:
        # Python flushes standard output once more at its exit, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ValueError, TypeError, OSError, ImportError, FloatingPointError) as error:
        print(f"facekit {args.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"facekit {args.command}: stopped", file=sys.stderr)
        return 130
    if outcome is None:
        return 0  # the output is printed already, or by another process of a distributed run
    if args.json:
        print(json.dumps(without_nan(outcome), default=str))
    else:
        for key, value in outcome.items():
            print(f"{key}: {json.dumps(value, indent=1, default=str) if isinstance(value, (dict, list)) else value}")
    return 1 if args.command == "doctor" and outcome["problems"] else 0


def _is_for_readers(record: logging.LogRecord) -> bool:
    """Return whether a log record is facekit's, or a warning. Other packages log what only their authors need."""
    return record.name.split(".")[0] == "facekit" or record.levelno >= logging.WARNING


@contextlib.contextmanager
def _one_line_warnings(command: str) -> Iterator[None]:
    """Print warnings as one line each, without the line of code that raised them."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_, **__: f"facekit {command}: warning: {' '.join(str(message).split())}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before
