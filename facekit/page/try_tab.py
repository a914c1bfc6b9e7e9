"""The tab "Try": every ready model on one photo, several faces selectable; sentences; files; the same in code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

import facekit

from ..labels import segmentation_set
from ..results.drawing import readable
from .batch_part import batch_part
from .code_samples import python_code, terminal_commands
from .components import NO_IMAGE, show_errors
from .label_editor import FETCH
from .limits import read_photo
from .photo_analysis import Analysis, analyse, draw_points, view
from .photo_files import write_photo
from .sample_photos import ATTRIBUTION, sample_photos
from .text_matching import MOST, SENTENCES, sentences_in
from .uploads import image_field

WHOLE = "Whole photo"
MOST_BARS = 12
# Attributes that are shown. Sex, age and judgements of looks are left out: the model errs on them too often.
SHOWN = (
    *("Smiling", "Mouth_Slightly_Open", "Eyeglasses", "Wearing_Hat", "Wearing_Earrings", "Wearing_Necklace"),
    *("Wearing_Necktie", "Wearing_Lipstick", "Heavy_Makeup", "No_Beard", "Mustache", "Goatee", "Sideburns"),
    *("5_o_Clock_Shadow", "Bald", "Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Straight_Hair"),
    *("Wavy_Hair", "Bushy_Eyebrows", "Arched_Eyebrows"),
)
PART_SET = segmentation_set("celebamask19")  # of the ready model "segmentation"
PART_NAMES = [readable(name) for name in PART_SET.classes[1:]]
COLOURS = {
    name: "#{:02x}{:02x}{:02x}".format(*colour) for name, colour in zip(PART_NAMES, PART_SET.palette[1:], strict=True)
}
OPACITY = 0.6
NO_PHOTO = "analyse a photo first: choose one of the sample faces, or upload one and press Analyse"
LEFT_OUT = "Sex, age and judgements of looks are not shown: the model errs on them too often. The files hold all 40."
NOTE = (
    "Probabilities say which of the sentences fits best, if one of them is true. None of them may be true. The model "
    "in this package is small. It can judge hair, beards, glasses and smiles. It cannot identify people."
)


def face_index(face: str | None) -> int | None:
    """Return the index of a chosen face, "Face 2" is 1. None for the whole photo."""
    return None if face in (None, WHOLE) else int(str(face).removeprefix("Face ")) - 1


@show_errors
def analyse_photo(path: str | None, text: str, bar: gr.Progress = gr.Progress()) -> tuple[Any, ...]:  # noqa: B008
    """Run the ready models on a photo.

    Args:
        path: The image file, or None.
        text: The sentences, for the code.
        bar: Progress bar, set by gradio.

    Returns:
        The results, the choice of faces, and the outputs of `show_face`.
    """
    if path is None:
        raise ValueError(NO_IMAGE)
    photo = analyse(
        Path(path).name, read_photo(path), lambda done, total: bar((done, total), desc="Analysing", unit="faces")
    )
    faces = [f"Face {i + 1}" for i in range(len(photo.faces))]
    choice = gr.Radio([WHOLE, *faces], value=WHOLE, visible=len(faces) > 1)
    return photo, choice, *show_face(photo, WHOLE, PART_NAMES, text)


def show_face(photo: Analysis | None, face: str, parts: list[str], text: str) -> tuple[Any, ...]:
    """Show the results of the whole photo or of one face.

    Args:
        photo: The results, or None before the first photo.
        face: WHOLE, or "Face 1", "Face 2" and so on.
        parts: Names of the parts to show.
        text: The sentences, for the code.

    Returns:
        A sentence, the drawn landmarks, the parts, a heading and the attributes, the sketch and the photo without
        shadows (each before and after), Python code, commands, and the empty result of the sentences (four values).
    """
    if photo is None:
        return (gr.skip(),) * 13
    index = face_index(face)
    shown, first = view(photo, index), index or 0
    count = len(photo.faces)
    summary = f"**{count} {'face' if count == 1 else 'faces'}** found."
    if photo.left_out:
        summary += f" {photo.left_out} more were left out: only the largest are analysed."
    if count > 1:
        summary += " They are numbered from left to right."
    heading = f"**Face {first + 1}**" + (" · choose another face above" if index is None and count > 1 else "")
    probabilities = dict(photo.attributes[first].top())
    attributes = {readable(name): probabilities[name] for name in SHOWN}
    try:
        sentences = sentences_in(text)
    except ValueError:
        sentences = []
    pair = [(shown.image, shown.sketch), (shown.image, shown.bright)]
    code = [python_code(photo.name, index, sentences), terminal_commands(photo.name, sentences)]
    empty = (heading, None, gr.Radio([], value=None, visible=False), None)
    return summary, draw_points(shown), part_layers(shown, parts), heading, attributes, *pair, *code, *empty


def part_layers(shown: Analysis, parts: list[str]) -> tuple[np.ndarray, list[tuple[np.ndarray, str]]]:
    """Return the photo and one layer per part that occurs and is chosen, as gradio's AnnotatedImage shows them."""
    mask = shown.parts.mask
    layers = []
    for number, name in enumerate(PART_NAMES, 1):
        if name in parts and (inside := mask == number).any():
            layers.append((inside * OPACITY, name))
    return shown.image, layers


