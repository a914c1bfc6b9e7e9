"""Commands to start with after the installation: quickstart, demo, doctor."""

from __future__ import annotations

import argparse
from typing import Any

from .command import AddCommand


def add_commands(add_command: AddCommand) -> None:
    """Add the commands of this module to the parser."""
    p = add_command(
        "quickstart",
        _quickstart,
        "adapt on a few faces, predict on unseen faces, print scores, write one image",
        "facekit quickstart --out quickstart.png",
    )
    p.add_argument("--out", default="facekit_quickstart.png", help="the .png or .jpg file to write")

    p = add_command("demo", _demo, "open the page in a browser", "facekit demo --port 7861")
    p.add_argument("--port", type=int, help="the port of the page; the default is the first free port from 7860")
    p.add_argument(
        "--host",
        nargs="+",
        default=[],
        metavar="NAME",
        help="names or addresses of this machine, to open the page from other machines; by default only this machine "
        "can open it",
    )
    p.add_argument(
        "--auth",
        nargs="+",
        default=[],
        metavar="NAME:PASSWORD",
        help="visitors must log in as one of these. Other users of this machine can see the command's options",
    )
    p.add_argument(
        "--share",
        action="store_true",
        help="open a public link over gradio's server for a week; add --auth, or whoever has the link can use this "
        "machine. gradio downloads its tunnel program the first time",
    )

    add_command("doctor", _doctor, "print versions, devices and problems of the installation", "facekit doctor")


def _quickstart(args: argparse.Namespace) -> Any:
    """Run `facekit quickstart`."""
    from .quickstart import quickstart

    return quickstart(args.out, progress=not args.json)


def _demo(args: argparse.Namespace) -> Any:
    """Run `facekit demo`."""
    from ..page.app import main as open_page

    open_page(args.port, args.host, auth=args.auth, share=args.share)
    return {}


def _doctor(args: argparse.Namespace) -> Any:
    """Run `facekit doctor`."""
    from .doctor import doctor

    return doctor()
