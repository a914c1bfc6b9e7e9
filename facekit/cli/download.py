"""Download published weights: `facekit download`."""

from __future__ import annotations

import argparse
from typing import Any

from ..zoo.official import OFFICIAL, official_file
from .command import AddCommand


def add_commands(add_command: AddCommand) -> None:
    """Add the command of this module to the parser."""
    p = add_command("download", _download, "download published weights into the cache", "facekit download yunet")
    names = "; ".join(f"{name}: {entry.about} ({entry.licence})" for name, entry in OFFICIAL.items())
    p.add_argument("name", choices=list(OFFICIAL), help=names)


def _download(args: argparse.Namespace) -> Any:
    """Run `facekit download`."""
    return {"name": args.name, "path": str(official_file(args.name))}
