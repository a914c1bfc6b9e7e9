"""The command line: `facekit COMMAND ...`. Exit code 0, or 2 for wrong input, with the reason on standard error."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from . import adapt, evaluate, installation, predict, pretrain, texts, uncertainty

GROUPS = (installation, adapt, predict, evaluate, texts, uncertainty, pretrain)


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    made = argparse.ArgumentParser("facekit", description="Label a few faces, get your own face model, see it work.")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace], Any], text: str, example: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text, epilog=f"Example: {example}")
        sub.add_argument("--json", action="store_true", help="print the outcome as one JSON object, nothing else")
        sub.set_defaults(run=run)
        return sub

    for group in GROUPS:
        group.commands(command)
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run one command. arguments: as on the command line; None takes them from there. Returns the exit code."""
    a = parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING if a.json else logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        outcome = a.run(a)
    except BrokenPipeError:  # whoever read the output has ended, such as `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ValueError, TypeError, OSError, ImportError, FloatingPointError) as error:
        print(f"facekit {a.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"facekit {a.command}: stopped", file=sys.stderr)
        return 130
    if outcome is None:
        return 0  # one of several processes, and not the one that speaks
    if a.json:
        print(json.dumps(outcome, default=str))
    elif outcome:
        for key, value in outcome.items():
            print(f"{key}: {json.dumps(value, indent=1, default=str) if isinstance(value, (dict, list)) else value}")
    return 1 if a.command == "doctor" and outcome["problems"] else 0
