"""The tab in which a visitor labels a few images and gets a landmark or parsing model of their own."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

import facekit

from ..images.reader import ImageError, load_image
from ..labels import landmark_set
from ..metrics.labelling_time import workload
from ..results.faces import Faces
from ..results.types import Landmarks
from .components import MOST_IMAGES, NO_PHOTO, drawn, explained
from .label_sheet import (
    MOST_PARTS,
    PART_NAMES,
    POINT_NAMES,
    SIDE,
    Sheet,
    editor_value,
    example_faces,
    keep,
    names_in,
    parts_in,
    write_sheet,
)
from .sessions import new_file, stop_button, teller
from .uploads import PaintEditor, image_field

POINTS, PARTS = "Points", "Parts"
TASKS = {POINTS: "landmarks", PARTS: "segmentation"}
START = "Choose your images in step 1, or load the example."
FETCH = "file => Object.assign(document.createElement('a'), {href: file.url, download: file.orig_name}).click()"
# By default gradio ignores a press while the answer to the one before is on its way. With these all count, in order.
EVERY_PRESS: dict[str, Any] = {"trigger_mode": "multiple", "concurrency_id": "label", "show_progress": "hidden"}
USUAL_SET = 2000  # as many as were labelled by hand for FSMA's Table 6


@explained
def view(sheet: Sheet, kind: str, point_text: str, part_text: str, moved: bool = False) -> tuple[Any, ...]:
    """Give what the labelling part shows now.

    Args:
        sheet: The visitor's images.
        kind: POINTS or PARTS.
        point_text: The names of the points.
        part_text: The names of the parts.
        moved: True where the names and the kind are as before. Then the images and the text are all that is sent:
            gradio shows a value at once, but first reads the whole editor for every other change to it.

    Returns:
        The sheet, the image for clicks, the editor, what to do, the brush colours, and the index of the image.
    """
    sheet.parts, names, clicking = parts_in(part_text), names_in(point_text), kind == POINTS
    colours = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in sheet.parts.palette[1:]]
    chips = "".join(
        f'<span class="chip" style="background: {colour}">{html.escape(name)}</span>'
        for name, colour in zip(sheet.parts.classes[1:], colours, strict=True)
    )
    shown, text = None, START
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
            text += "paint the parts; what stays unpainted is background"
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


def looked_at(sheet: Sheet, shown: int | None) -> int:
    """Tell which image a visitor saw who clicked or pressed a button.

    Args:
        sheet: The visitor's images.
        shown: The index that the browser sent. A busy page may be about to show another image by then.

    Returns:
        The index, or that of the current image where none was sent (None or -1).
    """
    return sheet.at if shown is None or not 0 <= shown < len(sheet.images) else int(shown)


@explained
def choose(files: list[str] | None, kind: str, point_text: str, part_text: str) -> tuple[Any, ...]:
    """Uploaded files become a new sheet; unreadable ones are named and left out."""
    if len(files or []) > MOST_IMAGES:
        raise ValueError(f"{len(files or [])} images came: label up to {MOST_IMAGES} here")
    sheet = Sheet()
    for file in files or []:
        try:
            sheet.add(load_image(file))
        except ImageError as error:
            gr.Warning(str(error), title="Left out")
    return view(sheet, kind, point_text, part_text)


@explained
def load_example(kind: str) -> tuple[Any, ...]:
    """The six labelled faces, the names that they use, and a seventh for the trial."""
    sheet, another = example_faces()
    return *view(sheet, kind, POINT_NAMES, PART_NAMES), POINT_NAMES, PART_NAMES, Image.fromarray(another)


@explained
def click(
    sheet: Sheet, kind: str, point_text: str, part_text: str, shown: int | None, place: gr.SelectData
) -> tuple[Any, ...]:
    """One click sets the next point of the image that was clicked."""
    if sheet.images:
        points = sheet.points[looked_at(sheet, shown)]
        if len(points) >= len(names_in(point_text)):
            gr.Info("All points of this image are set: go to the next one, or undo.")
        else:
            points.append((float(place.index[0]), float(place.index[1])))
    return view(sheet, kind, point_text, part_text, moved=True)


def fields(kind: str) -> tuple[Any, ...]:
    """Point names and undo for clicking, part names for painting (the editor has its own undo)."""
    return gr.Textbox(visible=kind == POINTS), gr.Textbox(visible=kind == PARTS), gr.Button(visible=kind == POINTS)


def change(action: str) -> Callable[..., tuple[Any, ...]]:
    """The handler of one button (or of a changed choice: "show"), which first keeps what was painted."""

    @explained
    def handler(
        sheet: Sheet, editor: Any, kind: str, point_text: str, part_text: str, shown: int | None = None
    ) -> tuple[Any, ...]:
        kept = keep(sheet, editor)
        if sheet.images:
            seen = looked_at(sheet, shown if kept is None else kept)
            if action in ("next", "previous"):
                sheet.at = (sheet.at + (1 if action == "next" else -1)) % len(sheet.images)
            elif action == "undo":
                sheet.points[seen] = sheet.points[seen][:-1]
            elif action == "clear":
                sheet.points[seen], sheet.masks[seen] = [], np.zeros_like(sheet.masks[seen])
        return view(sheet, kind, point_text, part_text, moved=action != "show")

    return handler


@explained
def saved_time(sheet: Sheet, kind: str, point_text: str, usual: int | None) -> str:
    """The estimate of Table 6 for the images labelled so far and those that a usual training set would have."""
    done = len(sheet.labelled(names_in(point_text) if kind == POINTS else None))
    if not usual or not done:
        return "Label an image, and here stands how much labelling time your own model saves."
    estimate = workload(TASKS[kind], int(usual), done)
    return f"{done} labelled so far. Labelling time, estimated: {estimate} (at the pace of FSMA's Table 6)."


@explained
def pack(sheet: Sheet, editor: Any, kind: str, point_text: str, part_text: str) -> str:
    """The labelled images with their LabelMe files, in a zip."""
    keep(sheet, editor)
    return str(write_sheet(sheet, new_file("labels"), names_in(point_text) if kind == POINTS else None))


@explained
def adapt(sheet: Sheet, editor: Any, kind: str, point_text: str, part_text: str, steps: int,
          bar: gr.Progress = gr.Progress()) -> tuple[Any, ...]:  # noqa: B008 - how gradio finds it  # fmt: skip
    """The labelled images become a model, its file, and a few of its own images as it sees them now."""
    keep(sheet, editor)
    names = names_in(point_text)
    chosen = sheet.labelled(names if kind == POINTS else None)
    if not chosen:
        raise ValueError("no image is labelled yet: label at least one in step 2, or load the example in step 1")
    if len(chosen) < len(sheet.images):
        gr.Warning(f"{len(sheet.images) - len(chosen)} images are not fully labelled and were left out.")
    labels: Any = [sheet.masks[i] for i in chosen]
    if kind == POINTS:
        labels = np.array([sheet.points[i][: len(names)] for i in chosen], np.float32)

    bar(0.0, desc="Preparing the images")
    images = [sheet.images[i] for i in chosen]
    align = "box" if all(facekit.find_faces(image) for image in images) else "none"
    if align == "none":
        gr.Warning("Not every image shows a face that can be found, so images are used whole, as face crops.")
    own = names if kind == POINTS else list(parts_in(part_text).classes)
    how: dict[str, Any] = {"align": align, "steps": int(steps), "progress": teller(bar, "adapt")}
    model = facekit.adapt(images, labels, task=TASKS[kind], names=own, **how)
    model.save(target := new_file("mine.facekit"))
    text = f"**Done:** your model learned from {len(images)} images. Try it in step 4."
    seen = [drawn(facekit.predict(model, image)) for image in images[:3]]
    return model, text, gr.DownloadButton(value=str(target), interactive=True), gr.Gallery(seen, visible=True)


@explained
def use(model: Any, path: str | None) -> np.ndarray:
    """A new image through the visitor's own model -> the drawing."""
    if model is None:
        raise ValueError("there is no model yet: press Adapt in step 3 first")
    if path is None:
        raise ValueError(NO_PHOTO)
    result = facekit.predict(model, load_image(path))
    if isinstance(result, Faces) and not result:
        gr.Warning("No face was found in this image.")
    return drawn(result)


