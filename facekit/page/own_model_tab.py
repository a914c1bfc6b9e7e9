"""The tab "Adapt": label a few images, train a model for points or parts, run it on other images."""

from __future__ import annotations

from typing import Any

import gradio as gr
from PIL import Image

from . import own_model
from .components import MOST_IMAGES, show_errors
from .label_board import EVERY_PRESS, label_board
from .label_editor import FETCH, NO_IMAGES, board_outputs, choose, label, proposals_field, rename, start_over, write_zip
from .label_sheet import (
    MOST_PARTS,
    MOST_POINTS,
    PART_NAMES,
    PARTS,
    POINT_NAMES,
    POINTS,
    Sheet,
    example_faces,
    names_in,
    part_names_in,
)
from .training_events import connect_training, training_buttons
from .uploads import image_field

UPLOADS = f"Images, at most {MOST_IMAGES}; label files or masks beside them"
LABELS_NOTE = (
    "Do you have labels? Drop them together with their images: LabelMe or COCO (JSON), CVAT (XML), .pts, or masks of "
    "class ids as PNG with the names of their images (`a.png` or `a_mask.png` for `a.jpg`). Images are scaled to at "
    "most 640 px. You can add more later."
)


@show_errors
def load_example(kind: str) -> tuple[Any, ...]:
    """Load eight labelled people and the image of a ninth to test the model on.

    Args:
        kind: POINTS or PARTS.

    Returns:
        The images, the outputs of `board_outputs`, the names of the points and of the parts, and the ninth image.
    """
    sheet, another = example_faces()
    sheet.use(kind, names_in(POINT_NAMES) if kind == POINTS else part_names_in(PART_NAMES))
    return sheet, *board_outputs(sheet), POINT_NAMES, PART_NAMES, Image.fromarray(another)


def visible_fields(kind: str, own: Any) -> tuple[Any, ...]:
    """Show the names of one kind of labels; return the outputs of `own_model.model_choices`, too."""
    shown = gr.Textbox(visible=kind == POINTS), gr.Textbox(visible=kind == PARTS)
    return *shown, *own_model.model_choices(kind, own)


def own_model_tab() -> None:
    """Lay out the tab: choose images, label them, adapt, use the model."""
    sheet, own, own_file = gr.State(Sheet()), gr.State(), gr.State()
    gr.Markdown("## 1 · Choose images, one face each", elem_classes="step")
    files, kind, point_text, part_text, example, empty = _choice_fields()
    gr.Markdown("## 2 · Label a few of them", elem_classes="step")
    board, counts, proposals, suggest, download = _label_fields()
    gr.Markdown("## 3 · Adapt", elem_classes="step")
    steps, share, keep_on = _training_fields()
    buttons = training_buttons()
    live, plot, gallery = _progress_fields()
    gr.Markdown("## 4 · Use your model", elem_classes="step")
    photo, run, result, file, onnx, opened = _test_fields()
    archive = gr.DownloadButton(visible="hidden")

    settings, shown = [kind, point_text, part_text], [board, counts]
    choices = [proposals, keep_on]
    files.upload(choose, [sheet, files, *settings], [sheet, *shown, files, *settings], api_name="choose")
    example.click(load_example, kind, [sheet, *shown, point_text, part_text, photo], api_name="load_example")
    empty.click(start_over, sheet, [sheet, *shown], api_name="start_over")
    kind.change(visible_fields, [kind, own], [point_text, part_text, *choices], api_name="fields")
    changes = [kind.input, point_text.submit, point_text.blur, part_text.submit, part_text.blur]
    gr.on(changes, rename, [sheet, *settings], shown, api_name="rename", **EVERY_PRESS)
    board.messages(label, [sheet, kind, proposals, own], shown, api_name="label", **EVERY_PRESS)
    suggest.click(own_model.suggest_next, [sheet, own], shown, api_name="suggest", show_progress_on=counts)
    download.click(write_zip, sheet, archive, api_name="labels").success(None, archive, js=FETCH)
    results = [own, own_file, buttons[-1], live, plot, file, onnx, gallery, *choices, *shown]
    inputs = [sheet, kind, own, own_file, keep_on, steps, share]
    connect_training(own_model.ADAPT, buttons, own_model.check_training, own_model.adapt, inputs, results)
    opened.upload(
        own_model.open_model,
        [sheet, opened, *settings],
        [own, own_file, buttons[-1], file, onnx, *choices, *settings, *shown],
        api_name="open_model",
    )
    onnx.click(own_model.write_onnx, own, archive, api_name="onnx").success(None, archive, js=FETCH)
    run.click(own_model.predict, [own, photo], result, api_name="use")


