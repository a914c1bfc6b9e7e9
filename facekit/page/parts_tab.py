"""The tab "One face, many parts": paint the parts of one to five images, train a model, run it on others (PFTGAN)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from . import label_editor
from .components import PHOTO, show_errors, training_buttons
from .generator_part import generated_faces_part, generator_fields
from .label_canvas import SIDE
from .label_editor import EVERY_PRESS, FETCH, NO_IMAGES, PARTS, labelling_outputs, write_zip
from .label_sheet import MOST_PARTS, PART_NAMES, POINT_NAMES, Sheet, generated_faces
from .limits import TRAINING
from .parts_model import (
    ALIGN,
    MOST_PAINTED,
    RECIPES,
    STEPS,
    TUNED,
    adapt,
    estimate_cost,
)
from .parts_results import predict_parts, result_fields
from .sessions import connect_stop_button
from .uploads import PaintEditor, paint_field

UNLABELLED = 6  # example faces without paint
EXAMPLE_SIDE = 256  # px
FRAMING = 2.0  # size of an example image relative to its face; the other tabs use 1.6
SMALL = (
    "The generator in this package is small: its images have 64 x 64 px, and it was trained on a CPU. Details that it "
    "cannot reconstruct cannot be segmented. Compare the face with its reconstruction in step 3. Under *Another "
    "generator* in step 2 you can upload a better one."
)


def painting_outputs(outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Remove from the outputs of `labelling_outputs` what this tab lacks: the image to click on and its index."""
    sheet, _, *rest, _ = outputs
    return (sheet, *rest)


def choose(files: list[str] | None, part_text: str) -> tuple[Any, ...]:
    """Create a new sheet of uploaded files. A warning names each file that cannot be read.

    Args:
        files: Paths of the files.
        part_text: Names of the parts.

    Returns:
        The outputs of `painting_outputs`.
    """
    return painting_outputs(label_editor.choose(files, PARTS, POINT_NAMES, part_text))


@show_errors
def load_example() -> tuple[Any, ...]:
    """Load generated faces, of which the first one is painted.

    Returns:
        The outputs of `painting_outputs`, the names of the parts, an image to test the model on, and the kind of image
        twice.
    """
    sheet, another = generated_faces(1 + UNLABELLED, EXAMPLE_SIDE, FRAMING)
    sheet.masks[1:] = [np.zeros_like(mask) for mask in sheet.masks[1:]]
    outputs = painting_outputs(labelling_outputs(sheet, PARTS, POINT_NAMES, PART_NAMES))
    return *outputs, PART_NAMES, Image.fromarray(another), PHOTO, PHOTO


def button_handler(action: str) -> Callable[..., tuple[Any, ...]]:
    """Create the handler of a button. It stores the paint of the editor first.

    Args:
        action: "next", "previous" or "clear"; "show" for changed names.

    Returns:
        A handler that returns the outputs of `painting_outputs`.
    """
    handler = label_editor.button_handler(action)

    def painted(sheet: Sheet, editor: Any, part_text: str) -> tuple[Any, ...]:
        return painting_outputs(handler(sheet, editor, PARTS, POINT_NAMES, part_text))

    return painted


def write_painted(sheet: Sheet, editor: Any) -> str:
    """Write the painted images and their LabelMe files to a zip file.

    Args:
        sheet: The images with their labels.
        editor: Value of the image editor.

    Returns:
        Path of the zip file.
    """
    return write_zip(sheet, editor, PARTS, POINT_NAMES)


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
    gr.Markdown(f"### 1 · Paint one image, or up to {MOST_PAINTED}", elem_classes="step")
    files, part_text, load = _choice_fields()
    instruction, chips, editor, buttons, download, archive = _paint_fields()
    gr.Markdown("### 2 · Adapt", elem_classes="step")
    with gr.Row():
        info = "In a photo the face is found first, and turned upright."
        kind = gr.Radio(list(ALIGN), value=PHOTO, label="Each image is a", min_width=240, info=info)
        recipe = gr.Radio(list(RECIPES), value=TUNED, label="Generator", min_width=240)
        steps = gr.Slider(20, 600, value=STEPS, step=20, label="Training steps of each stage", min_width=240)
    own = generator_fields()
    cost = gr.Markdown(elem_classes="aside")
    start, stop, status = training_buttons()
    gr.Markdown("### 3 · Use your model", elem_classes="step")
    photo, photo_kind, run, results, text, file = result_fields()

    outputs, painted = [sheet, editor, instruction, chips], [sheet, editor, part_text]
    files.upload(choose, [files, part_text], outputs, api_name="one_shot_choose")
    load.click(load_example, None, [*outputs, part_text, photo, kind, photo_kind], api_name="one_shot_example")
    changes, show = [part_text.submit, part_text.blur], button_handler("show")
    gr.on(changes, show, painted, outputs, api_name="one_shot_show", show_progress="hidden")
    for name, button in buttons.items():
        button.click(button_handler(name), painted, outputs, api_name=f"one_shot_{name}", **EVERY_PRESS)
    download.click(write_painted, [sheet, editor], archive, api_name="one_shot_labels").success(None, archive, js=FETCH)
    # An image is usually of the same kind as the training images.
    kind.input(None, kind, photo_kind, js="kind => kind")
    recipe.input(lambda chosen: gr.Slider(visible=chosen == TUNED), recipe, steps, api_visibility="private")
    gr.on(
        [instruction.change, recipe.input, steps.release, part_text.blur, own.change],
        estimate_cost,
        [sheet, part_text, recipe, steps, own],
        cost,
        api_name="one_shot_cost",
        show_progress="hidden",
    )
    started = start.click(
        adapt,
        [*painted, kind, recipe, steps, own],
        [model, status, file],
        api_name="one_shot_adapt",
        show_progress_on=status,
        **TRAINING,
    )
    connect_stop_button("one_shot_adapt", started, status, stop)
    run.click(
        predict_parts,
        [model, photo, photo_kind],
        [*results, text],
        api_name="one_shot_use",
        show_progress_on=results[0],
    )
    return own


def _choice_fields() -> tuple[gr.File, gr.Textbox, gr.Button]:
    """Lay out the choice of step 1: images, names of the parts, the button of the example."""
    with gr.Row():
        files = gr.File(file_count="multiple", label="Images, one face each", height=190)
        with gr.Column():
            part_text = gr.Textbox(PART_NAMES, label=f"Names of the parts, at most {MOST_PARTS}")
            load = gr.Button(f"Load the example: 1 painted face, {UNLABELLED} without paint")
            note = (
                "Images without paint are used as support images: the generator is also trained to reconstruct them. "
                "Add images of the faces that you want to segment later."
            )
            gr.Markdown(note, elem_classes="aside")
    return files, part_text, load


def _paint_fields() -> tuple[gr.Markdown, gr.HTML, PaintEditor, dict[str, gr.Button], gr.Button, gr.DownloadButton]:
    """Lay out the paint of step 1: instruction, list of names, editor, buttons; button and file of the labels."""
    instruction = gr.Markdown(NO_IMAGES)
    chips = gr.HTML(visible=False)
    editor = paint_field(SIDE)
    with gr.Row():
        buttons = {name: gr.Button(name.capitalize()) for name in ("previous", "clear", "next")}
        download = gr.Button("Download the labels")
    archive = gr.DownloadButton(visible="hidden")
    return instruction, chips, editor, buttons, download, archive
