"""Handlers of the tab "Adapt" that compute: training, scores, predictions, the next image to label, files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

import facekit

from ..labelling import PointLabels
from ..labels import LandmarkSet, SegmentationSet
from ..model import Model
from ..results.faces import Faces
from .components import NO_IMAGE, draw_result, show_errors
from .label_editor import OWN, PROPOSERS, board_outputs, names_of
from .label_sheet import PARTS, POINTS, TASKS, Sheet
from .limits import read_photo
from .live_loss import LiveLoss
from .photo_files import thumbnail
from .sessions import new_file, progress_reporter

ADAPT = "adapt"
NO_LABELS = "expected a labelled image, got none; label at least one in step 2, or load the example in step 1"
NO_MODEL = "expected a model of your own, got none; press Adapt in step 3, or open a .facekit file in step 4"
MOST_DRAWN = 12  # predictions that are drawn after a training
DRAWN_SIDE = 480  # px
MOST_SCORES = 6


def split(sheet: Sheet, share: float, keep_on: bool) -> tuple[list[int], list[int]]:
    """Divide the labelled images into those to train on and those to score on.

    Images that were set aside before stay aside. Images that the model was trained on before are not set aside, because
    their scores would be too good.

    Args:
        sheet: The visitor's images.
        share: Share of the labelled images to set aside, percent.
        keep_on: Whether the training continues with the visitor's model.

    Returns:
        Indices for training, and for scores. There are none for scores if the share is less than one image.
    """
    labelled = sheet.labelled
    count = int(len(labelled) * share / 100)
    known = sheet.trained if keep_on else set()
    order = sorted((i for i in labelled if i not in known), key=lambda i: (i not in sheet.aside, -i))
    aside = sorted(order[:count])
    return [i for i in labelled if i not in aside], aside


@show_errors
def check_training(
    sheet: Sheet, kind: str, own: Model | None, own_file: str | None, keep_on: bool, steps: int, share: float
) -> None:
    """Raise an error if there are no images to train on. Arguments as of `adapt`."""
    chosen_images(sheet, share, keep_on and own is not None)


def chosen_images(sheet: Sheet, share: float, continues: bool) -> tuple[list[int], list[int]]:
    """Return the indices of the images to train on, and of those to score on. Arguments as of `split`.

    Raises:
        ValueError: If there is no image to train on.
    """
    if sheet.labels is None or not sheet.labelled:
        raise ValueError(NO_LABELS)
    chosen, aside = split(sheet, share, continues)
    if not chosen:
        raise ValueError(f"expected images to train on, got all {len(aside)} set aside; lower the share, or label more")
    return chosen, aside


@show_errors
def adapt(
    sheet: Sheet,
    kind: str,
    own: Model | None,
    own_file: str | None,
    keep_on: bool,
    steps: int,
    share: float,
    bar: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds the progress bar by this default
) -> Iterator[tuple[Any, ...]]:
    """Train a model on the labelled images.

    Args:
        sheet: The visitor's images.
        kind: POINTS or PARTS.
        own: The visitor's model, or None.
        own_file: Its file.
        keep_on: Whether to continue with that model.
        steps: Number of training steps.
        share: Share of the labelled images that are set aside for scores, percent.
        bar: Progress bar, set by gradio.

    Yields:
        The outputs of the tab's training, see `own_model_tab`: while it runs, a sentence and the plot of the loss.
    """
    continues = keep_on and own is not None
    chosen, aside = chosen_images(sheet, share, continues)
    labels: Any = sheet.labels
    if isinstance(labels, PointLabels):
        values: Any = labels.points
        if np.isnan(values[chosen]).any():
            gr.Warning("Some images lack points. Their other points are used.")
    else:
        values = labels.masks
    images = [sheet.images[i] for i in chosen]
    options: dict[str, Any] = {"steps": int(steps)}
    if continues and own is not None:
        options |= {"align": own.align, "backbone": own.backbone, "start": own_file}
    else:
        options["align"] = "box" if all(facekit.find_faces(image) for image in images) else "none"
        if options["align"] == "none":
            gr.Warning("Some images show no face that can be found. All images are used whole, as face crops.")
    loss = LiveLoss(progress_reporter(bar, ADAPT))
    given = [values[i] for i in chosen]
    running = loss.run(
        lambda: facekit.adapt(images, given, task=TASKS[kind], names=labels.names, progress=loss, **options)
    )
    model = yield from _shown(running)
    sheet.trained = {*chosen, *(sheet.trained if continues else ())}
    sheet.aside = set(aside)
    model.save(target := new_file("mine.facekit"))
    text = f"**Done:** your model was trained on {len(images)} {'image' if len(images) == 1 else 'images'}. "
    text += _scores(model, [sheet.images[i] for i in aside], [values[i] for i in aside], len(sheet.labelled), share)
    rest = [i for i in range(len(sheet.images)) if i not in chosen][:MOST_DRAWN]
    drawn = gr.Gallery(drawings(model, sheet, rest), visible=bool(rest))
    files, choices = file_buttons(str(target)), model_choices(kind, model)
    yield (model, str(target), text, "", gr.Plot(loss.figure()), *files, drawn, *choices, *board_outputs(sheet))


def _shown(running: Any) -> Any:
    """Yield a sentence and a plot while a training runs, and return its result. Nothing else changes."""
    skip = gr.skip()
    while True:
        try:
            text, figure = next(running)
        except StopIteration as ended:
            return ended.value
        yield (skip, skip, skip, text, gr.Plot(figure, visible=figure is not None), *[skip] * 7)


def _scores(model: Any, images: list[np.ndarray], values: Sequence[Any], labelled: int, share: float) -> str:
    """Return the scores on the images that were set aside as Markdown, or why there are none."""
    if not share:
        return "No images were set aside, so there is no score."
    if not images:
        least = int(np.ceil(100 / share))
        return (
            f"There is no score: {share:.0f} % of {labelled} labelled images are less than one image. Label at least "
            f"{least}, or set more aside."
        )
    scores = facekit.evaluate(model, images, list(values))
    rows = "".join(f"\n| {name} | {value:.2f} |" for name, value in list(scores.items())[:MOST_SCORES])
    count = "one image that was" if len(images) == 1 else f"{len(images)} images that were"
    few = " So few images give a rough score only." if len(images) < 10 else ""
    return f"Scores on {count} set aside, in percent.{few}\n\n| Score | Value |\n|---|---|{rows}"


def drawings(model: Any, sheet: Sheet, indices: Sequence[int]) -> list[tuple[str, str]]:
    """Write the predictions on images of the sheet as files, and return them with captions."""
    shown = []
    for i in indices:
        result = draw_result(facekit.predict(model, sheet.images[i]))
        Image.fromarray(thumbnail(result, DRAWN_SIDE)).save(target := new_file(f"prediction_{i + 1}.jpg"))
        shown.append((str(target), f"Image {i + 1}" + (" (scored)" if i in sheet.aside else "")))
    return shown


def file_buttons(path: str | None) -> tuple[gr.DownloadButton, gr.Button]:
    """Return the updates of the buttons that download the model: as .facekit and as ONNX."""
    return gr.DownloadButton(value=path, interactive=path is not None), gr.Button(interactive=path is not None)


def model_choices(kind: str, own: Model | None) -> tuple[gr.Dropdown, gr.Checkbox]:
    """Return the updates of the choice of the model that proposes labels, and of the box to continue training."""
    fits = own is not None and own.task.name == TASKS[kind]
    choices = [*PROPOSERS[kind], *([OWN] if fits else [])]
    return gr.Dropdown(choices=choices, value=choices[-1] if fits else choices[0]), gr.Checkbox(interactive=fits)


@show_errors
def open_model(sheet: Sheet, path: str | None, kind: str, point_text: str, part_text: str) -> tuple[Any, ...]:
    """Open a .facekit file: the visitor's model and the names of its labels.

    Args:
        sheet: The visitor's images. Changed in place.
        path: The file.
        kind: POINTS or PARTS.
        point_text: Names of the points.
        part_text: Names of the parts.

    Returns:
        The model, its file, a sentence, the outputs of `file_buttons` and `model_choices`, kind, names of points and of
        parts, and the outputs of `board_outputs`.
    """
    if path is None:
        raise ValueError("expected a .facekit file, got none; choose one")
    model = facekit.load(path)
    labels = model.task.labels
    if isinstance(labels, LandmarkSet):
        kind, point_text = POINTS, ", ".join(labels.points)
    elif isinstance(labels, SegmentationSet):
        kind, part_text = PARTS, ", ".join(labels.classes[1:])
    else:
        raise ValueError(f"expected a model of landmarks or segmentation, got one of {model.task.name}; open another")
    sheet.use(kind, names_of(kind, point_text, part_text))
    sheet.trained, sheet.aside = set(), set()
    text = f"**Opened** {Path(path).name}: {model.task.name}, {len(labels)} names, on the backbone {model.backbone}."
    files, choices = file_buttons(path), model_choices(kind, model)
    return model, path, text, *files, *choices, kind, point_text, part_text, *board_outputs(sheet)


@show_errors
def suggest_next(sheet: Sheet, own: Model | None) -> tuple[Any, ...]:
    """Show the image to label next: the one without a label about which the model is least certain.

    Args:
        sheet: The visitor's images. Changed in place.
        own: The visitor's model, or None.

    Returns:
        The outputs of `board_outputs`.
    """
    if own is None:
        raise ValueError(NO_MODEL)
    rest = [i for i in range(len(sheet.images)) if i not in sheet.labelled]
    if sheet.labels is None or not rest:
        raise ValueError("expected images without a label, got none; add more images in step 1")
    suggestion = facekit.suggest(own, [sheet.images[i] for i in rest])
    order = [rest[i] for i in suggestion.order]
    sheet.labels.go(order[0])
    sheet.text = f"Label image {order[0] + 1} next: your model is least certain about it."
    if len(order) > 1:
        sheet.text += f" Then {', '.join(str(i + 1) for i in order[1:4])}."
    return board_outputs(sheet)


@show_errors
def write_onnx(own: Model | None) -> str:
    """Write the visitor's model as ONNX and return the path."""
    if own is None:
        raise ValueError(NO_MODEL)
    try:
        own.export_onnx(target := new_file("mine.onnx"))
    except ImportError as error:
        raise ValueError(str(error)) from error
    return str(target)


@show_errors
def predict(own: Model | None, path: str | None) -> np.ndarray:
    """Run the visitor's model on a new image.

    Args:
        own: The model, or None.
        path: The image file, or None.

    Returns:
        The drawn result, RGB (H, W, 3) uint8.
    """
    if own is None:
        raise ValueError(NO_MODEL)
    if path is None:
        raise ValueError(NO_IMAGE)
    result = facekit.predict(own, read_photo(path))
    if isinstance(result, Faces) and not result:
        gr.Warning("No face was found in this image.")
    return draw_result(result)
