"""Commands of a fresh installation: quickstart, demo, doctor."""

from __future__ import annotations

import argparse
from typing import Any

from .command import AddCommand


def commands(command: AddCommand) -> None:
    """Add the commands of this file to the parser."""
    p = command(
        "quickstart",
        _quickstart,
        "adapt on a few faces, predict on unseen ones, print scores, write one image",
        "facekit quickstart --out quickstart.png",
    )
    p.add_argument("--out", default="facekit_quickstart.png", help="the .png or .jpg file to write")

    p = command("demo", _demo, "open the page in a browser", "facekit demo --port 7861")
    p.add_argument("--port", type=int, help="where to listen; without it the first free port from 7860")
    p.add_argument(
        "--host",
        nargs="+",
        default=[],
        metavar="NAME",
        help="names or addresses of this machine under which others may open the page; without it only this machine",
    )

    command("doctor", _doctor, "versions, devices, clashes between packages and how to mend them", "facekit doctor")


def _quickstart(a: argparse.Namespace) -> Any:
    from .quickstart import quickstart

    return quickstart(a.out, progress=not a.json)


def _demo(a: argparse.Namespace) -> Any:
    from ..page.app import main as open_page

    open_page(a.port, a.host)
    return {}


def _doctor(a: argparse.Namespace) -> Any:
    from .doctor import doctor

    return doctor()