def own_model_tab() -> None:
    """Choose, label, adapt, use."""
    sheet, model = gr.State(Sheet()), gr.State()
    gr.Markdown("### 1 · Choose a few images, one face each", elem_classes="step")
    with gr.Row():
        files = gr.File(file_count="multiple", label="Images", height=190)
        with gr.Column():
            kind = gr.Radio([POINTS, PARTS], value=POINTS, label="What do you want to label?")
            point_text = gr.Textbox(POINT_NAMES, label="Names of the points, in the order of your clicks")
            part_text = gr.Textbox(PART_NAMES, label=f"Names of the parts, up to {MOST_PARTS}", visible=False)
            ready = gr.Button("Load the example: 6 generated faces, labelled")
    gr.Markdown("### 2 · Label them", elem_classes="step")
    where = gr.Markdown(START)
    chips = gr.HTML(visible=False)
    image = gr.Image(format="jpeg", label="Click the points", interactive=False, height=560, elem_id="click",
                       buttons=[])  # fmt: skip
    editor = PaintEditor(format="png", label="Paint the parts", sources=(), transforms=(), layers=False,
                         visible=False, height=660, canvas_size=(SIDE, SIDE))  # fmt: skip
    shown = gr.Number(-1, visible="hidden", precision=0)
    with gr.Row():
        buttons = {name: gr.Button(name.capitalize()) for name in ("previous", "undo", "clear", "next")}
    with gr.Row(elem_classes="level"):
        usual = gr.Number(USUAL_SET, label="Images to label by hand", precision=0, minimum=1, scale=2)
        with gr.Column(scale=4):
            estimate = gr.Markdown(saved_time(Sheet(), POINTS, POINT_NAMES, USUAL_SET), elem_classes="aside")
        wanted = gr.Button("Download the labels (LabelMe)", size="md", scale=2)
    # A download button gives a file that is there already; this archive is written when it is asked for, then fetched.
    archive = gr.DownloadButton(visible="hidden")
    gr.Markdown("### 3 · Adapt", elem_classes="step")
    steps = gr.Slider(50, 1000, value=200, step=50, label="Training steps",
                      info="More take longer; for a handful of images 100 to 200 are enough.")  # fmt: skip
    with gr.Row():
        start = gr.Button("Adapt", variant="primary", scale=4)
        stop = gr.Button("Stop", scale=1)
    text = gr.Markdown("Nothing is trained yet.", elem_classes="progress")
    seen = gr.Gallery(label="Your images, as your model sees them", columns=3, height=340, format="png",
                      object_fit="contain", visible=False)  # fmt: skip
    gr.Markdown("### 4 · Use your model", elem_classes="step")
    with gr.Row():
        with gr.Column():
            photo = image_field("A new image", 360)
            run = gr.Button("Predict", variant="primary")
        with gr.Column():
            result = gr.Image(format="png", label="Your model's result", interactive=False, height=360,
                              buttons=["download", "fullscreen"])  # fmt: skip
            file = gr.DownloadButton("Download the model (.facekit)", interactive=False)

    asked, outputs = [kind, point_text, part_text], [sheet, image, editor, where, chips, shown]
    painted = [sheet, editor, *asked]
    files.upload(choose, [files, *asked], outputs, api_name="choose")
    ready.click(load_example, kind, [*outputs, point_text, part_text, photo], api_name="load_example")
    kind.input(fields, kind, [point_text, part_text, buttons["undo"]], api_name="fields")
    shows = [kind.input, point_text.submit, point_text.blur, part_text.submit, part_text.blur]
    # A sign of progress would lie over the image between the press and the release of the click that leaves a field.
    gr.on(shows, change("show"), [*painted, shown], outputs, api_name="show", show_progress="hidden")
    image.select(click, [sheet, *asked, shown], outputs, api_name="click", **EVERY_PRESS)
    for name, button in buttons.items():
        button.click(change(name), [*painted, shown], outputs, api_name=name, **EVERY_PRESS)
    told = [sheet, kind, point_text, usual]
    gr.on([where.change, usual.input], saved_time, told, estimate, api_name="saved_time", show_progress="hidden")
    wanted.click(pack, painted, archive, api_name="labels").success(None, archive, js=FETCH)
    started = start.click(adapt, [*painted, steps], [model, text, file, seen], api_name="adapt", show_progress_on=text)
    stop_button("adapt", started, text, stop)
    run.click(use, [model, photo], result, api_name="use")
