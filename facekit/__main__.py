"""The command line: `facekit COMMAND ...`. Exit code 0, or 2 for wrong input, with the reason on standard error."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .backbones import BACKBONES

# Of annotation tools; a folder that holds none of these holds masks or pictures.
LABEL_FILES = (".json", ".pts")
TASKS = ("landmarks", "segmentation", "stylization", "shadow_removal", "attributes")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("facekit", description="Label a few faces, get your own face model, see it work.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], Any], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--json", action="store_true", help="print the outcome as one JSON object, nothing else")
        sub.set_defaults(run=run)
        return sub

    p = command(
        "quickstart", _quickstart, "adapt on a few faces, predict on unseen ones, print scores, write one picture"
    )
    p.add_argument("--out", default="facekit_quickstart.png", help="where to write the picture")

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

    p = command("predict", _predict, "run a model on pictures")
    p.add_argument("model", help="a .facekit file, or a ready model: 'landmarks', 'segmentation', 'attributes', ...")
    p.add_argument("images", help="a picture or a folder")
    p.add_argument("--out", help="folder for one drawing and one JSON file a picture")

    p = command("evaluate", _evaluate, "score a model on labelled pictures")
    p.add_argument("model")
    p.add_argument("images")
    p.add_argument("labels")
    p.add_argument("--by", metavar="COLUMN", help="score each group of people: the groups stand in this column")
    p.add_argument("--groups", metavar="TABLE", help="a CSV table with that column, if the labels are no such table")

    p = command("shard", _shard, "make pictures with texts into shards for FaRL's pre-training, their faces found")
    p.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a folder of pictures, a .parquet or .csv listing with columns URL and TEXT, .tar shards or a folder of "
        "them, celebahq128, celebahq128:COUNT, generated:COUNT",
    )
    p.add_argument("--texts", help="a .csv of file name and caption; else a .txt beside each picture of a folder")
    p.add_argument("--download", action="store_true", help="fetch what a listing has on the web")
    p.add_argument("--size", type=int, default=256, help="side of generated faces, px")
    p.add_argument("--longest", type=int, default=640, help="larger pictures are shrunk to this side, px")
    p.add_argument("--score", type=float, default=0.9, help="pictures without a face above it are left out")
    p.add_argument("--per-shard", type=int, default=1000, help="pictures a shard stands for")
    p.add_argument("--workers", type=int, default=1, help="processes")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--out", required=True, help="folder to write; the same command again makes what is missing")

    p = command("pretrain", _pretrain, "train a backbone, or a part of one, from its beginning")
    p.add_argument("backbone", choices=["fsma", "farl", "tokenizer", "stylegan2", "inversion"])
    p.add_argument(
        "--faces",
        nargs="+",
        required=True,
        help="folders of faces, celebahq128[:COUNT], generated:COUNT; farl: shards (`facekit shard`)",
    )
    p.add_argument("--preset", help="mini; fsma also 128, 256; farl also base; stylegan2 also 256, 1024")
    p.add_argument("--steps", type=int)
    p.add_argument(
        "--weights",
        help="what to go on from: embedded, or a file (.safetensors, .mdl, .pth); for inversion the generator "
        "(.safetensors, .pkl, .pt)",
    )
    p.add_argument("--batch", type=int, help="pictures a step, of all processes together")
    p.add_argument("--until", type=int, help="stop after so many of the steps; the same command goes on later")
    p.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="fields of the recipe: mim=0 align=false")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--out", required=True, help="the .safetensors file to write")

    p = command("demo", _demo, "open the page in a browser")
    p.add_argument("--port", type=int, default=7860)

    command("doctor", _doctor, "versions, devices, clashes between packages and how to mend them")
    return parser


def _quickstart(a: argparse.Namespace) -> Any:
    from .quickstart import quickstart

    return quickstart(a.out, progress=not a.json)


def _adapt(a: argparse.Namespace) -> Any:
    from .api import adapt

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


def _predict(a: argparse.Namespace) -> Any:
    from .api import predict
    from .images import read_pictures
    from .results import Faces

    model = _model(a.model)
    pictures = read_pictures(a.images, on_error="skip")
    out = Path(a.out) if a.out else None
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, array in zip(pictures.names, pictures.arrays, strict=True):
        result = predict(model, array)
        found[name] = result.to_dict()
        if out is not None:
            stem = Path(name).name.replace(" ", "_")
            result.save(out / f"{stem}.json")
            result.save(out / f"{stem}.png")
        if not a.json:
            print(f"{name}: {len(result)} faces" if isinstance(result, Faces) else f"{name}: 1 face")
    return (
        {"results": found, "skipped": pictures.skipped}
        if a.json
        else {"pictures": len(found), "skipped": pictures.skipped}
    )


def _evaluate(a: argparse.Namespace) -> Any:
    from .api import evaluate, evaluate_by
    from .data.files import read_table
    from .groups import group_members, score_table
    from .images import list_pictures

    table = Path(a.groups or a.labels)
    if a.groups is not None and a.by is None:
        raise ValueError("--groups came without --by: say with --by in which of its columns the groups stand")
    if a.by is not None and not table.is_file():
        raise ValueError(f"--by {a.by}: {table} is no table: pass --groups with a CSV file that has this column")
    model = _model(a.model)
    images, labels, _ = _labelled(a.images, a.labels, model.task.name, getattr(model.task, "labels", None))
    if a.by is None:
        return evaluate(model, images, labels)
    pictures = list_pictures(images) if isinstance(images, str) and Path(images).is_dir() else images
    names = [Path(picture).name for picture in ([pictures] if isinstance(pictures, str) else pictures)]
    groups = read_table(table).column_of(a.by, names)
    scores = evaluate_by(model, pictures, labels, groups)
    if a.json:
        return scores
    print(score_table(scores, group_members(groups, len(names)), len(names)))
    return {}


def _shard(a: argparse.Namespace) -> Any:
    from .data.pairs.making import make_shards

    return make_shards(
        a.sources,
        a.out,
        texts=a.texts,
        download=a.download,
        size=a.size,
        seed=a.seed,
        workers=a.workers,
        progress=not a.json,
        per_shard=a.per_shard,
        score=a.score,
        longest=a.longest,
    )


def _setting(item: str) -> tuple[str, Any]:
    """"NAME=VALUE", the value a number, true, false, none, or else text."""
    name, equals, value = item.partition("=")
    if not name or not equals:
        raise ValueError(f"--set {item}: expected NAME=VALUE, e.g. mim=0")
    words = {"true": True, "false": False, "none": None}
    if value.lower() in words:
        return name, words[value.lower()]
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _pretrain(a: argparse.Namespace) -> Any:
    from .pretraining import pretrain
    from .processes import is_first

    overrides = dict(_setting(item) for item in a.set)
    if a.batch is not None:
        overrides["batch_size"] = a.batch
    losses = pretrain(
        a.backbone,
        a.faces,
        preset=a.preset,
        out=a.out,
        steps=a.steps,
        until=a.until,
        weights=a.weights,
        seed=a.seed,
        progress=not a.json,
        **overrides,
    )
    return losses if is_first() else None


def _demo(a: argparse.Namespace) -> Any:
    folder = Path(__file__).resolve().parent.parent
    if not (folder / "demos" / "app.py").is_file():
        raise FileNotFoundError(
            f"{folder}/demos/app.py is missing: the page comes with the repository; install with pip install -e ."
        )
    sys.path.insert(0, str(folder))
    os.environ["GRADIO_SERVER_PORT"] = str(a.port)
    from demos.app import main as open_page

    open_page()
    return {}


def _doctor(a: argparse.Namespace) -> Any:
    from .doctor import doctor

    return doctor()


def _labelled(images: str | None, path: str | None, task: str, names: Any) -> tuple[Any, Any, Any]:
    """(pictures, labels, label set) as `adapt` takes them, from files of any kind."""
    import numpy as np

    source = None if path is None else Path(path)
    if source is not None and not source.exists():
        raise FileNotFoundError(
            f"{path}: no such labels; expected a folder of label files, masks or target pictures, a .json or .npy of "
            "landmarks, or a table of attributes"
        )
    if images is not None and not Path(images).exists():
        raise FileNotFoundError(f"--images {images}: no such file or folder; expected the labels' images")
    labels: Any = path
    folder = images if images is not None and Path(images).is_dir() else None
    if isinstance(names, str) and "," in names:
        names = [name.strip() for name in names.split(",")]
    if source is not None and task in ("landmarks", "segmentation", "attributes"):
        if source.suffix == ".npy":
            labels = np.load(source, allow_pickle=False)
        elif source.suffix == ".json" and source.read_text(encoding="utf-8").lstrip().startswith("["):
            labels = np.array(json.loads(source.read_text(encoding="utf-8")), float)
        elif task == "attributes":
            from .data.files import read_attributes

            found = read_attributes(source, names, images=folder)
            return found.images, found.labels, found.names
        elif source.suffix in LABEL_FILES or any(f.suffix in LABEL_FILES for f in source.glob("*.*")):
            from .data.files import read_labels

            found = read_labels(source, task, names, images=folder)
            return found.images, found.labels, found.names
    if images is None:
        raise ValueError("no pictures came: pass --images with a folder of pictures")
    return images, labels, names


def _model(name: str) -> Any:
    from .model import load
    from .ready import READY, ready_model

    return ready_model(name) if name in READY else load(name)


def main(arguments: list[str] | None = None) -> int:
    """Run one command. arguments: as on the command line; None takes them from there. Returns the exit code."""
    a = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING if a.json else logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        outcome = a.run(a)
    except (ValueError, TypeError, FileNotFoundError, ImportError, FloatingPointError) as error:
        print(f"facekit {a.command}: {error}", file=sys.stderr)
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


if __name__ == "__main__":
    sys.exit(main())
