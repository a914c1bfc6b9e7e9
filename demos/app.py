"""The page: see facekit find faces, label a few pictures and get a model of your own, teach one a style.

Run it with `python -m demos.app`, then open the address that it prints. It calls only facekit's public names.
"""

from __future__ import annotations

import gradio as gr
import numpy as np

import facekit
from demos.common import NO_PHOTO, drawn, example_photo, explained, photo_field
from demos.own_model import own_model_tab
from demos.parsing import parsing_tab
from demos.parts import parts_tab
from demos.pictures import pictures_tab
from demos.words import words_tab
from facekit.images import load_image

READY = {"Landmarks": "landmarks", "Parts": "segmentation"}

CSS = """
.gradio-container {width: 100% !important; max-width: 1180px !important; margin: 0 auto !important}
#title h1 {font-size: 2.3rem; letter-spacing: -.03em; margin-bottom: 0}
#title p {font-size: 1.08rem; opacity: .75; margin-top: .2rem}
.step h3 {margin-bottom: 0}
.chip {display: inline-block; padding: .15rem .7rem; margin: .12rem; border-radius: 1rem; color: #fff; font-weight: 600;
       font-size: .85rem; text-shadow: 0 1px 2px #000a}
#click img {cursor: crosshair}
.progress {min-height: 4.5rem}
.aside p {font-size: .92rem; opacity: .8}
.level {align-items: center}
"""


@explained
def find(path: str | None, what: str) -> tuple[np.ndarray, str]:
    """One photo through a ready model -> the drawing and a sentence about it."""
    if path is None:
        raise ValueError(NO_PHOTO)
    result = facekit.predict(READY[what], load_image(path))
    if not result:
        gr.Warning("No face was found in this picture.")
        return result.draw(), "**No face was found.** Try a picture where the face is larger, upright and well lit."
    return drawn(result), f"**{len(result)} {'face' if len(result) == 1 else 'faces'}** found."


def build() -> gr.Blocks:
    """The page. Theme and CSS belong to launch(), see main()."""
    with gr.Blocks(title="facekit", analytics_enabled=False, delete_cache=(3600, 86400)) as page:
        gr.Markdown("# facekit\nLabel a few faces, get your own face model, see it work.", elem_id="title")
        with gr.Tab("Try it"):
            try_tab()
        with gr.Tab("Your own model"):
            own_model_tab()
        with gr.Tab("New pictures"):
            pictures_tab()
        with gr.Tab("Parts in the wild"):
            parsing_tab()
        with gr.Tab("Parts from one face"):
            parts_tab()
        with gr.Tab("Words"):
            words_tab()
    return page


def try_tab() -> None:
    """One photo through the ready models."""
    with gr.Row():
        with gr.Column():
            photo = photo_field("Your photo", 400)
            what = gr.Radio(list(READY), value="Landmarks", label="What to find")
            go = gr.Button("Find faces", variant="primary")
            if example := example_photo():
                gr.Examples([[example]], [photo], label="Or take this one", api_name="example_photo")
        with gr.Column():
            shown = gr.Image(format="png", label="Result", interactive=False, height=520,
                             buttons=["download", "fullscreen"])  # fmt: skip
            text = gr.Markdown()
    gr.on([go.click, what.input], find, [photo, what], [shown, text], api_name="find")


def main() -> None:
    """Opens the page on this machine; GRADIO_SERVER_NAME and GRADIO_SERVER_PORT move it."""
    theme = gr.themes.Soft(primary_hue="indigo", font=["system-ui", "sans-serif"], font_mono=["monospace"])
    build().launch(theme=theme, css=CSS, max_file_size="25mb", footer_links=["api"])


if __name__ == "__main__":
    main()
