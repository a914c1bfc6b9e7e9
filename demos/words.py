"""The tab "Words": which of some sentences fits a face, and where in the face each of them is found (FaRL)."""

from __future__ import annotations

import gradio as gr
import numpy as np

import facekit
from demos.common import NO_PHOTO, example_photo, explained, photo_field
from demos.pictures import CROP, PHOTO
from facekit.images import load_image

SENTENCES = "a woman with a smile\na man with a beard\na man with glasses\na young woman with blond hair"
MOST = 12


def lines_of(text: str) -> list[str]:
    """One sentence a line. Raises ValueError for none or too many."""
    sentences = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    if not 2 <= len(sentences) <= MOST:
        raise ValueError(f"{len(sentences)} sentences came: write 2 to {MOST}, one a line")
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
    """Where in the photo the sentence is found."""
    if path is None or not sentence:
        return None
    return facekit.explain(load_image(path), sentence, align="mean" if kind == PHOTO else "none").draw()


def words_tab() -> None:
    with gr.Row():
        with gr.Column():
            photo = photo_field("A photo of one person", 340)
            kind = gr.Radio([PHOTO, CROP], value=PHOTO, label="What it shows")
            text = gr.Textbox(SENTENCES, lines=5, label="Sentences, one a line")
            go = gr.Button("Which one fits?", variant="primary")
            if example := example_photo():
                gr.Examples([[example]], [photo], label="Or take this one", api_name="example_words")
        with gr.Column():
            chances = gr.Label(label="Given that one of them is about this face", num_top_classes=MOST)
            chosen = gr.Radio([], label="Where does it say so?", visible=False)
            shown = gr.Image(format="png", label="Warm: what spoke for the sentence", interactive=False, height=380)
            gr.Markdown(
                "The small model in the package learned its words from captions of drawn faces and of celebrities' "
                "attributes. It knows hair, beards, glasses and smiles; it does not know who anybody is.",
                elem_classes="aside",
            )
    go.click(fit, [photo, text, kind], [chances, chosen], api_name="words").then(
        heat, [photo, chosen, kind], shown, api_name=False
    )
    chosen.input(heat, [photo, chosen, kind], shown, api_name="explain")
