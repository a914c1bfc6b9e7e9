"""The page: see facekit find faces, label a few images and get a model of your own, teach one a style.

Run it with `python -m demos.app`, then open the address that it prints. It calls only facekit's public names.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
import numpy as np

import facekit

from ..images.reader import load_image
from . import sessions
from .components import NO_PHOTO, drawn, example_photo, explained
from .hosts import KnownHosts, known_names
from .image_tab import images_tab
from .own_model_tab import own_model_tab
from .parsing_tab import parsing_tab
from .parts_tab import parts_tab
from .text_tab import words_tab
from .uploads import image_field

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
        gr.Warning("No face was found in this image.")
        return result.draw(), "**No face was found.** Try an image where the face is larger, upright and well lit."
    return drawn(result), f"**{len(result)} {'face' if len(result) == 1 else 'faces'}** found."


def build() -> gr.Blocks:
    """The page. Theme and CSS belong to launch(), see main()."""
    with gr.Blocks(title="facekit", analytics_enabled=False, delete_cache=(3600, 86400)) as page:
        gr.Markdown("# facekit\nLabel a few faces, get your own face model, see it work.", elem_id="title")
        with gr.Tab("Try it"):
            try_tab()
        with gr.Tab("Your own model"):
            own_model_tab()
        with gr.Tab("New images"):
            images_tab()
        with gr.Tab("Parts in the wild"):
            parsing_tab()
        with gr.Tab("Parts from one face"):
            parts_tab()
        with gr.Tab("Words"):
            words_tab()

        def leave(request: gr.Request) -> None:
            """Stop what the visitor who left has started, and delete the session's files, models and labels."""
            sessions.close(request.session_hash)
            page.state_holder.session_data.pop(request.session_hash, None)
            page.state_holder.time_last_used.pop(request.session_hash, None)

        page.unload(leave)
    return page


def try_tab() -> None:
    """One photo through the ready models."""
    with gr.Row():
        with gr.Column():
            photo = image_field("Your photo", 400)
            what = gr.Radio(list(READY), value="Landmarks", label="What to find")
            go = gr.Button("Find faces", variant="primary")
            if example := example_photo():
                gr.Examples([[example]], [photo], label="Or take this one", api_name="example_photo")
        with gr.Column():
            shown = gr.Image(format="png", label="Result", interactive=False, height=520,
                             buttons=["download", "fullscreen"])  # fmt: skip
            text = gr.Markdown()
    gr.on([go.click, what.input], find, [photo, what], [shown, text], api_name="find")


def opened(port: int | None = None, hosts: Sequence[str] = ()) -> gr.Blocks:
    """Build the page and start its server in a thread.

    Args:
        port: Where to listen. None takes GRADIO_SERVER_PORT, or else the first free one from 7860.
        hosts: Further host names under which browsers may open the page, for instance this machine's name in its
            network. With any, the page listens on all network interfaces, unless GRADIO_SERVER_NAME says which.

    Returns:
        The running page; ``close()`` ends it.

    Raises:
        ValueError: If the port is not free.
    """
    listens = os.environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if hosts else "127.0.0.1")
    names = known_names(listens, *hosts)

    @asynccontextmanager
    async def guarded(app: Any) -> AsyncIterator[None]:
        app.middleware_stack = KnownHosts(app.middleware_stack, names)
        yield

    theme = gr.themes.Soft(primary_hue="indigo", font=["system-ui", "sans-serif"], font_mono=["monospace"])
    page = build()
    try:
        # _frontend=False leaves out a check that gives a busy machine three seconds, then advises share=True.
        page.launch(theme=theme, css=CSS, max_file_size="25mb", footer_links=["api"], server_name=listens,
                    server_port=port, app_kwargs={"lifespan": guarded}, prevent_thread_lock=True, quiet=True,
                    _frontend=False)  # fmt: skip
    except OSError as error:
        wanted = port or os.environ.get("GRADIO_SERVER_PORT") or "7860 to 7959"
        message = f"expected a free port, got {wanted}, where nothing can be opened; choose another with --port"
        raise ValueError(message) from error
    if page.share_url:
        names.update(known_names(str(urlsplit(page.share_url).hostname)))
    return page


def main(port: int | None = None, hosts: Sequence[str] = ()) -> None:
    """Open the page on this machine and keep it open until the process is told to end.

    Args:
        port: As of `opened`.
        hosts: As of `opened`.

    Raises:
        ValueError: If the port is not free.
    """
    # gradio asks its own server whether it is up, which must not go through a proxy.
    for variable in ("NO_PROXY", "no_proxy"):
        os.environ[variable] = ",".join(filter(None, [os.environ.get(variable), "localhost,127.0.0.1"]))
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does, with its files deleted
    with sessions.process_folder():
        page = opened(port, hosts)
        print(f"* Running on local URL:  http://{page.server_name}:{page.server_port}", flush=True)
        page.block_thread()


if __name__ == "__main__":
    main()
