"""The tab "Sentences": match sentences with a face, and show where each one matches (FaRL).

FaRL compares images and texts in one space, see https://arxiv.org/abs/2112.03109.
"""

from __future__ import annotations

import cv2
import gradio as gr
import numpy as np

import facekit

from ..images.reader import load_image
from .components import CROP, EXAMPLE_LABEL, NO_IMAGE, PHOTO, check_length, example_photos, show_errors
from .uploads import image_field

SENTENCES = "a woman with a smile\na man with a beard\na man with glasses\na young woman with blond hair"
MOST = 12  # sentences
SHOWN = 480  # longer side of the drawn face, px
NOTE = (
    "Red areas match the sentence best. The model in this package is small: it divides a face into 12 x 12 patches. It "
    "was trained on captions of generated faces and of celebrities' attributes. It can judge hair, beards, glasses and "
    "smiles, but it locates them only roughly. It cannot identify people."
)


def sentences_in(text: str) -> list[str]:
    """Split a text into sentences.

    Args:
        text: One sentence per line.

    Returns:
        The sentences without spaces at their ends. Repeated and empty lines are left out.

    Raises:
        ValueError: If there are fewer than 2 or more than MOST sentences.
    """
    sentences = list(dict.fromkeys(line.strip() for line in check_length(text).splitlines() if line.strip()))
    if not 2 <= len(sentences) <= MOST:
        raise ValueError(f"expected 2 to {MOST} sentences, one per line, got {len(sentences)}; change the list")
    return sentences


@show_errors
def match_sentences(path: str | None, text: str, kind: str) -> tuple[dict[str, float], gr.Radio]:
    """Compute the probability of each sentence for a face.

    Args:
        path: The image file, or None.
        text: One sentence per line.
        kind: CROP or PHOTO.

    Returns:
        The probability of each sentence, the largest first, and the choice of a sentence to explain.
    """
    if path is None:
        raise ValueError(NO_IMAGE)
    sentences = sentences_in(text)
    probabilities = facekit.match(load_image(path), sentences, align="mean" if kind == PHOTO else "none")
    order = np.argsort(-probabilities)
    choices = [sentences[i] for i in order]
    return {sentences[i]: float(probabilities[i]) for i in order}, gr.Radio(choices, value=choices[0], visible=True)


@show_errors
def explain_sentence(path: str | None, sentence: str | None, kind: str) -> np.ndarray | None:
    """Draw where in a face a sentence matches.

    Args:
        path: The image file, or None.
        sentence: The sentence, or None.
        kind: CROP or PHOTO.

    Returns:
        The face, RGB (H, W, 3) uint8; None without an image or a sentence.
    """
    if path is None or not sentence:
        return None
    result = facekit.explain(load_image(path), sentence, align="mean" if kind == PHOTO else "none")
    drawn = result.draw()
    if result.box is None:
        return drawn
    x0, y0, x1, y1 = (max(0, round(v)) for v in result.box)
    face = drawn[y0:y1, x0:x1]
    return cv2.resize(face, None, fx=SHOWN / max(face.shape), fy=SHOWN / max(face.shape), interpolation=cv2.INTER_CUBIC)


def text_tab() -> None:
    """Lay out the tab "Sentences"."""
    with gr.Row():
        with gr.Column():
            photo = image_field("An image of one person", 340)
            kind = gr.Radio([PHOTO, CROP], value=PHOTO, label="This image is a")
            text = gr.Textbox(SENTENCES, lines=5, label="Sentences, one per line")
            run = gr.Button("Match the sentences", variant="primary")
            gr.Examples([[path] for path in example_photos()], [photo], label=EXAMPLE_LABEL, api_name="example_words")
        with gr.Column():
            probabilities = gr.Label(label="Probability, if one of the sentences is true", num_top_classes=MOST)
            chosen = gr.Radio([], label="Show where a sentence matches", visible=False)
            shown = gr.Image(format="png", show_label=False, interactive=False, height=380)
            gr.Markdown(NOTE, elem_classes="aside")
    run.click(match_sentences, [photo, text, kind], [probabilities, chosen], api_name="words").then(
        explain_sentence, [photo, chosen, kind], shown, api_name=False
    )
    chosen.input(explain_sentence, [photo, chosen, kind], shown, api_name="explain")