def show_parts(photo: Analysis | None, face: str, parts: list[str]) -> Any:
    """Show other parts of the same photo or face."""
    return gr.skip() if photo is None else part_layers(view(photo, face_index(face)), parts)


@show_errors
def match_face(photo: Analysis | None, face: str, text: str) -> tuple[Any, ...]:
    """Match sentences with the chosen face. The whole photo stands for its first face, which the heading says.

    Args:
        photo: The results, or None before the first photo.
        face: WHOLE, or "Face 1", "Face 2" and so on.
        text: One sentence per line.

    Returns:
        The probability of each sentence, the choice of a sentence to explain, the heat map of the best one, and the
        code and the commands.
    """
    if photo is None:
        raise ValueError(NO_PHOTO)
    sentences, index = sentences_in(text), face_index(face)
    probabilities = facekit.match(photo.image, sentences, align="mean", faces=photo.faces[index or 0])
    order = np.argsort(-probabilities)
    choices = [sentences[i] for i in order]
    return (
        {sentences[i]: float(probabilities[i]) for i in order},
        gr.Radio(choices, value=choices[0], visible=True),
        heat_map(photo, face, choices[0]),
        python_code(photo.name, index, sentences),
        terminal_commands(photo.name, sentences),
    )


@show_errors
def heat_map(photo: Analysis | None, face: str, sentence: str | None) -> np.ndarray | None:
    """Draw where the chosen face matches a sentence, RGB uint8; None without a photo or a sentence."""
    if photo is None or not sentence:
        return None
    index = face_index(face) or 0
    result = facekit.explain(photo.image, sentence, align="mean", faces=photo.faces[index])
    return view_of_drawing(photo, index, result.draw())


def view_of_drawing(photo: Analysis, face: int, drawing: np.ndarray) -> np.ndarray:
    """Cut a face out of a drawing of the photo's shape, as `view` does."""
    return view(Analysis(**{**vars(photo), "sketch": drawing}), face).sketch


@show_errors
def photo_zip(photo: Analysis | None) -> str:
    """Write the results of the photo to a zip file and return its path."""
    if photo is None:
        raise ValueError(NO_PHOTO)
    return str(write_photo(photo))


