"""The command that compares backbones on labelled faces: compare."""

from __future__ import annotations

import argparse
from typing import Any

from ..backbones.registry import backbone_names
from .adapt import TASKS
from .command import ALIGN, AddCommand, parse_settings


def add_commands(add_command: AddCommand) -> None:
    """Add the command of this module to the parser."""
    p = add_command(
        "compare",
        _compare,
        "find out which backbone suits your labelled faces, and how many faces it needs",
        "facekit compare faces --task landmarks --backbones fsma farl --shots 1 5 10 --plot curve.png",
    )
    p.add_argument("labels", help="labels of the images, in a format of `facekit adapt --labels`")
    p.add_argument("--images", help="a folder of images; not needed if the label files name their images")
    p.add_argument("--task", required=True, choices=TASKS)
    p.add_argument(
        "--backbones", nargs="+", choices=sorted(backbone_names()), metavar="NAME", help="default: all for the task"
    )
    p.add_argument("--shots", nargs="+", type=int, default=[10], help="numbers of labelled faces to adapt on")
    p.add_argument("--draws", type=int, default=3, help="random splits of the images; 2 or more give intervals")
    p.add_argument("--names", help="a label set: 68, helen11, celeba40, ...; or your own names with commas between")
    p.add_argument("--by", metavar="COLUMN", help="the column that names the person, who is then on one side only")
    p.add_argument("--groups", metavar="TABLE", help="a CSV table with that column, and image names in the first one")
    p.add_argument("--test", nargs=2, metavar=("IMAGES", "LABELS"), help="labelled images that score every model")
    p.add_argument("--seconds-per-label", type=float, metavar="SECONDS", help="your own time to label one image")
    p.add_argument("--folder", help="folder of finished trainings. If the command is killed, run it again to continue")
    p.add_argument("--recipe", default="quick", help="as in `facekit adapt`")
    p.add_argument("--align", default="none", choices=ALIGN, help="how faces are cropped; none: images are face crops")
    p.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE", help="fields of the recipes: steps=100"
    )
    p.add_argument("--seed", type=int, default=0, help="the same seed on the same machine gives the same result")
    p.add_argument("--device", help="where to train: cpu, cuda, cuda:1, mps")
    p.add_argument("--out", metavar="FILE", help="the .json file to write")
    p.add_argument("--plot", metavar="FILE", help="the .png, .jpg, .pdf or .svg file to draw")


def _compare(args: argparse.Namespace) -> Any:
    """Run `facekit compare`."""
    from ..annotations.label_sources import labels_from_path
    from ..comparison.learning_curve import learning_curve
    from ..core.output_paths import check_output
    from ..results.comparison_plot import PLOT_FORMATS

    if args.out is not None:
        check_output(args.out, (".json",))
    if args.plot is not None:
        check_output(args.plot, tuple(PLOT_FORMATS))
    if (args.by is None) != (args.groups is None):
        given, other = ("--groups", "--by") if args.by is None else ("--by", "--groups")
        raise ValueError(f"got {given} without {other}, expected both; add {other}")
    options: dict[str, Any] = {
        "folder": args.folder,
        "seconds_per_label": args.seconds_per_label,
        "recipe": args.recipe,
        "align": args.align,
        "device": args.device,
        "seed": args.seed,
        "progress": not args.json,
    }
    taken = dict.fromkeys(("images", "labels", "task", "backbones", "shots", "draws", "names", "groups"))
    settings = parse_settings(args.set, {**options, **taken, "test_images": None, "test_labels": None})
    images, labels, names = labels_from_path(args.images, args.labels, args.task, args.names)
    if args.test is not None:
        path, label_path = args.test
        options["test_images"], options["test_labels"], _ = labels_from_path(path, label_path, args.task, names)
    if args.by is not None:
        options["groups"] = _people(args.groups, args.by, images)
    comparison = learning_curve(
        images, labels, args.task, args.backbones, args.shots, args.draws, names=names, **options, **settings
    )
    if args.out is not None:
        comparison.save(args.out)
    if args.plot is not None:
        comparison.plot(args.plot)
    if args.json:
        return comparison.to_dict()
    print(comparison)
    return None


def _people(table: str, column: str, images: Any) -> list[Any]:
    """Return the person in each image, from a column of a CSV table."""
    from pathlib import Path

    from ..annotations import read_table
    from ..images.reader import list_images

    files = list_images(images) if isinstance(images, str) and Path(images).is_dir() else images
    return list(read_table(Path(table)).column_of(column, [Path(file).name for file in files]))
