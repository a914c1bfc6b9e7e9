"""Handlers of the labelling step, which two tabs share: choose images, click points, paint parts, download labels."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np

from ..images.reader import ImageError
from ..labels import landmark_set
from ..metrics.labelling_time import workload
from ..results.types import Landmarks
from .components import MOST_IMAGES, show_errors
from .label_sheet import Sheet, editor_value, names_in, parts_in, store_paint, write_sheet
from .limits import read_photo
from .sessions import new_file
from .uploads import PaintEditor

POINTS, PARTS = "Points", "Parts"
TASKS = {POINTS: "landmarks", PARTS: "segmentation"}
NO_IMAGES = "Choose your images in step 1, or load the example."
# JavaScript that downloads a file as soon as the page has its address.
FETCH = "file => Object.assign(document.createElement('a'), {href: file.url, download: file.orig_name}).click()"
# By default gradio ignores a press while it still answers the press before. With these options every press counts,
# and presses are handled in order.
EVERY_PRESS: dict[str, Any] = {"trigger_mode": "multiple", "concurrency_id": "label", "show_progress": "hidden"}
MANUAL_IMAGES = 2000  # images that FSMA's Table 6 counts for labelling by hand


@show_errors
def labelling_outputs(sheet: Sheet, kind: str, point_text: str, part_text: str, moved: bool = False) -> tuple[Any, ...]:
    """Return the new state of all components of the labelling step.

    Args:
        sheet: The visitor's images.
        kind: POINTS or PARTS.
        point_text: Names of the points.
        part_text: Names of the parts.
        moved: Whether the names and the kind are unchanged. Then only the images and the text are updated. Gradio
            shows a new value at once, but reads the whole editor again for any other change.

    Returns:
        The sheet, the image to click on, the editor, the instruction, the brush colours, the index of the image.
    """
    sheet.parts, names, clicking = parts_in(part_text), names_in(point_text), kind == POINTS
    colours = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in sheet.parts.palette[1:]]
    chips = "".join(
        f'<span class="chip" style="background: {colour}">{html.escape(name)}</span>'
        for name, colour in zip(sheet.parts.classes[1:], colours, strict=True)
    )
    shown, text = None, NO_IMAGES
    value: Any = None
    if sheet.images:
        image, text = sheet.images[sheet.at], f"**Image {sheet.at + 1} of {len(sheet.images)}** · "
        if clicking:
            clicked = sheet.points[sheet.at][: len(names)]
            points = np.full((len(names), 2), np.nan, np.float32)
            points[: len(clicked)] = np.array(clicked, np.float32).reshape(-1, 2)
            shown = Landmarks(points, np.ones(len(names), np.float32), landmark_set(names), image).draw()
            text += "all points are set" if len(clicked) == len(names) else f"click the **{names[len(clicked)]}**"
            text = text.replace("_", " ") + f" · {len(clicked)} of {len(names)} points"
        else:
            value = editor_value(sheet)
            text += "paint the parts; pixels without paint are background"
    if moved:
        return sheet, gr.Image(shown), PaintEditor(value), text, gr.skip(), sheet.at
    brush = gr.Brush(default_size=24, colors=list(colours), default_color=colours[0], color_mode="fixed")
    return (
        sheet,
        gr.Image(shown, visible=clicking),
        PaintEditor(value, visible=not clicking, brush=brush),
        text,
        gr.HTML(f"Brush colours: {chips}", visible=not clicking),
        sheet.at,
    )


def visible_index(sheet: Sheet, shown: int | None) -> int:
    """Return the index of the image that the visitor saw when a click or press was made.

    Args:
        sheet: The visitor's images.
        shown: The index that the browser sent. The page may have moved to another image since then.

    Returns:
        That index, or the index of the current image if the browser sent none (None or -1).
    """
    return sheet.at if shown is None or not 0 <= shown < len(sheet.images) else int(shown)


@show_errors
def choose(files: list[str] | None, kind: str, point_text: str, part_text: str) -> tuple[Any, ...]:
    """Create a new sheet of uploaded files. A warning names each file that cannot be read.

    Args:
        files: Paths of the files.
        kind: POINTS or PARTS.
        point_text: Names of the points.
        part_text: Names of the parts.

    Returns:
        The outputs of `labelling_outputs`.
    """
    if len(files or []) > MOST_IMAGES:
        raise ValueError(f"expected at most {MOST_IMAGES} images, got {len(files or [])}; choose fewer")
    sheet = Sheet()
    for file in files or []:
        try:
            sheet.add(read_photo(file))
        except ImageError as error:
            gr.Warning(str(error), title="Left out")
    return labelling_outputs(sheet, kind, point_text, part_text)


@show_errors
def click(
    sheet: Sheet, kind: str, point_text: str, part_text: str, shown: int | None, place: gr.SelectData
) -> tuple[Any, ...]:
    """Set the next point of the image that was clicked.

    Args:
        sheet: The visitor's images. Changed in place.
        kind: POINTS or PARTS.
        point_text: Names of the points.
        part_text: Names of the parts.
        shown: Index of the image that the visitor saw.
        place: The click; its index is (x, y), px.

    Returns:
        The outputs of `labelling_outputs`.
    """
    if sheet.images:
        points = sheet.points[visible_index(sheet, shown)]
        if len(points) >= len(names_in(point_text)):
            gr.Info("All points of this image are set. Go to the next image, or undo a point.")
        else:
            points.append((float(place.index[0]), float(place.index[1])))
    return labelling_outputs(sheet, kind, point_text, part_text, moved=True)


def visible_fields(kind: str) -> tuple[Any, ...]:
    """Show the fields of one kind of labels: names and undo for points, names for parts (the editor has an undo)."""
    return gr.Textbox(visible=kind == POINTS), gr.Textbox(visible=kind == PARTS), gr.Button(visible=kind == POINTS)


def button_handler(action: str) -> Callable[..., tuple[Any, ...]]:
    """Create the handler of a button. It stores the paint of the editor first.

    Args:
        action: "next", "previous", "undo" or "clear"; "show" for changed names or another kind of labels.

    Returns:
        A handler that returns the outputs of `labelling_outputs`.
    """

    @show_errors
    def handler(
        sheet: Sheet, editor: Any, kind: str, point_text: str, part_text: str, shown: int | None = None
    ) -> tuple[Any, ...]:
        stored = store_paint(sheet, editor)
        if sheet.images:
            index = visible_index(sheet, shown if stored is None else stored)
            if action in ("next", "previous"):
                sheet.at = (sheet.at + (1 if action == "next" else -1)) % len(sheet.images)
            elif action == "undo":
                sheet.points[index] = sheet.points[index][:-1]
            elif action == "clear":
                sheet.points[index], sheet.masks[index] = [], np.zeros_like(sheet.masks[index])
        return labelling_outputs(sheet, kind, point_text, part_text, moved=action != "show")

    return handler


@show_errors
def saved_time(sheet: Sheet, kind: str, point_text: str, manual: int | None) -> str:
    """Estimate the labelling time that a few-shot model saves (FSMA, Table 6).

    Args:
        sheet: The visitor's images.
        kind: POINTS or PARTS.
        point_text: Names of the points.
        manual: Number of images to label by hand without a few-shot model.

    Returns:
        One or two sentences.
    """
    done = len(sheet.labelled(names_in(point_text) if kind == POINTS else None))
    if not manual or not done:
        return "Label an image to see an estimate of the labelling time that your own model saves."
    estimate = workload(TASKS[kind], int(manual), done)
    return f"{done} labelled so far. Labelling time, estimated: {estimate} (at the pace of FSMA's Table 6)."


@show_errors
def write_zip(sheet: Sheet, editor: Any, kind: str, point_text: str) -> str:
    """Write the labelled images and their LabelMe files to a zip file.

    Args:
        sheet: The visitor's images.
        editor: Content of the paint editor.
        kind: POINTS or PARTS.
        point_text: Names of the points.

    Returns:
        Path of the zip file.
    """
    store_paint(sheet, editor)
    return str(write_sheet(sheet, new_file("labels"), names_in(point_text) if kind == POINTS else None))
