"""The command that scores a model: evaluate."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .command import ALIGN, AddCommand


def add_commands(add_command: AddCommand) -> None:
    """Add the command of this module to the parser."""
    p = add_command(
        "evaluate", _evaluate, "score a model on labelled images", "facekit evaluate mine.facekit test/faces test/masks"
    )
    p.add_argument("model", help="a .facekit file, or a ready model: 'landmarks', 'segmentation', 'attributes', ...")
    p.add_argument("images", help="an image or a folder")
    p.add_argument("labels", help="labels of the images, in a format of `facekit adapt --labels`")
    p.add_argument("--align", choices=ALIGN, help="how faces are cropped; the default is the model's own way")
    p.add_argument(
        "--boxes",
        metavar="TABLE",
        help="landmarks: a CSV table of the image's name and x0, y0, x1, y1, the data set's box of each face in "
        "pixels, by which errors are divided",
    )
    p.add_argument("--device", help="where to run: cpu, cuda, cuda:1, mps")
    p.add_argument("--by", metavar="COLUMN", help="score each group of people; the column holds the name of the group")
    p.add_argument("--groups", metavar="TABLE", help="a CSV table with that column; the default is the table of labels")


def _evaluate(args: argparse.Namespace) -> Any:
    """Run `facekit evaluate`."""
    from ..annotations import read_table
    from ..annotations.label_sources import labels_from_path
    from ..api.evaluation import evaluate, evaluate_by
    from ..images.reader import list_images
    from ..metrics.groups import group_members, score_table
    from ..model import resolve_model

    table = Path(args.groups or args.labels)
    if args.groups is not None and args.by is None:
        raise ValueError("got --groups without --by, expected both; add --by with the column that holds the groups")
    if args.by is not None and not table.is_file():
        raise ValueError(f"--by {args.by}: {table} is no table, expected a CSV file; pass it with --groups")
    model = resolve_model(args.model, args.device)
    images, labels, _ = labels_from_path(args.images, args.labels, model.task.name, model.task.labels)
    if args.by is None and args.boxes is None:
        return evaluate(model, images, labels, align=args.align)
    images = list_images(images) if isinstance(images, str) and Path(images).is_dir() else images
    names = [Path(image).name for image in ([images] if isinstance(images, str) else images)]
    boxes = None if args.boxes is None else read_table(args.boxes).numbers_of(("x0", "y0", "x1", "y1"), names)
    if args.by is None:
        return evaluate(model, images, labels, align=args.align, boxes=boxes)
    groups = read_table(table).column_of(args.by, names)
    scores = evaluate_by(model, images, labels, groups, align=args.align, boxes=boxes)
    if args.json:
        return scores
    print(score_table(scores, group_members(groups, len(names)), len(names)))
    return None
