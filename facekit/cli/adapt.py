"""Commands that train on labelled faces: adapt, adapt-labels."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..backbones.registry import backbone_names
from .adapt_summary import count_images, images_argument, summary
from .command import ALIGN, AddCommand, parse_settings

TASKS = ("landmarks", "segmentation", "stylization", "shadow_removal", "attributes")


def add_commands(add_command: AddCommand) -> None:
    """Add the commands of this module to the parser."""
    p = add_command(
        "adapt",
        _adapt,
        "make your own model from labelled faces",
        "facekit adapt --task segmentation --images faces --labels masks --names background,skin,hair --out my.facekit",
    )
    p.add_argument("--images", help="a folder of images, or one image; not needed if the label files name their images")
    p.add_argument(
        "--labels",
        help="a folder of LabelMe, COCO, CVAT, dlib, VIA, Label Studio or .pts files, of PNG masks or of target "
        "images. Landmarks also: a CSV table (image name, then NAME_x and NAME_y per point), a .json of [[[x, y], ...],"
        " ...] or a .npy. Attributes: a CSV table (image name, then one column per attribute with 0, 1 or nothing) or "
        "CelebA's list_attr_celeba.txt. shadow_removal needs no "
        "labels",
    )
    p.add_argument("--task", required=True, choices=TASKS)
    p.add_argument(
        "--recipe",
        default="quick",
        help="quick, paper, or another of the backbone: 300w-5%% (fsma), datasetgan (pftgan), ...",
    )
    p.add_argument("--backbone", default="fsma", choices=sorted(backbone_names()))
    p.add_argument(
        "--weights", default="auto", help="weights of the backbone: auto, embedded, official, none or a file"
    )
    p.add_argument("--inversion", help="pftgan: the encoder's file, if --weights is a generator's file")
    p.add_argument("--names", help="a label set: 68, helen11, celeba40, ...; or your own names with commas between")
    p.add_argument("--align", default="none", choices=ALIGN, help="how faces are cropped; none: images are face crops")
    p.add_argument("--support", metavar="FOLDER", help="pftgan: support images, which have no labels")
    p.add_argument(
        "--validation",
        nargs=2,
        metavar=("IMAGES", "LABELS"),
        help="labelled images that the model is scored on but not trained on; with --set keep_best=true the best "
        "checkpoint on them is kept",
    )
    p.add_argument("--steps", type=int, help="number of training steps, instead of the recipe's")
    p.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE", help="fields of the recipe: lr=0.0005"
    )
    _add_training_options(p)

    p = add_command(
        "adapt-labels",
        _adapt_labels,
        "adapt a segmentation model to the label convention of another data set: trains a label adapter on its results",
        "facekit adapt-labels segmentation --images faces --labels masks --names background,skin,hair --out my.facekit",
    )
    p.add_argument("model", help="a .facekit file for segmentation, or 'segmentation', 'farl-segmentation'")
    p.add_argument("--images", help="a folder of images, or one image; not needed if the label files name their images")
    p.add_argument("--labels", required=True, help="a folder of LabelMe or COCO files, or of PNG masks")
    p.add_argument("--names", help="the label set of these labels, if it is not the model's: helen11, ..., or names")
    p.add_argument("--reads", default="onehot", choices=["onehot", "ids"], help="format of the adapter's input classes")
    p.add_argument("--decoder", default="unet", help="decoder of the adapter: unet, fpn, deeplabv3plus")
    p.add_argument("--encoder", default="mobilenet_v2", help="encoder of the adapter, from segmentation_models_pytorch")
    p.add_argument("--weights", default="auto", help="weights of the adapter's encoder: auto, imagenet, none")
    p.add_argument("--steps", type=int, help="number of training steps; the default is 30 epochs")
    _add_training_options(p)


def _add_training_options(p: argparse.ArgumentParser) -> None:
    """Add the options that both commands have."""
    p.add_argument("--seed", type=int, default=0, help="the same seed on the same machine gives the same model")
    p.add_argument("--device", help="where to train: cpu, cuda, cuda:1, mps")
    p.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="file to resume from, written about every ten seconds. If the command is killed, run it again to "
        "continue; without this file the training starts again",
    )
    p.add_argument("--out", required=True, help="the .facekit file to write")


def _adapt(args: argparse.Namespace) -> Any:
    """Run `facekit adapt`."""
    from ..annotations.label_sources import labels_from_path
    from ..api.adaptation import adapt
    from ..core.output_paths import check_output

    target = check_output(args.out, (".facekit",))
    options: dict[str, Any] = {
        "backbone": args.backbone,
        "weights": args.weights,
        "recipe": args.recipe,
        "align": args.align,
        "device": args.device,
        "checkpoint": args.checkpoint,
        "seed": args.seed,
        "support_images": args.support,
        "progress": not args.json,
    }
    options |= {k: v for k, v in {"steps": args.steps, "inversion": args.inversion}.items() if v is not None}
    taken = {**options, "images": None, "labels": None, "task": None, "names": None, "validation": None}
    options |= parse_settings(args.set, taken)
    images, labels, names = labels_from_path(args.images, args.labels, args.task, args.names)
    next_images, validation_count = images_argument(args.images, images), None
    if args.validation is not None:
        path, label_path = args.validation
        options["validation"] = labels_from_path(path, label_path, args.task, names)[:2]
        next_images, validation_count = path, count_images(options["validation"][0])
    model = adapt(images, labels, args.task, names=names, **options)
    return _save(model, target, args, next_images, validation_count)


def _adapt_labels(args: argparse.Namespace) -> Any:
    """Run `facekit adapt-labels`."""
    from ..annotations.label_sources import labels_from_path
    from ..api.label_adaptation import adapt_labels
    from ..core.output_paths import check_output
    from ..model import resolve_model
    from ..tasks import SegmentationTask

    target = check_output(args.out, (".facekit",))
    model = resolve_model(args.model)
    if not isinstance(model.task, SegmentationTask):
        raise ValueError(f"{args.model}: got a model for {model.task.name}, expected one for segmentation")
    names = args.names if args.names is not None else model.task.labels
    images, labels, names = labels_from_path(args.images, args.labels, "segmentation", names)
    adapted = adapt_labels(
        model,
        images,
        labels,
        names=names,
        reads=args.reads,
        decoder=args.decoder,
        encoder=args.encoder,
        weights=args.weights,
        steps=args.steps,
        checkpoint=args.checkpoint,
        device=args.device,
        seed=args.seed,
        progress=not args.json,
    )
    return _save(adapted, target, args, images_argument(args.images, images), None)


def _save(
    model: Any, target: Path, args: argparse.Namespace, next_images: str, validation_count: int | None
) -> dict[str, Any] | None:
    """Save the model. Return everything about it for ``--json``; else print a short summary."""
    from ..core.rescue import save_or_rescue

    save_or_rescue(model.save, target, args.checkpoint)
    if args.json:
        return {"model": args.out, **model.about}
    print(summary(model, args.out, next_images, validation_count))
    return None