def try_tab() -> None:
    """Lay out the tab: a photo at the left, its results at the right; many photos below."""
    photo_state, files = gr.State(), sample_photos()

    @show_errors
    def take_sample(event: gr.SelectData) -> str:
        """Return the file of the sample photo that was pressed."""
        if event.index not in range(len(files)):
            raise ValueError(f"expected the index of a sample photo, got {event.index}; press one of them")
        return files[event.index]

    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            photo, run, samples = _photo_fields(files)
        with gr.Column(scale=3, min_width=300):
            summary = gr.Markdown("Choose one of the sample faces, or upload a photo and press **Analyse**.")
            face = gr.Radio([WHOLE], value=WHOLE, label="Show", visible=False)
            outputs, parts, text, match, download = _result_tabs()
    archive = gr.DownloadButton(visible="hidden")
    with gr.Accordion("Many photos at once", open=False):
        batch_part()

    shown = [summary, *outputs]
    fields, results = [photo, text], [photo_state, face, *shown]
    run.click(analyse_photo, fields, results, show_progress_on=summary)
    chosen_sample = samples.select(take_sample, None, photo)
    chosen_sample.then(analyse_photo, fields, results, show_progress_on=summary)
    selected = [photo_state, face]
    face.input(show_face, [*selected, parts, text], shown, show_progress="hidden")
    parts.input(show_parts, [*selected, parts], outputs[1], show_progress="hidden")
    code, (_, scores, chosen, heat) = outputs[6:8], outputs[8:]
    match.click(match_face, [*selected, text], [scores, chosen, heat, *code])
    chosen.input(heat_map, [*selected, chosen], heat)
    download.click(photo_zip, photo_state, archive).success(None, archive, js=FETCH)


def _photo_fields(files: list[str]) -> tuple[gr.Image, gr.Button, gr.Gallery]:
    """Lay out the photo, the button and the sample photos."""
    photo = image_field("Your photo", 340)
    run = gr.Button("Analyse", variant="primary")
    gr.Markdown("Or press a sample face:")
    samples = gr.Gallery(
        files,
        show_label=False,
        columns=5,
        allow_preview=False,
        interactive=False,
        buttons=[],
        object_fit="contain",
        elem_classes="samples",
    )
    gr.Markdown(ATTRIBUTION, elem_classes="aside")
    return photo, run, samples


def _result_tabs() -> tuple[list[Any], gr.CheckboxGroup, gr.Textbox, gr.Button, gr.Button]:
    """Lay out the results: a tab per kind.

    Returns:
        The outputs of `show_face` but the first, the choice of parts, the sentences, the buttons to match and to
        download.
    """
    tools: Any = ["download", "fullscreen"]
    still: dict[str, Any] = {"interactive": False, "format": "png", "buttons": tools}
    with gr.Tab("Points"):
        points = gr.Image(label="68 landmarks", height=480, **still)
    with gr.Tab("Parts"):
        layers = gr.AnnotatedImage(label="Parts: point at a name to see it alone", color_map=COLOURS, height=480)
        parts = gr.CheckboxGroup(PART_NAMES, value=PART_NAMES, label="Parts to show")
    with gr.Tab("Attributes"):
        heading = gr.Markdown()
        attributes = gr.Label(
            label=f"The {MOST_BARS} most probable of {len(SHOWN)}", num_top_classes=MOST_BARS, show_heading=False
        )
        gr.Markdown(LEFT_OUT, elem_classes="aside")
    with gr.Tab("Sketch"):
        sketch = gr.ImageSlider(label="Before | after", height=480, max_height=480, **still)
    with gr.Tab("Shadows"):
        bright = gr.ImageSlider(label="Before | after: without cast shadows", height=480, max_height=480, **still)
    with gr.Tab("Sentences"):
        text_heading = gr.Markdown()
        text = gr.Textbox(SENTENCES, lines=5, label=f"2 to {MOST} sentences, one per line")
        match = gr.Button("Match the sentences")
        scores = gr.Label(label="Probability, if one of the sentences is true", show_heading=False)
        chosen = gr.Radio([], label="Show where a sentence matches", visible=False)
        heat = gr.Image(label="Red areas match best", height=380, **still)
        gr.Markdown(NOTE, elem_classes="aside")
    with gr.Tab("Files"):
        download = gr.Button("Download all results (zip of PNG, JSON and CSV)")
        python = gr.Code(language="python", label="The same in Python", interactive=False)
        commands = gr.Code(language="shell", label="The same in a terminal", interactive=False)
    outputs = [points, layers, heading, attributes, sketch, bright, python, commands]
    return [*outputs, text_heading, scores, chosen, heat], parts, text, match, download
