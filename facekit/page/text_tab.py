"""The tab "Words": which of some sentences fits a face, and where in the face each of them is found (FaRL)."""

from __future__ import annotations

import cv2
import gradio as gr
import numpy as np

import facekit

from ..images.reader import load_image
from .components import NO_PHOTO, check_length, example_photo, explained
from .image_tab import CROP, PHOTO
from .uploads import image_field

SENTENCES = "a woman with a smile\na man with a beard\na man with glasses\na young woman with blond hair"
MOST = 12
SHOWN = 480  # px of the face that is explained


def lines_of(text: str) -> list[str]:
    """One sentence a line. Raises ValueError for none or too many."""
    sentences = list(dict.fromkeys(line.strip() for line in check_length(text).splitlines() if line.strip()))
    if not 2 <= len(sentences) <= MOST:
        came = "1 sentence" if len(sentences) == 1 else f"{len(sentences)} sentences"
        raise ValueError(f"{came} came: write 2 to {MOST}, one a line")
    return sentences


@explained
def fit(path: str | None, text: str, kind: str) -> tuple[dict[str, float], gr.Radio]:
    """One photo and sentences -> their probabilities, and a choice of what to explain, the likeliest first."""
    if path is None:
        raise ValueError(NO_PHOTO)
    sentences = lines_of(text)
    chances = facekit.match(load_image(path), sentences, align="mean" if kind == PHOTO else "none")
    order = np.argsort(-chances)
    chosen = [sentences[i] for i in order]
    return {sentences[i]: float(chances[i]) for i in order}, gr.Radio(chosen, value=chosen[0], visible=True)


@explained
def heat(path: str | None, sentence: str | None, kind: str) -> np.ndarray | None:
    """Where in the face the sentence is found."""
    if path is None or not sentence:
        return None
    result = facekit.explain(load_image(path), sentence, align="mean" if kind == PHOTO else "none")
    shown = result.draw()
    if result.box is None:
        return shown
    x0, y0, x1, y1 = (max(0, round(v)) for v in result.box)
    face = shown[y0:y1, x0:x1]
    return cv2.resize(face, None, fx=SHOWN / max(face.shape), fy=SHOWN / max(face.shape), interpolation=cv2.INTER_CUBIC)


def words_tab() -> None:
    with gr.Row():
        with gr.Column():
            photo = image_field("A photo of one person", 340)
            kind = gr.Radio([PHOTO, CROP], value=PHOTO, label="What it shows")
            text = gr.Textbox(SENTENCES, lines=5, label="Sentences, one a line")
            go = gr.Button("Which one fits?", variant="primary")
            if example := example_photo():
                gr.Examples([[example]], [photo], label="Or take this one", api_name="example_words")
        with gr.Column():
            chances = gr.Label(label="Given that one of them is about this face", num_top_classes=MOST)
            chosen = gr.Radio([], label="Where does it say so?", visible=False)
            shown = gr.Image(format="png", show_label=False, interactive=False, height=380)
            gr.Markdown(
                "Warm is what spoke for the sentence. The small model in the package sees a face as 12 x 12 patches, "
                "and learned its words from captions of drawn faces and of celebrities' attributes. It knows hair, "
                "beards, glasses and smiles, where they are only roughly, and not who anybody is.",
                elem_classes="aside",
            )
    go.click(fit, [photo, text, kind], [chances, chosen], api_name="words").then(
        heat, [photo, chosen, kind], shown, api_name=False
    )
    chosen.input(heat, [photo, chosen, kind], shown, api_name="explain")
