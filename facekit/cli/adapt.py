"""Commands that train on labelled faces: adapt, adapt-labels."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..backbones.registry import backbone_names
from .command import ALIGN, AddCommand, settings

TASKS = ("landmarks", "segmentation", "stylization", "shadow_removal", "attributes")


def commands(command: AddCommand) -> None:
    """Add the commands of this file to the parser."""
    p = command(
        "adapt",
        _adapt,
        "make your own model from labelled faces",
        "facekit adapt --task segmentation --images faces --labels masks --names background,skin,hair --out my.facekit",
    )
    p.add_argument("--images", help="folder of images, or one image; label files name their own")
    p.add_argument(
        "--labels",
        help="a folder of LabelMe, COCO, CVAT, dlib or .pts files, of PNG masks or of target images; landmarks also as "
        "a .json of [[[x, y], ...], ...] or a .npy; attributes as a CSV table (the images' names, then a column of 0, "
        "1 or nothing for each) or CelebA's list_attr_celeba.txt; shadow_removal may do without",
    )
    p.add_argument("--task", required=True, choices=TASKS)
    p.add_argument("--recipe", default="quick", help="quick, paper, or a row of FSMA's Table 7, e.g. 300w-5%%")
    p.add_argument("--backbone", default="fsma", choices=sorted(backbone_names()))
    p.add_argument("--weights", default="auto", help="the backbone's: auto, embedded, official, none or a file")
    p.add_argument("--inversion", help="pftgan: the encoder's file, where --weights is a generator's file")
    p.add_argument("--names", help="a label set: 68, helen11, celeba40, ...; or own names, with commas between")
    p.add_argument("--align", default="none", choices=ALIGN, help="how faces are framed; none: images are face crops")
    p.add_argument("--support", metavar="FOLDER", help="pftgan: images without labels that training also looks at")
    p.add_argument(
        "--validation",
        nargs=2,
        metavar=("IMAGES", "LABELS"),
        help="labelled images to score the model on, which it is not trained on; with --set keep_best=true they also "
        "choose its weights",
    )
    p.add_argument("--steps", type=int, help="training steps, instead of the recipe's")
    p.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE", help="fields of the recipe: lr=0.0005"
    )
    _add_training(p)

    p = command(
        "adapt-labels",
        _adapt_labels,
        "teach a segmentation model how another data set draws its parts: trains a label adapter on its results",
        "facekit adapt-labels segmentation --images faces --labels masks --names background,skin,hair --out my.facekit",
    )
    p.add_argument("model", help="a .facekit file for segmentation, or 'segmentation', 'farl-segmentation'")
    p.add_argument("--images", help="folder of images, or one image; label files name their own")
    p.add_argument("--labels", required=True, help="a folder of LabelMe or COCO files, or of PNG masks")
    p.add_argument(
        "--names", help="the label set of these labels, if it is not the model's: helen11, ..., or own names"
    )
    p.add_argument("--reads", default="onehot", choices=["onehot", "ids"], help="how the adapter is given the classes")
    p.add_argument("--decoder", default="unet", help="of the adapter: unet, fpn, deeplabv3plus")
    p.add_argument("--encoder", default="mobilenet_v2", help="of the adapter, one of segmentation_models_pytorch's")
    p.add_argument("--weights", default="auto", help="of the adapter's encoder: auto, imagenet, none")
    p.add_argument("--steps", type=int, help="training steps; 30 epochs where it is left out")
    _add_training(p)


def _add_training(p: argparse.ArgumentParser) -> None:
    p.add_argument("--seed", type=int, default=0, help="the same seed on the same machine gives the same model")
    p.add_argument("--device", help="where to train: cpu, cuda, cuda:1, mps")
    p.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="file to resume from: the same command, once killed, goes on where this file was last written (every two "
        "minutes). Without it a killed training begins anew",
    )
    p.add_argument("--out", required=True, help="the .facekit file to write")


def _adapt(a: argparse.Namespace) -> Any:
    from ..annotations.label_sources import labels_from_path
    from ..api.adaptation import adapt
    from ..core.output_paths import check_output

    target = check_output(a.out, (".facekit",))
    options: dict[str, Any] = {
        "backbone": a.backbone, "weights": a.weights, "recipe": a.recipe, "align": a.align, "device": a.device,
        "checkpoint": a.checkpoint, "seed": a.seed, "support_images": a.support, "progress": not a.json,
    }  # fmt: skip
    options |= {k: v for k, v in {"steps": a.steps, "inversion": a.inversion}.items() if v is not None}
    reserved = {**options, "images": None, "labels": None, "task": None, "names": None, "validation": None}
    options |= settings(a.set, reserved)
    images, labels, names = labels_from_path(a.images, a.labels, a.task, a.names)
    if a.validation is not None:
        unseen, truth = a.validation
        options["validation"] = labels_from_path(unseen, truth, a.task, names)[:2]
    model = adapt(images, labels, a.task, names=names, **options)
    return _saved(model, target, a)


def _adapt_labels(a: argparse.Namespace) -> Any:
    from ..annotations.label_sources import labels_from_path
    from ..api.label_adaptation import adapt_labels
    from ..core.output_paths import check_output
    from ..model import resolve_model

    target = check_output(a.out, (".facekit",))
    model = resolve_model(a.model)
    if model.task.name != "segmentation":
        raise ValueError(f"{a.model}: got a model for {model.task.name}, expected one for segmentation")
    names = a.names if a.names is not None else model.task.labels  # type: ignore[attr-defined]
    images, labels, names = labels_from_path(a.images, a.labels, "segmentation", names)
    adapted = adapt_labels(
        model, images, labels, names=names, reads=a.reads, decoder=a.decoder, encoder=a.encoder, weights=a.weights,
        steps=a.steps, checkpoint=a.checkpoint, device=a.device, seed=a.seed, progress=not a.json,
    )  # fmt: skip
    return _saved(adapted, target, a)


def _saved(model: Any, target: Path, a: argparse.Namespace) -> dict[str, Any]:
    from ..core.rescue import save_or_rescue

    save_or_rescue(model.save, target, a.checkpoint)
    return {"model": a.out, **model.about}
