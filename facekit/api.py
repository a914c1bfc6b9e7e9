"""Public functions: adapt, predict, evaluate, load_backbone."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import logging
import os
import time
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import torch

from .arguments import check_checkpoint, check_name, check_path, check_progress, check_seed, check_validation
from .backbones import backbone_module
from .configuration import configuration
from .crops import check_faces, own_frame, support_crops, training_crops
from .fitting import Fitting
from .framing import Frame, check_align, frame_points, warping
from .global_state import kept_random, own_random, own_settings
from .groups import group_members, scores_by_group
from .image_stream import stream_pictures
from .images import Pictures, read_pictures
from .keeping import KeepBest, crop_score
from .label_check import check_plausible
from .model import AT_ONCE, Model
from .outputs import check_output
from .prediction import predict_group
from .ready import frames_in, resolve_model
from .recipes import Adaptation
from .results import Drawable, Faces
from .starting import warm_start
from .tasks import LandmarkTask, task_class
from .training import Progress, check_finite, pick_device, train

log = logging.getLogger("facekit")


@own_settings()
def adapt(
    images: Any,
    labels: Any = None,
    task: str = "landmarks",
    backbone: str = "fsma",
    *,
    names: Any = None,
    support_images: Any = None,
    weights: str | os.PathLike[str] = "auto",
    recipe: str | Adaptation = "quick",
    align: str = "none",
    faces: Any = None,
    epochs: int | None = None,
    validation: tuple[Any, Any] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    seed: int = 0,
    progress: Progress = True,
    **recipe_overrides: Any,
) -> Model:
    """Make a face model of your own from a few labelled faces.

    images: a path, folder, PIL image, numpy (H,W,3) uint8, torch (3,H,W), or a sequence of these; 1 to some thousands.
    labels: for "landmarks" (N,K,2) x, y in pixels of each picture, NaN = not labelled; for "segmentation" one (H,W)
    mask of class ids a picture, 255 = ignore; for "stylization" one picture in the new style each; for "shadow_removal"
    None (pictures without foreign shadows: shadows are cast on them) or one clean picture each; for "attributes" (N,A)
    of 0 and 1, NaN = not labelled. names: the label set ("68", "helen11", "celeba40", ...), its own names, or None.
    align: "none": each picture is a face crop as it is; "box": faces are found first; "landmarks": and cropped by their
    points (the labels' own points for the task "landmarks"); "mean": and brought by eyes, nose and mouth to FaRL's mean
    face; "tanh": and tanh-warped, so that the whole picture stays visible and the face has most of the pixels; "ffhq":
    framed as FFHQ's and CelebA-HQ's pictures, as generators know faces; "haar": faces are found as synthparse's paper
    finds them. Predictions frame pictures the same way. faces: own boxes, one a picture. support_images: for pftgan,
    pictures without labels that its image stream keeps to; the ones to be predicted may be among them (None: the
    generator makes some).
    recipe: "quick" (ours, about a minute on two cores), "paper" (fsma: the row of Table 7 that is
    closest in size, or one by name: `facekit.recipes.TABLE_7`; farl: section 4.1, also "paper-ft" and "paper-ft-448";
    synthparse: its best model, or "paper-unet", "paper-fpn", "paper-deeplabv3plus"; pftgan: section 4.1, also
    "datasetgan") or an `Adaptation`; any of its fields may be overridden, e.g. `steps=800`, `skip="00000"`,
    `baseline="unet"`. checkpoint: a file; a killed run resumes from it. validation: (images, labels) to score the model
    on, and with `keep_best` to choose its weights by. progress: True, False or a function (done, steps, losses).
    Raises ValueError that names the offending picture or label, or lists what the task and backbone can do.
    """
    check_name(task, "task")
    check_name(backbone, "backbone")
    check_path(weights, "weights")
    check_progress(progress)
    check_checkpoint(checkpoint)
    check_validation(validation)
    seed, chosen = check_seed(seed), pick_device(device)
    kind = task_class(task)
    module = backbone_module(backbone)
    if task not in module.TASKS:
        raise ValueError(f"backbone {backbone!r} cannot do {task!r}: it does {', '.join(map(repr, module.TASKS))}")
    check_align(align)
    if checkpoint is not None:
        checkpoint = check_output(checkpoint)
    staged = getattr(module, "program", None)  # of a backbone that brings its own fitting
    if support_images is not None and staged is None:
        raise ValueError(f"support_images came, but backbone {backbone!r} learns from labelled pictures only")
    started = time.monotonic()
    pictures = stream_pictures(images)
    check_faces(faces, len(pictures.names), align)
    fitted, clean = kind.from_labels(labels, names, pictures)
    settings = configuration(
        backbone, module, recipe, fitted, len(clean), epochs, recipe_overrides
    )  # fmt: skip
    check_plausible(fitted, clean, pictures, stacklevel=4)
    fitted = fitted.configured(settings)
    checked = None
    if validation is not None:
        unseen = stream_pictures(validation[0])
        checked = unseen, fitted.check(validation[1], unseen.sizes, unseen.names)
    with own_random(seed):
        network = module.build(weights, seed, fitted, settings)
    model = Model(backbone, network, fitted, align)
    crops, moved = training_crops(
        pictures, clean, fitted, align, faces, 2 * model.input_size, settings.cache_bytes
    )  # fmt: skip
    del pictures, clean  # thousands fill the memory
    fitted = model.task = fitted.balanced(moved)
    alpha = warping(align)
    if staged is None:
        critic = module.critic(weights, seed) if fitted.paints else None
        program = Fitting(network, fitted, crops, moved, settings, chosen, seed, critic, alpha)
    else:
        support = None
        if support_images is not None:
            support = support_crops(read_pictures(support_images), align, model.input_size)
        program = staged(weights, network, fitted, crops, moved, support, settings, chosen, seed, alpha)
    started_from = warm_start(program, settings.start)
    kept = _kept(program, model, settings, checked)
    losses = train(kept or program, program.steps, checkpoint=checkpoint, progress=progress, name=f"adapting {task}")
    if kept is not None:
        kept.finish()
    network.eval()
    check_finite(network.state_dict(), f"after step {program.steps - 1}, the last one")
    # Lists instead of tuples: what JSON gives back is then equal.
    recipe_data = {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(settings).items()}
    model.about = {
        "faces": len(crops),
        "seed": seed,
        "recipe": recipe_data,
        "weights": str(weights),
        "start": started_from,
        "loss": losses.get("loss"),
        "seconds": round(time.monotonic() - started, 1),
    }
    if checked is not None:
        model.about["validation"] = model.task.score(*_results(model, *checked, None))
    return model


def _kept(
    program: Fitting, model: Model, settings: Adaptation, validation: tuple[Pictures, list[Any]] | None
) -> KeepBest | None:
    """`program` with its best epoch kept, if that is wanted and there are faces to choose by."""
    if not settings.keep_best:
        return None
    if validation is None:
        log.warning("no validation= came to choose the best epoch by: the last one's weights are kept")
        return None
    crops, moved = training_crops(*validation, model.task, model.align, None, model.input_size, settings.cache_bytes)
    every = -(-len(program.crops) // settings.batch_size)
    return KeepBest(program, functools.partial(crop_score, model, crops, moved), every, settings.steps)


@own_settings()
def predict(
    model: Model | str | os.PathLike[str] | Sequence[Model | str | os.PathLike[str]],
    images: Any,
    *,
    faces: Any = None,
    align: str | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    device: str | torch.device | None = None,
) -> Any:
    """Run a model on one image or many.

    One image in, one outcome out; a sequence, batch or folder in, a list out. The list holds every image and result in
    memory: go through a large folder image by image (`facekit.images.list_pictures`), or run `facekit predict`.

    Args:
        model: A model, the path of its .facekit file, or the name of an embedded ready model ("landmarks",
            "segmentation", "segmentation-fasseg", "attributes"; sharing the last one's backbone "farl-landmarks",
            "farl-segmentation"). A sequence of these gives a list with one outcome per model: faces are searched
            once for all models, and a frozen backbone that several share runs once per face.
        images: A path, folder, PIL image, array or tensor, or a sequence of these.
        faces: Face boxes (x0, y0, x1, y1) in pixels instead of a search; for many images one list per image.
        align: How faces are framed, instead of the model's own way.
        on_error: "raise", or "skip" to leave out unreadable files with a warning.
        device: Where to run. None leaves the model where it is.

    Returns:
        Where faces are searched (every align but "none"; ready models do), always a `Faces` list per image, with one
        result per face: 0, 1 or more. An image without a face is also a warning. With align="none" (the image is a
        face crop) the single result. Results are in pixels of the original image.

    Raises:
        ImageError: If an image cannot be read. It names the image.
        ValueError: If the model, `align` or the boxes are wrong.
    """
    if isinstance(model, Sequence) and not isinstance(model, str):
        several, runners = True, [resolve_model(m, device) for m in model]
    else:
        several, runners = False, [resolve_model(model, device)]
    pictures = read_pictures(images, on_error)
    boxes = _boxes_each(faces, pictures.single, pictures.kept)
    outcomes: list[list[Any]] = [[] for _ in runners]
    for start in range(0, len(boxes), AT_ONCE):
        end = start + AT_ONCE
        group = predict_group(runners, pictures.arrays[start:end], boxes[start:end], align)
        for outcome, some in zip(outcomes, group, strict=True):
            outcome.extend(some)
        for item, found in zip(pictures.names[start:end], zip(*group, strict=True), strict=True):
            if any(isinstance(own, Faces) and not own for own in found):
                message = f"{item}: no face found; pass faces= with its box, or align='none' for a face crop"
                warnings.warn(message, stacklevel=3)  # of the caller: a decorator stands between
    by_model = [outcome[0] if pictures.single else outcome for outcome in outcomes]
    return by_model if several else by_model[0]


@own_settings()
def evaluate(
    model: Model | str | os.PathLike[str],
    images: Any,
    labels: Any,
    *,
    align: str | None = None,
    device: str | torch.device | None = None,
) -> dict[str, float]:
    """Score a model on labelled pictures, one face each: the task's metrics by the field's protocols, in percent.

    Landmark models that frame by landmarks are given the crop of the labels' box, as is the custom on 300-W; with
    align="mean", "tanh" or "ffhq" the labels' eyes, nose and mouth. Other searched pictures in which no face is found
    are scored on the whole picture.
    """
    runner, results, truth = _tested(model, read_pictures(images), labels, align, device)
    return runner.task.score(results, truth)


@own_settings()
def evaluate_by(
    model: Model | str | os.PathLike[str],
    images: Any,
    labels: Any,
    groups: Any,
    *,
    align: str | None = None,
    device: str | torch.device | None = None,
) -> dict[str, dict[str, float]]:
    """`evaluate` for each group of people (FaRL Table 11), with any task.

    groups: one group's name a picture, e.g. "female"; None where it belongs to none.
    Returns group -> its scores, and two more rows: "all", the scores of all pictures, and "discrepancy", metric by
    metric the largest minus the smallest of the groups. Raises ValueError as `evaluate`, and for another count of
    groups.
    """
    pictures = read_pictures(images)
    members = group_members(groups, len(pictures.arrays))
    runner, results, truth = _tested(model, pictures, labels, align, device)
    return scores_by_group(runner.task.score, results, truth, members)


def _tested(
    model: Model | str | os.PathLike[str],
    pictures: Pictures,
    labels: Any,
    align: str | None,
    device: str | torch.device | None,
) -> tuple[Model, list[Drawable], list[Any]]:
    """The model, its result on each picture and the checked labels."""
    runner = resolve_model(model, device)
    truth = runner.task.check(labels, pictures.sizes, pictures.names)
    check_plausible(runner.task, truth, pictures, stacklevel=5)
    return runner, *_results(runner, pictures, truth, align)


def _results(
    runner: Model, pictures: Pictures, truth: list[Any], align: str | None
) -> tuple[list[Drawable], list[Any]]:
    """The model's result on each image, and the checked labels."""
    how = check_align(align or runner.align)
    results: list[Drawable] = []
    for start in range(0, len(truth), AT_ONCE):
        some = pictures.arrays[start : start + AT_ONCE]
        frames: list[list[Frame]] = []
        for picture, label in zip(some, truth[start:], strict=False):
            if how == "landmarks" and isinstance(runner.task, LandmarkTask):
                # Upright: 300-W's boxes know no rotation.
                upright = dataclasses.replace(runner.task.labels, eyes=None, eye_corners=None)
                frames.append([Frame(frame_points(label, upright).box)])
            else:
                known = own_frame(label, runner.task, how)
                frames.append([known or next(iter(frames_in(picture, how, None)), Frame())])
        results += [own[0] for own in runner.predict_pictures(some, frames)]
    return results, truth


@own_settings()
def load_backbone(name: str, weights: str | os.PathLike[str] = "auto", **options: Any) -> Any:
    """A backbone by itself: `features(x)`, and where it has them `encode(x)`, `decode(z)`, `reconstruct(x)`,
    `generate(z)` and `synthesize(w)`; x (N,3,S,S) RGB in [0, 1]. options: of the backbone's own `load`, such as
    pftgan's `inversion`."""
    check_name(name, "name")
    check_path(weights, "weights")
    module = backbone_module(name)
    known = inspect.signature(module.load).parameters
    unknown = next((option for option in options if option not in known), None)
    if unknown is not None:
        raise TypeError(
            f"backbone {name!r} has no option {unknown!r}: expected one of {', '.join(known)}; correct or leave it out"
        )
    with kept_random():
        return module.load(weights, **options)




def _boxes_each(faces: Any, single: bool, kept: list[int]) -> list[Any]:
    if faces is None or single:
        return [faces] * len(kept)
    if len(faces) <= max(kept, default=-1):
        raise ValueError(
            f"boxes for {len(faces)} pictures came for {max(kept) + 1} pictures: pass one list of boxes per picture"
        )
    return [faces[i] for i in kept]
