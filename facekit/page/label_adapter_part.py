"""The part of the tab "In the wild" that trains a label adapter from masks that a visitor has corrected."""

from __future__ import annotations

from typing import Any

import gradio as gr

import facekit

from ..labels import segmentation_set
from .components import FILE_HEIGHT, show_errors
from .label_zip import example_zip, given_file, unpacked_labels, unusable_text
from .sessions import new_file, progress_reporter
from .training_events import connect_training, training_buttons

PARSER = "segmentation"  # the ready model that gets the adapter
TRAINING_NAME = "label_adapter"
EXAMPLE = "fasseg6"
NOTHING = "Nothing is trained yet."
NOTE = (
    "Label the parts of a few faces as you want them to be drawn, in the tab Adapt (*Download the labels* gives the "
    "zip file) or in LabelMe. Your parts may have other names and borders than the model's. The adapter learns what "
    "the model draws in their place."
)


@show_errors
def load_example() -> str:
    """Return the zip file of the sample people, whose parts are drawn by FASSEG's conventions."""
    return str(example_zip("segmentation", segmentation_set(EXAMPLE)))


def check_labels(path: str | None) -> str:
    """Read the labels of an uploaded zip file, and return a sentence about them, or about what is wrong with it."""
    if path is None:
        return NOTHING
    try:
        with unpacked_labels(path, "segmentation") as found:
            return f"**{len(found)} labelled images.** Nothing is trained yet."
    except (ValueError, OSError) as error:
        return unusable_text(error)


@show_errors
def check_training(path: str | None, steps: int) -> None:
    """Raise an error if there is no file of labels. Arguments as of `train`."""
    given_file(path)


@show_errors
def train(
    path: str | None,
    steps: int,
    bar: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds the progress bar by this default
) -> tuple[Any, ...]:
    """Train a label adapter for the ready model.

    Args:
        path: The zip file of labels, or None.
        steps: Number of training steps.
        bar: Progress bar, set by gradio.

    Returns:
        The model with its adapter, a sentence, and the file of the model.
    """
    path = given_file(path)
    report = progress_reporter(bar, TRAINING_NAME)
    bar(0.0, desc="Running the model on your images")
    with unpacked_labels(path, "segmentation") as found:
        model = facekit.adapt_labels(
            PARSER, found.images, found.labels, names=found.names, steps=int(steps), progress=report
        )
    model.save(target := new_file("adapted.facekit"))
    text = (
        f"**Done:** the adapter was trained on {len(found)} images. *My own model* is now this one. Press *Find the "
        "parts* to see your image with and without the adapter."
    )
    return model, text, gr.DownloadButton(value=str(target), interactive=True)


def label_adapter_part(own: gr.State) -> gr.events.Dependency:
    """Lay out the part: labels, steps, buttons, file.

    Args:
        own: The visitor's model, which the training replaces.

    Returns:
        The event of the training.
    """
    gr.Markdown(NOTE, elem_classes="aside")
    with gr.Row():
        file = gr.File(label="Zip file of images and parts", height=FILE_HEIGHT)
        with gr.Column(min_width=300):
            example = gr.Button("Load the example: 16 people, FASSEG's parts")
            steps = gr.Slider(
                20,
                300,
                value=60,
                step=10,
                label="Training steps",
                info="One step takes one to two seconds on two idle cores.",
            )
    buttons = training_buttons("Train the adapter")
    text = buttons[-1]
    download = gr.DownloadButton("Download the model with its adapter (.facekit)", interactive=False)
    example.click(load_example, None, file).success(check_labels, file, text)
    gr.on([file.upload, file.clear], check_labels, file, text)
    return connect_training(TRAINING_NAME, buttons, check_training, train, [file, steps], [own, text, download])
