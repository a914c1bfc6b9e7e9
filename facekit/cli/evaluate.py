"""Commands that score a model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .command import AddCommand


def commands(command: AddCommand) -> None:
    """Add the commands of this file to the parser."""
    p = command(
        "evaluate", _evaluate, "score a model on labelled images", "facekit evaluate mine.facekit test/faces test/masks"
    )
    p.add_argument("model", help="a .facekit file, or a ready model: 'landmarks', 'segmentation', 'attributes', ...")
    p.add_argument("images", help="an image or a folder")
    p.add_argument("labels", help="their labels, as for `facekit adapt --labels`")
    p.add_argument("--by", metavar="COLUMN", help="score each group of people: the groups stand in this column")
    p.add_argument("--groups", metavar="TABLE", help="a CSV table with that column, if the labels are no such table")


def _evaluate(a: argparse.Namespace) -> Any:
    from ..annotations import read_table
    from ..annotations.label_sources import labels_from_path
    from ..api.evaluation import evaluate, evaluate_by
    from ..images.reader import list_images
    from ..metrics.groups import group_members, score_table
    from ..model import resolve_model

    table = Path(a.groups or a.labels)
    if a.groups is not None and a.by is None:
        raise ValueError("--groups came without --by: say with --by in which of its columns the groups stand")
    if a.by is not None and not table.is_file():
        raise ValueError(f"--by {a.by}: {table} is no table: pass --groups with a CSV file that has this column")
    model = resolve_model(a.model)
    images, labels, _ = labels_from_path(a.images, a.labels, model.task.name, getattr(model.task, "labels", None))
    if a.by is None:
        return evaluate(model, images, labels)
    photos = list_images(images) if isinstance(images, str) and Path(images).is_dir() else images
    names = [Path(image).name for image in ([photos] if isinstance(photos, str) else photos)]
    groups = read_table(table).column_of(a.by, names)
    scores = evaluate_by(model, photos, labels, groups)
    if a.json:
        return scores
    print(score_table(scores, group_members(groups, len(names)), len(names)))
    return {}
