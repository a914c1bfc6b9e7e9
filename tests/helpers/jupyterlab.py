"""A real JupyterLab in Chromium: start the server, run cells, click on canvases."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat

FOLDERS = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
# All cells stay in the page, also those out of sight.
TRACKER = "lab/user-settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings"


@contextmanager
def running_lab(folder: Path) -> Iterator[str]:
    """JupyterLab on the files of a folder, with settings of its own. Yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = folder / ".jupyter"
    (home / TRACKER).parent.mkdir(parents=True)
    (home / TRACKER).write_text(json.dumps({"windowingMode": "none"}))
    own = {f"JUPYTER_{name}": str(home / name.lower()) for name in FOLDERS}
    own |= {"JUPYTERLAB_SETTINGS_DIR": str(home / "lab/user-settings"), "IPYTHONDIR": str(home / "ipython")}
    own |= {"JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces")}
    options = f"--no-browser --allow-root --ServerApp.port={port} --ServerApp.ip=127.0.0.1 --IdentityProvider.token="
    command = [sys.executable, "-m", "jupyterlab", *options.split(), f"--ServerApp.root_dir={folder}"]
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log, cwd=folder)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, (folder / "lab.log").read_text()
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(30)


class OpenNotebook:
    """A notebook that is open in JupyterLab."""

    def __init__(self, page: Any, address: str, file: Path, cells: Sequence[str]) -> None:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, file)
        self.page = page
        page.goto(f"{address}/lab/tree/{file.name}?reset")
        page.wait_for_selector(".jp-CodeCell", timeout=120_000)
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=120_000)
        # The indicator starts as idle, before the kernel is connected. A cell that is run then is never executed.
        page.locator("#jp-bottom-panel").get_by_text("| Idle").wait_for(timeout=120_000)

    def cell(self, number: int) -> Any:
        return self.page.locator(".jp-CodeCell").nth(number)

    def run(self, number: int) -> str:
        """Execute a cell and wait for its end. Returns the text of its output."""
        cell = self.cell(number)
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        prompt = cell.locator(".jp-InputPrompt").first
        deadline = time.monotonic() + 300
        while not re.search(r"\[\d+\]", prompt.inner_text()):
            assert time.monotonic() < deadline, f"cell {number} takes too long"
            time.sleep(0.1)
        assert not cell.locator("[data-mime-type='application/vnd.jupyter.stderr'] >> text=Traceback").count()
        return cell.locator(".jp-Cell-outputArea").inner_text()

    def button(self, number: int, text: str) -> None:
        self.cell(number).get_by_role("button", name=text, exact=True).click()

    def text(self, number: int, expected: str) -> None:
        """Wait until a widget shows a text."""
        self.cell(number).get_by_text(expected).first.wait_for(timeout=30_000)

    def drag(self, number: int, path: Sequence[tuple[float, float]], side: int) -> None:
        """Press the mouse at a place of the canvas, move it along a path and release it. One place is a click.

        Args:
            number: The cell.
            path: Places (x, y) in pixels of the image.
            side: Width of the image in pixels.
        """
        canvas = self.cell(number).locator("canvas")
        canvas.scroll_into_view_if_needed()
        box, mouse = canvas.bounding_box(), self.page.mouse
        left, top, scale = box["x"], box["y"], box["width"] / side
        places = [(left + float(x + 0.5) * scale, top + float(y + 0.5) * scale) for x, y in path]
        mouse.move(*places[0])
        mouse.down()
        for place in places[1:]:
            mouse.move(*place, steps=6)
        mouse.up()
