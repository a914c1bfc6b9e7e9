"""The tab "Adapt": label a few images, train a model for points or parts, run it on other images."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

import facekit

from ..results.faces import Faces
from .components import NO_IMAGE, draw_result, show_errors, training_buttons
from .label_canvas import SIDE
from .label_editor import (
    EVERY_PRESS,
    FETCH,
    MANUAL_IMAGES,
    NO_IMAGES,
    PARTS,
    POINTS,
    TASKS,
    button_handler,
    choose,
    click,
    labelling_outputs,
    saved_time,
    visible_fields,
    write_zip,
)
from .label_sheet import MOST_PARTS, PART_NAMES, POINT_NAMES, Sheet, example_faces, names_in, parts_in, store_paint
from .limits import TRAINING, read_photo
from .sessions import connect_stop_button, new_file, progress_reporter
from .uploads import PaintEditor, image_field, paint_field


@show_errors
def load_example(kind: str) -> tuple[Any, ...]:
    """Load eight labelled people and the image of a ninth to test the model on.

    Args:
        kind: POINTS or PARTS.

    Returns:
        The outputs of `labelling_outputs`, the names of the points, the names of the parts, and the ninth image.
    """
    sheet, another = example_faces()
    outputs = labelling_outputs(sheet, kind, POINT_NAMES, PART_NAMES)
    return *outputs, POINT_NAMES, PART_NAMES, Image.fromarray(another)


@show_errors
def adapt(
    sheet: Sheet,
    editor: Any,
    kind: str,
    point_text: str,
    part_text: str,
    steps: int,
    bar: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds the progress bar by this default
) -> tuple[Any, ...]:
    """Train a model on the labelled images.

    Args:
        sheet: The visitor's images.
        editor: Content of the paint editor.
        kind: POINTS or PARTS.
        point_text: Names of the points.
        part_text: Names of the parts.
        steps: Number of training steps.
        bar: Progress bar, set by gradio.

    Returns:
        The model, a sentence, the file of the model, and the results on the first three images.
    """
    store_paint(sheet, editor)
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
        gr.Warning("Some images show no face that can be found. All images are used whole, as face crops.")
    names = names if kind == POINTS else list(parts_in(part_text).classes)
    options: dict[str, Any] = {"align": align, "steps": int(steps), "progress": progress_reporter(bar, "adapt")}
    model = facekit.adapt(images, labels, task=TASKS[kind], names=names, **options)
    model.save(target := new_file("mine.facekit"))
    text = f"**Done:** your model was trained on {len(images)} images. Try it in step 4."
    drawings = [draw_result(facekit.predict(model, image)) for image in images[:3]]
    return model, text, gr.DownloadButton(value=str(target), interactive=True), gr.Gallery(drawings, visible=True)


@show_errors
def predict(model: Any, path: str | None) -> np.ndarray:
    """Run the visitor's model on a new image.

    Args:
        model: The model, or None.
        path: The image file, or None.

    Returns:
        The drawn result, RGB (H, W, 3) uint8.
    """
    if model is None:
        raise ValueError("there is no model yet: press Adapt in step 3 first")
    if path is None:
        raise ValueError(NO_IMAGE)
    result = facekit.predict(model, read_photo(path))
    if isinstance(result, Faces) and not result:
        gr.Warning("No face was found in this image.")
    return draw_result(result)


def own_model_tab() -> None:
    """Lay out the tab: choose images, label them, adapt, use the model."""
    sheet, model = gr.State(Sheet()), gr.State()
    gr.Markdown("### 1 · Choose a few images, one face each", elem_classes="step")
    files, kind, point_text, part_text, example = _choice_fields()
    gr.Markdown("### 2 · Label them", elem_classes="step")
    instruction, chips, image, editor, shown, buttons = _label_fields()
    manual, estimate, download, archive = _saved_time_fields()
    gr.Markdown("### 3 · Adapt", elem_classes="step")
    info = "More steps take longer. For a few images, 100 to 200 are enough."
    steps = gr.Slider(50, 1000, value=200, step=50, label="Training steps", info=info)
    start, stop, text = training_buttons()
    label = "Results of your model on your images"
    gallery = gr.Gallery(label=label, columns=3, height=340, format="png", object_fit="contain", visible=False)
    gr.Markdown("### 4 · Use your model", elem_classes="step")
    photo, run, result, file = _test_fields()

    settings, outputs = [kind, point_text, part_text], [sheet, image, editor, instruction, chips, shown]
    labels = [sheet, editor, *settings]
    files.upload(choose, [files, *settings], outputs, api_name="choose")
    example.click(load_example, kind, [*outputs, point_text, part_text, photo], api_name="load_example")
    kind.input(visible_fields, kind, [point_text, part_text, buttons["undo"]], api_name="fields")
    changes = [kind.input, point_text.submit, point_text.blur, part_text.submit, part_text.blur]
    # A click that leaves a text field also changes the names. A progress sign would then cover the clicked image.
    gr.on(changes, button_handler("show"), [*labels, shown], outputs, api_name="show", show_progress="hidden")
    image.select(click, [sheet, *settings, shown], outputs, api_name="click", **EVERY_PRESS)
    for name, button in buttons.items():
        button.click(button_handler(name), [*labels, shown], outputs, api_name=name, **EVERY_PRESS)
    gr.on(
        [instruction.change, manual.input],
        saved_time,
        [sheet, kind, point_text, manual],
        estimate,
        api_name="saved_time",
        show_progress="hidden",
    )
    download.click(write_zip, [sheet, editor, kind, point_text], archive, api_name="labels").success(
        None, archive, js=FETCH
    )
    started = start.click(
        adapt, [*labels, steps], [model, text, file, gallery], api_name="adapt", show_progress_on=text, **TRAINING
    )
    connect_stop_button("adapt", started, text, stop)
    run.click(predict, [model, photo], result, api_name="use")


def _choice_fields() -> tuple[gr.File, gr.Radio, gr.Textbox, gr.Textbox, gr.Button]:
    """Lay out step 1: images, what to label, names of points and of parts, the button of the example."""
    with gr.Row():
        files = gr.File(file_count="multiple", label="Images", height=190)
        with gr.Column():
            kind = gr.Radio([POINTS, PARTS], value=POINTS, label="What do you want to label?")
            point_text = gr.Textbox(POINT_NAMES, label="Names of the points, in the order of your clicks")
            part_text = gr.Textbox(PART_NAMES, label=f"Names of the parts, at most {MOST_PARTS}", visible=False)
            example = gr.Button("Load the example: 8 people, labelled")
    return files, kind, point_text, part_text, example


def _label_fields() -> tuple[gr.Markdown, gr.HTML, gr.Image, PaintEditor, gr.Number, dict[str, gr.Button]]:
    """Lay out step 2: instruction, list of names, image to click on, paint editor, its index, buttons by name."""
    instruction = gr.Markdown(NO_IMAGES)
    chips = gr.HTML(visible=False)
    image = gr.Image(
        format="jpeg", label="Click the points", interactive=False, height=560, elem_id="click", buttons=[]
    )
    editor = paint_field(SIDE, visible=False)
    shown = gr.Number(-1, visible="hidden", precision=0)
    with gr.Row():
        buttons = {name: gr.Button(name.capitalize()) for name in ("previous", "undo", "clear", "next")}
    return instruction, chips, image, editor, shown, buttons


def _saved_time_fields() -> tuple[gr.Number, gr.Markdown, gr.Button, gr.DownloadButton]:
    """Lay out the estimate of the saved time, and the button and the file of the labels."""
    with gr.Row(elem_classes="level"):
        manual = gr.Number(MANUAL_IMAGES, label="Images to label by hand", precision=0, minimum=1, scale=2)
        with gr.Column(scale=4):
            estimate = gr.Markdown(saved_time(Sheet(), POINTS, POINT_NAMES, MANUAL_IMAGES), elem_classes="aside")
        download = gr.Button("Download the labels (LabelMe)", size="md", scale=2)
    # A download button needs a file that exists. This file is written after the press, then the browser fetches it.
    archive = gr.DownloadButton(visible="hidden")
    return manual, estimate, download, archive


def _test_fields() -> tuple[gr.Image, gr.Button, gr.Image, gr.DownloadButton]:
    """Lay out step 4: a new image and a button; the result and the model's file."""
    with gr.Row():
        with gr.Column():
            photo = image_field("A new image", 360)
            run = gr.Button("Predict", variant="primary")
        with gr.Column():
            tools: Any = ["download", "fullscreen"]
            result = gr.Image(format="png", label="Result of your model", interactive=False, height=360, buttons=tools)
            file = gr.DownloadButton("Download the model (.facekit)", interactive=False)
    return photo, run, result, file
