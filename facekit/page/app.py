"""The page in the browser. `facekit demo` starts it.

The tabs show what facekit can do: run the ready models, train a model on a few labelled images, compare backbones,
change the style of images, segment faces into parts.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from . import session_files, sessions
from .allocator import limit_arenas
from .appearance import CSS, HEAD, page_theme
from .compare_tab import compare_tab
from .endpoints import add_endpoints
from .hosts import AllowedHosts, allowed_names, logins
from .image_tab import images_tab
from .limits import QUEUE, UPLOAD
from .own_model_tab import own_model_tab
from .page_blocks import PageBlocks
from .parsing_tab import parsing_tab
from .parts_tab import parts_tab
from .try_tab import try_tab

NO_FUNCTION = "expected a function of this page and its inputs, got something else; reload the page and try again"
TABS: dict[str, Callable[[], None]] = {
    "Try": try_tab,
    "Adapt": own_model_tab,
    "Compare": compare_tab,
    "Style and shadows": images_tab,
    "In the wild": parsing_tab,
    "One face, many parts": parts_tab,
}


def build(tabs: Sequence[str] = tuple(TABS)) -> gr.Blocks:
    """Build the page. Theme and CSS are set at its start, see `start_page`.

    Args:
        tabs: Keys of `TABS`, in order.

    Returns:
        The page, which is not started.
    """
    with PageBlocks(title="facekit", analytics_enabled=False, delete_cache=(3600, 86400)) as page:
        gr.Markdown("# facekit\nLabel a few faces, get your own face model, see it work.", elem_id="title")
        for name in tabs:
            with gr.Tab(name):
                TABS[name]()
        add_endpoints(page)

        def leave(request: gr.Request) -> None:
            page.leave(request.session_hash)

        page.unload(leave)
    session_files.keep_present_files()
    return page


def start_page(
    port: int | None = None,
    hosts: Sequence[str] = (),
    auth: Sequence[str] = (),
    share: bool = False,
    tabs: Sequence[str] = tuple(TABS),
) -> gr.Blocks:
    """Build the page and start its server in a thread.

    Args:
        port: Port of the server. None takes the variable GRADIO_SERVER_PORT, or else the first free port from 7860.
        hosts: Further host names under which browsers may open the page, for instance the name of this machine in its
            network. If there are any, the server listens on all network interfaces, unless GRADIO_SERVER_NAME is set.
            The name of a hosted Space, in the variable SPACE_HOST, is added.
        auth: Logins NAME:PASSWORD. None of them: visitors need not log in.
        share: Whether to open a public link over gradio's server. gradio downloads its tunnel program once.
        tabs: Keys of `TABS`, in order.

    Returns:
        The running page. Its method ``close()`` stops it.

    Raises:
        ValueError: If the port is not free, a login is incomplete, or there is no connection for a public link.
    """
    visitors = logins(auth)
    hosts = [*hosts, *filter(None, [os.environ.get("SPACE_HOST")])]
    address = os.environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if hosts else "127.0.0.1")
    names = allowed_names(address, *hosts)

    @asynccontextmanager
    async def check_hosts(app: Any) -> AsyncIterator[None]:
        app.middleware_stack = AllowedHosts(app.middleware_stack, names)
        yield

    async def answer_failure(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse(NO_FUNCTION, 500)

    page = build(tabs).queue(max_size=QUEUE)
    try:
        page.launch(
            theme=page_theme(),
            css=CSS,
            head=HEAD,
            max_file_size=UPLOAD,
            footer_links=["api"],
            server_name=address,
            server_port=port,
            auth=visitors,
            share=share,
            app_kwargs={"lifespan": check_hosts, "exception_handlers": {Exception: answer_failure}},
            prevent_thread_lock=True,
            quiet=True,
            # Gradio would wait three seconds for its own page. On a busy machine it would then advise share=True.
            _frontend=False,
        )
    except OSError as error:
        tried = port or os.environ.get("GRADIO_SERVER_PORT") or "7860 to 7959"
        message = f"expected a free port, got {tried}, where nothing can be opened; choose another with --port"
        raise ValueError(message) from error
    if share and not page.share_url:
        page.close()
        raise ValueError(
            "--share: expected a connection to gradio's server, got none; check the network, or leave it out"
        )
    if page.share_url:
        names.update(allowed_names(str(urlsplit(page.share_url).hostname)))
    return page


def main(
    port: int | None = None,
    hosts: Sequence[str] = (),
    auth: Sequence[str] = (),
    share: bool = False,
    tabs: Sequence[str] = tuple(TABS),
) -> None:
    """Start the page and keep it open until the process is stopped.

    Args:
        port: Port of the server, see `start_page`.
        hosts: Further host names, see `start_page`.
        auth: Logins, see `start_page`.
        share: Whether to open a public link, see `start_page`.
        tabs: Names of the tabs, see `start_page`.

    Raises:
        ValueError: As `start_page`.
    """
    limit_arenas()
    # Gradio sends a request to its own server at the start. That request must not go through a proxy.
    for variable in ("NO_PROXY", "no_proxy"):
        os.environ[variable] = ",".join(filter(None, [os.environ.get(variable), "localhost,127.0.0.1"]))
    if threading.current_thread() is threading.main_thread():
        # SIGTERM then ends the page as Ctrl-C does, and its files are deleted.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    with sessions.process_folder():
        page = start_page(port, hosts, auth, share, tabs)
        print(f"* Running on local URL:  http://{page.server_name}:{page.server_port}", flush=True)
        if page.share_url:
            print(f"* Public link: {page.share_url}", flush=True)
        page.block_thread()


if __name__ == "__main__":
    main()