def _choice_fields() -> tuple[gr.File, gr.Radio, gr.Textbox, gr.Textbox, gr.Button, gr.Button]:
    """Lay out step 1: files, what to label, names of points and of parts, buttons of the example and to start over."""
    with gr.Row():
        with gr.Column(min_width=300):
            files = gr.File(file_count="multiple", label=UPLOADS, height=180)
            gr.Markdown(LABELS_NOTE, elem_classes="aside")
        with gr.Column(min_width=300):
            kind = gr.Radio([POINTS, PARTS], value=POINTS, label="What do you want to label?")
            point_text = gr.Textbox(POINT_NAMES, label=f"Names of the points, at most {MOST_POINTS}")
            part_text = gr.Textbox(PART_NAMES, label=f"Names of the parts, at most {MOST_PARTS}", visible=False)
            with gr.Row():
                example = gr.Button("Load the example: 8 people, labelled", min_width=200)
                empty = gr.Button("Start over", min_width=100)
    return files, kind, point_text, part_text, example, empty


def _label_fields() -> tuple[gr.HTML, gr.Markdown, gr.Dropdown, gr.Button, gr.Button]:
    """Lay out step 2: canvas, counts, model that proposes labels, buttons for the next image and for the labels."""
    counts = gr.Markdown(NO_IMAGES)
    with gr.Row():
        with gr.Column(scale=3, min_width=300):
            board = label_board("Labels")
        with gr.Column(scale=1, min_width=220):
            proposals = proposals_field(POINTS)
            suggest = gr.Button("Which image next?")
            gr.Markdown("Your own model says which image it is least certain about.", elem_classes="aside")
            download = gr.Button("Download the labels (LabelMe)")
    return board, counts, proposals, suggest, download


def _training_fields() -> tuple[gr.Slider, gr.Slider, gr.Checkbox]:
    """Lay out the settings of step 3: steps, share of images for scores, whether to continue with the own model."""
    with gr.Row():
        with gr.Column(min_width=240):
            info = "More steps take longer. For a few images, 100 to 200 are enough."
            steps = gr.Slider(50, 1000, value=200, step=50, label="Training steps", info=info)
        with gr.Column(min_width=240):
            info = "These labelled images are not trained on. The model is scored on them."
            share = gr.Slider(0, 50, value=20, step=5, label="Set aside for scoring, %", info=info)
        with gr.Column(min_width=240):
            info = "Starts from the model that you trained or opened."
            keep_on = gr.Checkbox(False, label="Continue with my model", info=info, interactive=False)
    return steps, share, keep_on


def _progress_fields() -> tuple[gr.Markdown, gr.Plot, gr.Gallery]:
    """Lay out step and time left, the plot of the loss, and the predictions on images that were not trained on."""
    live = gr.Markdown()
    with gr.Row():
        plot = gr.Plot(label="Loss", visible=False, min_width=300)
        label = "Predictions on images that were not trained on"
        gallery = gr.Gallery(label=label, columns=3, height=340, object_fit="contain", visible=False, min_width=300)
    return live, plot, gallery


def _test_fields() -> tuple[gr.Image, gr.Button, gr.Image, gr.DownloadButton, gr.Button, gr.UploadButton]:
    """Lay out step 4: a new image and a button; the result; the model as .facekit and ONNX; a file to open again."""
    with gr.Row():
        with gr.Column(min_width=300):
            photo = image_field("A new image", 360)
            run = gr.Button("Predict", variant="primary")
        with gr.Column(min_width=300):
            tools: Any = ["download", "fullscreen"]
            result = gr.Image(format="png", label="Result of your model", interactive=False, height=360, buttons=tools)
            with gr.Row():
                file = gr.DownloadButton("Download the model (.facekit)", interactive=False, min_width=160)
                onnx = gr.Button("Download as ONNX", interactive=False, min_width=160)
                opened = gr.UploadButton("Open a .facekit file", min_width=160)
    return photo, run, result, file, onnx, opened
