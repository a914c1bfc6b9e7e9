"""``facekit reproduce``: a paper's table in one command."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from .command import AddCommand


def add_commands(add_command: AddCommand) -> None:
    """Add the command."""
    p = add_command(
        "reproduce",
        _reproduce,
        "run a table of one of the four papers; run the same command again to go on",
        "facekit reproduce fsma/table1 --data ../data --out results",
    )
    p.add_argument("table", help="paper and number, such as fsma/table1; `list` shows all")
    p.add_argument("--data", help="folder of the data sets; the default is the environment variable FACEKIT_DATA")
    p.add_argument("--scale", choices=("mini", "gpu", "paper"), default="mini", help="mini: two CPU cores")
    p.add_argument("--draws", type=int, help="number of draws, instead of the scale's")
    p.add_argument("--out", default="results", help="folder for finished cells and tables")


def _reproduce(args: argparse.Namespace) -> Any:
    from ..core.arguments import check_count, suggestion
    from ..papers.catalogue import EXPERIMENTS, NOT_HERE
    from ..papers.run import run

    data = (os.environ.get("FACEKIT_DATA") or None) if args.data is None else args.data
    root = None if data is None else Path(data)
    if root is not None and (data == "" or not root.is_dir()):
        raise ValueError(f"--data {data}: expected a folder of data sets, got none there; pass one that exists")
    if args.table == "list":
        return _list(root, args.json)
    if args.table in NOT_HERE:
        raise ValueError(f"{args.table} is not available here; it needs {NOT_HERE[args.table].reason}")
    if args.table not in EXPERIMENTS:
        known = (*EXPERIMENTS, *NOT_HERE)
        advice = suggestion(args.table, known, "`facekit reproduce list` shows all")
        raise ValueError(f"table {args.table!r}: expected one of the papers' tables; {advice}")
    if args.draws is not None:
        check_count(args.draws, "--draws")
    if not args.out:
        raise ValueError("--out '': expected a folder, got an empty text; name the folder of the results")
    seconds = 0.0

    def note(done: int, count: int, cell: Any, finished: Any) -> None:
        scores = ", ".join(f"{name} {value:.2f}" for name, value in finished.scores.items())
        nonlocal seconds
        seconds += finished.seconds
        left = seconds / done * (count - done) / 60
        print(
            f"{done}/{count} {cell.row}, {cell.column}, draw {cell.draw}: {scores} (about {left:.0f} min left)",
            file=sys.stderr,
            flush=True,
        )

    written = run(EXPERIMENTS[args.table], args.scale, root, Path(args.out), args.draws, note)
    if written is None:
        return {"finished": False}
    if not args.json:
        print(written.read_text(encoding="utf-8"))
    return {"finished": True, "table": str(written)}


def _list(root: Path | None, as_json: bool) -> Any:
    """Show all tables: what they need at each scale, and whether it is there."""
    from ..papers.catalogue import EXPERIMENTS, NOT_HERE
    from ..papers.experiment import SCALES

    found: dict[str, Any] = {}
    for name, experiment in EXPERIMENTS.items():
        scales = {
            scale: {
                "needs": {need.name: need.problem(root) is None for need in size.needs},
                "optional": {need.name: need.problem(root) is None for need in size.optional.values()},
                "minutes": size.minutes,
            }
            for scale, size in experiment.scales.items()
        }
        absent = [scale for scale in SCALES if scale not in scales]
        found[name] = {"title": experiment.title, "scales": scales}
        if absent:
            found[name]["not available here"] = experiment.missing
    for name, one in NOT_HERE.items():
        found[name] = {"title": one.title, "scales": {}, "not available here": f"needs {one.reason}"}
    if as_json:
        return found
    for name, about in sorted(found.items()):
        print(f"{name}: {about['title']}")
        for scale, size in about["scales"].items():
            needs = ", ".join(f"{need} {'(there)' if there else '(MISSING)'}" for need, there in size["needs"].items())
            print(f"    {scale}: about {size['minutes']:.0f} minutes; needs {needs or 'no data'}")
            if size["optional"]:
                more = ", ".join(f"{n} {'(there)' if there else '(missing)'}" for n, there in size["optional"].items())
                print(f"        more rows with {more}")
        if "not available here" in about:
            print(f"    not available here: {about['not available here']}")
    print("Minutes are for one CPU core (mini) or one GPU; those of gpu and paper are guesses.")
    return None
