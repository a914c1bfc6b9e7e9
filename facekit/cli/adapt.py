"""Commands that train on labelled faces."""

from __future__ import annotations

import argparse
from typing import Any

from ..backbones import BACKBONES
from .command import AddCommand
from .labels_input import _labelled

TASKS = ("landmarks", "segmentation", "stylization", "shadow_removal", "attributes")


def commands(command: AddCommand) -> None:
    """Add the commands of this file to the parser."""
    p = command("adapt", _adapt, "make your own model from labelled faces")
    p.add_argument("--images", help="folder of pictures, or one picture; label files name their own")
    p.add_argument(
        "--labels",
        help="a folder of LabelMe, COCO or .pts files, of PNG masks or of target pictures; landmarks also as a .json "
        "of [[[x, y], ...], ...] or a .npy; attributes as a CSV table (the pictures' names, then a column of 0, 1 or "
        "nothing for each) or CelebA's list_attr_celeba.txt; shadow_removal may do without",
    )
    p.add_argument("--task", required=True, choices=TASKS)
    p.add_argument("--recipe", default="quick", help="quick, paper, or a row of FSMA's Table 7, e.g. 300w-5%%")
    p.add_argument("--backbone", default="fsma", choices=sorted(BACKBONES))
    p.add_argument("--weights", default="auto", help="the backbone's: auto, embedded, official, none or a file")
    p.add_argument("--names", help="a label set: 68, helen11, celeba40, ...; or own names, with commas between")
    p.add_argument("--align", default="none", choices=["none", "box", "landmarks", "mean", "tanh", "ffhq", "haar"])
    p.add_argument("--steps", type=int)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--out", required=True, help="the .facekit file to write")


def _adapt(a: argparse.Namespace) -> Any:
    from ..api import adapt

    overrides = {} if a.steps is None else {"steps": a.steps}
    images, labels, names = _labelled(a.images, a.labels, a.task, a.names)
    model = adapt(
        images,
        labels,
        a.task,
        a.backbone,
        names=names,
        weights=a.weights,
        recipe=a.recipe,
        align=a.align,
        seed=a.seed,
        progress=not a.json,
        **overrides,
    )
    model.save(a.out)
    return {"model": a.out, **model.about}
