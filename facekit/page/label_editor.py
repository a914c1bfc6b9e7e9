"""Handlers of the labelling step, which two tabs share: images, names, messages of the canvas, files of labels."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from ..labelling import PointLabels
from ..model import Model
from .components import show_errors
from .label_board import receive, view
from .label_import import read_uploads
from .label_sheet import PARTS, POINTS, Sheet, names_in, part_names_in, write_sheet

NO_IMAGES = "Choose your images in step 1, or load the example."
# JavaScript that downloads a file as soon as the page has its address.
FETCH = "file => Object.assign(document.createElement('a'), {href: file.url, download: file.orig_name}).click()"
OWN = "My own model"
# Ready models that propose labels of each kind.
PROPOSERS = {
    POINTS: ("landmarks", "farl-landmarks"),
    PARTS: ("segmentation", "farl-segmentation", "segmentation-fasseg"),
}


def proposals_field(kind: str) -> gr.Dropdown:
    """Create the choice of the model whose prediction the canvas can start from.

    Args:
        kind: POINTS or PARTS.
    """
    info = "The button *Model's proposal* starts from the prediction of this model. Then correct it."
    names = PROPOSERS[kind]
    return gr.Dropdown(list(names), value=names[0], label="Proposals of", info=info)


def names_of(kind: str, point_text: str, part_text: str) -> list[str]:
    """Return the names of the labels of one kind, without the background. Raises ValueError for wrong names."""
    return names_in(point_text) if kind == POINTS else part_names_in(part_text)


def count_text(sheet: Sheet) -> str:
    """Say how many images are labelled, as Markdown."""
    labels, total = sheet.labels, len(sheet.images)
    if labels is None:
        return NO_IMAGES
    text = f"**{len(labels.labelled)} of {total} {'image is' if total == 1 else 'images are'} labelled**"
    if isinstance(labels, PointLabels):
        points = np.isfinite(labels.points[..., 0])
        text += f" · {points.sum()} points are set"
        partly = int((points.any(1) & ~points.all(1)).sum())
        if partly:
            text += (
                f" · {partly} {'image lacks' if partly == 1 else 'images lack'} some of the {points.shape[1]} points"
            )
    else:
        painted = sum(int((mask > 0).sum()) for mask in labels.masks)
        size = sum(mask.size for mask in labels.masks)
        text += f" · paint covers {100 * painted / size:.0f} % of all pixels"
    return text


def board_outputs(sheet: Sheet) -> tuple[Any, ...]:
    """Return what every change of the labels updates: the canvas and the counts."""
    return view(sheet), count_text(sheet)


def add_uploads(sheet: Sheet, files: list[str] | None, kind: str) -> tuple[Sheet, str, list[str] | None]:
    """Add uploaded images and label files to a visitor's images. Labels that are there already are kept.

    Args:
        sheet: The visitor's images.
        files: Paths of the uploaded files.
        kind: POINTS or PARTS.

    Returns:
        The new images with their labels, the kind of labels that were read, and their names; None without label files.
    """
    every = [*sheet.files, *(files or [])]
    made, kind, names = read_uploads(every, kind)
    made.files, made.received = every, sheet.received
    made.carry_over(sheet)
    return made, kind, names


@show_errors
def choose(sheet: Sheet, files: list[str] | None, kind: str, point_text: str, part_text: str) -> tuple[Any, ...]:
    """Add uploaded files. A warning names each file that cannot be used.

    Args:
        sheet: The visitor's images.
        files: Paths of the files.
        kind: POINTS or PARTS.
        point_text: Names of the points.
        part_text: Names of the parts.

    Returns:
        The images, the outputs of `board_outputs`, the empty field of files, the kind, the names of points and parts.
    """
    made, kind, names = add_uploads(sheet, files, kind)
    if names is not None:
        text = ", ".join(names)
        point_text, part_text = (text, part_text) if kind == POINTS else (point_text, text)
    made.use(kind, names_of(kind, point_text, part_text))
    return made, *board_outputs(made), None, kind, point_text, part_text


@show_errors
def start_over(sheet: Sheet) -> tuple[Any, ...]:
    """Remove all images and labels.

    Args:
        sheet: The visitor's images.

    Returns:
        An empty sheet, and the outputs of `board_outputs`.
    """
    empty = Sheet(received=sheet.received)
    return empty, *board_outputs(empty)


@show_errors
def rename(sheet: Sheet, kind: str, point_text: str, part_text: str) -> tuple[Any, ...]:
    """Change the kind of the labels or their names.

    Args:
        sheet: The visitor's images. Changed in place.
        kind: POINTS or PARTS.
        point_text: Names of the points.
        part_text: Names of the parts.

    Returns:
        The outputs of `board_outputs`.
    """
    sheet.use(kind, names_of(kind, point_text, part_text))
    return board_outputs(sheet)


def proposer(kind: str, name: str, own: Model | None) -> Any:
    """Return the model that proposes labels.

    Args:
        kind: POINTS or PARTS.
        name: Name of a ready model, or OWN.
        own: The visitor's model, or None.

    Raises:
        ValueError: If there is no such model.
    """
    if name == OWN and own is not None:
        return own
    if name not in PROPOSERS[kind]:
        raise ValueError(f"expected one of {', '.join(PROPOSERS[kind])}, got {name!r}; choose one of these")
    return name


def label(sheet: Sheet, kind: str, name: str, own: Model | None, event: gr.EventData) -> tuple[Any, ...]:
    """Apply messages of the canvas.

    Args:
        sheet: The visitor's images. Changed in place.
        kind: POINTS or PARTS.
        name: Name of the model that proposes labels.
        own: The visitor's model, or None.
        event: The messages.

    Returns:
        The outputs of `board_outputs`.
    """
    try:
        model = proposer(kind, name, own)
    except ValueError:
        model = None  # the canvas then says that there is no model
    receive(sheet, event._data, model)
    return board_outputs(sheet)


@show_errors
def write_zip(sheet: Sheet) -> str:
    """Write the labelled images and their LabelMe files to a zip file, and return its path."""
    return str(write_sheet(sheet))
