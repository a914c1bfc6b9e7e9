"""Download published weights: `facekit download`."""

from __future__ import annotations

import argparse
from typing import Any

from .command import AddCommand

# A copy of the names in `facekit.zoo.official`. That module imports torch, which would make the help text slow.
NAMES = ("farl-ep16", "farl-ep64", "yunet")


def add_commands(add_command: AddCommand) -> None:
    """Add the command of this module to the parser."""
    p = add_command("download", _download, "download published weights into the cache", "facekit download yunet")
    p.add_argument("name", choices=NAMES, help="yunet: OpenCV's face finder (0.2 MB); farl-...: FaRL's own weights")


def _download(args: argparse.Namespace) -> Any:
    """Run `facekit download`."""
    from ..zoo.official import official_file

    return {"name": args.name, "path": str(official_file(args.name))}
