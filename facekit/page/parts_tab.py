"""The tab "One face, many parts": paint the parts of one to five images, train a model, run it on others (PFTGAN)."""

from __future__ import annotations

from typing import Any

import gradio as gr
from PIL import Image

from . import label_editor
from .components import PHOTO, show_errors
from .generator_part import generated_faces_part, generator_fields
from .label_board import EVERY_PRESS, label_board
from .label_editor import FETCH, NO_IMAGES, add_uploads, board_outputs, proposals_field, start_over, write_zip
from .label_sheet import MOST_PARTS, PART_NAMES, PARTS, Sheet, generated_faces, part_names_in
from .parts_model import (
    ALIGN,
    MOST_PAINTED,
    RECIPES,
    STEPS,
    TUNED,
    adapt,
    check_training,
    estimate_cost,
)
from .parts_results import predict_parts, result_fields
from .training_events import connect_training, training_buttons

UNLABELLED = 6  # example faces without paint
EXAMPLE_SIDE = 256  # px
FRAMING = 2.0  # size of an example image relative to its face; the other tabs use 1.6
SMALL = (
    "The generator in this package is small: its images have 128 x 128 px, and it was trained on a CPU. Details that "
    "it cannot reconstruct cannot be segmented. Compare the face with its reconstruction in step 3. Under *Another "
    "generator* in step 2 you can upload a better one."
)


@show_errors
def choose(sheet: Sheet, files: list[str] | None, part_text: str) -> tuple[Any, ...]:
    """Add uploaded images and label files. A warning names each file that cannot be used.

    Args:
        sheet: The visitor's images.
        files: Paths of the files.
        part_text: Names of the parts.

    Returns:
        The images, the outputs of `board_outputs`, the empty field of files, and the names of the parts.
    """
    made, kind, names = add_uploads(sheet, files, PARTS)
    part_text = ", ".join(names) if names is not None and kind == PARTS else part_text
    made.use(PARTS, part_names_in(part_text))
    return made, *board_outputs(made), None, part_text


@show_errors
def load_example() -> tuple[Any, ...]:
    """Load generated faces, of which the first one is painted.

    Returns:
        The images, the outputs of `board_outputs`, the names of the parts, an image to test the model on, and the kind
        of image twice.
    """
    sheet, another = generated_faces(1 + UNLABELLED, EXAMPLE_SIDE, FRAMING)
    sheet.use(PARTS, part_names_in(PART_NAMES))
    return sheet, *board_outputs(sheet), PART_NAMES, Image.fromarray(another), PHOTO, PHOTO


@show_errors
def rename(sheet: Sheet, part_text: str) -> tuple[Any, ...]:
    """Change the names of the parts. Returns the outputs of `board_outputs`."""
    sheet.use(PARTS, part_names_in(part_text))
    return board_outputs(sheet)


def label(sheet: Sheet, name: str, event: gr.EventData) -> tuple[Any, ...]:
    """Apply messages of the canvas, as `label_editor.label` does for parts."""
    return label_editor.label(sheet, PARTS, name, None, event)


def parts_tab() -> None:
    """Lay out the tab: paint, adapt, use the model; and the generated faces."""
    gr.Markdown(
        "Paint the parts of one face. The model then finds these parts in other images. It uses a generator that was "
        "trained on images of faces without labels."
    )
    own = _training_steps()
    gr.Markdown(SMALL, elem_classes="aside")
    generated_faces_part(own)


def _training_steps() -> gr.State:
    """Lay out the three steps: paint, adapt, use the model. Return the visitor's generator."""
    sheet, model = gr.State(Sheet()), gr.State()
    gr.Markdown(f"## 1 · Paint one image, or up to {MOST_PAINTED}", elem_classes="step")
    files, part_text, load, empty = _choice_fields()
    board, counts, proposals, download, archive = _paint_fields()
    gr.Markdown("## 2 · Adapt", elem_classes="step")
    with gr.Row():
        info = "In a photo the face is found first, and turned upright."
        kind = gr.Radio(list(ALIGN), value=PHOTO, label="Each image is a", min_width=240, info=info)
        recipe = gr.Radio(list(RECIPES), value=TUNED, label="Generator", min_width=240)
        steps = gr.Slider(20, 600, value=STEPS, step=20, label="Training steps of each stage", min_width=240)
    own = generator_fields()
    cost = gr.Markdown(elem_classes="aside")
    buttons = training_buttons()
    gr.Markdown("## 3 · Use your model", elem_classes="step")
    photo, photo_kind, run, results, text, file = result_fields()

    shown = [board, counts]
    files.upload(choose, [sheet, files, part_text], [sheet, *shown, files, part_text], api_name="one_shot_choose")
    load.click(load_example, None, [sheet, *shown, part_text, photo, kind, photo_kind], api_name="one_shot_example")
    empty.click(start_over, sheet, [sheet, *shown], api_name="one_shot_start_over")
    changes = [part_text.submit, part_text.blur]
    gr.on(changes, rename, [sheet, part_text], shown, api_name="one_shot_rename", **EVERY_PRESS)
    board.messages(label, [sheet, proposals], shown, api_name="one_shot_label", **EVERY_PRESS)
    download.click(write_zip, sheet, archive, api_name="one_shot_labels").success(None, archive, js=FETCH)
    # An image is usually of the same kind as the training images.
    kind.input(None, kind, photo_kind, js="kind => kind")
    recipe.input(lambda chosen: gr.Slider(visible=chosen == TUNED), recipe, steps, api_visibility="private")
    gr.on(
        [counts.change, recipe.input, steps.release, part_text.blur, own.change],
        estimate_cost,
        [sheet, part_text, recipe, steps, own],
        cost,
        api_name="one_shot_cost",
        show_progress="hidden",
    )
    inputs = [sheet, kind, recipe, steps, own]
    connect_training("one_shot_adapt", buttons, check_training, adapt, inputs, [model, buttons[-1], file])
    run.click(
        predict_parts,
        [model, photo, photo_kind],
        [*results, text],
        api_name="one_shot_use",
        show_progress_on=results[0],
    )
    return own


def _choice_fields() -> tuple[gr.File, gr.Textbox, gr.Button, gr.Button]:
    """Lay out the choice of step 1: images, names of the parts, buttons of the example and to start over."""
    with gr.Row():
        files = gr.File(file_count="multiple", label="Images, one face each", height=190)
        with gr.Column():
            part_text = gr.Textbox(PART_NAMES, label=f"Names of the parts, at most {MOST_PARTS}")
            with gr.Row():
                load = gr.Button(
                    f"Load the example: 1 painted face, {UNLABELLED} without paint", min_width=200, scale=3
                )
                empty = gr.Button("Start over", min_width=100)
            note = (
                "Images without paint are used as support images: the generator is also trained to reconstruct them. "
                "Add images of the faces that you want to segment later."
            )
            gr.Markdown(note, elem_classes="aside")
    return files, part_text, load, empty


def _paint_fields() -> tuple[gr.HTML, gr.Markdown, gr.Dropdown, gr.Button, gr.DownloadButton]:
    """Lay out the paint of step 1: canvas, counts, model that proposes parts; button and file of the labels."""
    counts = gr.Markdown(NO_IMAGES)
    with gr.Row():
        with gr.Column(scale=3, min_width=300):
            board = label_board("Parts")
        with gr.Column(scale=1, min_width=220):
            proposals = proposals_field(PARTS)
            download = gr.Button("Download the labels")
    archive = gr.DownloadButton(visible="hidden")
    return board, counts, proposals, download, archive
