"""The page answers known hosts only over HTTP, and a session ends with its visitor."""

from __future__ import annotations

import contextlib
import copy
import gc
import os
import runpy
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import numpy as np
import pytest
from helpers.page_server import Visitor, free_port, running_page

import facekit
from facekit.labelling import PointLabels
from facekit.page import app, own_model_tab
from facekit.page.app import start_page
from facekit.page.hosts import logins
from facekit.page.label_sheet import POINT_NAMES, POINTS, Sheet, names_in
from facekit.results.faces import Faces

STEPS = 1000


class Model:
    """Stands for a trained model: a file of a megabyte."""

    task = SimpleNamespace(name="landmarks")

    def save(self, path: Path) -> None:
        path.write_bytes(bytes(1_000_000))


class Training:
    """Takes the place of `facekit.adapt`: counts its steps. `short` ends at once."""

    def __init__(self) -> None:
        self.steps, self.started, self.short = 0, 0, False
        self.models: list[weakref.ref[Model]] = []

    def __call__(self, *data: Any, progress: Callable[[int, int, dict[str, float]], None], **settings: Any) -> Model:
        self.started += 1
        for step in range(2 if self.short else STEPS):
            time.sleep(0.01)
            self.steps += 1
            progress(step + 1, STEPS, {"loss": 1.0})
        self.models.append(weakref.ref(model := Model()))
        return model

    def wait(self, condition: Callable[[], bool], seconds: float = 30) -> bool:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            time.sleep(0.02)
        return condition()

    def still(self) -> bool:
        """Whether no step is made in half a second."""
        before = self.steps
        time.sleep(0.5)
        return self.steps == before


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[gr.Blocks, Path]]:
    with running_page() as served:
        yield served


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Training:
    made = Training()
    monkeypatch.setattr(facekit, "adapt", made)
    monkeypatch.setattr(facekit, "find_faces", lambda image: [])
    monkeypatch.setattr(facekit, "predict", lambda model, image: Faces([], image=image))
    sheet = Sheet()
    sheet.add(np.full((60, 80, 3), 90, np.uint8))
    points = [[[10, 20], [30, 20], [20, 40], [12, 50], [25, 50]]]
    sheet.set_labels(POINTS, PointLabels(sheet.images, names_in(POINT_NAMES), points))
    monkeypatch.setattr(own_model_tab, "example_faces", lambda: (copy.copy(sheet), sheet.images[0]))
    return made


def begin(page: gr.Blocks) -> Visitor:
    """A visitor who has loaded the example."""
    visitor = Visitor(page)
    success, outcome = visitor.call("load_example", [POINTS])
    assert success, outcome
    return visitor


def asked() -> list[Any]:
    """What the browser sends to `adapt`: its states, and the fields."""
    return [None, POINTS, None, None, False, 200, 20]


def test_only_known_names_are_answered(server: tuple[gr.Blocks, Path]) -> None:
    port = server[0].server_port

    def status(path: str = "/", method: str = "GET", **headers: str) -> int:
        return httpx.request(method, f"http://127.0.0.1:{port}{path}", headers=headers).status_code

    assert status() == status(host=f"localhost:{port}") == 200
    assert status(host="LOCALHOST") == status(host=f"[::1]:{port}") == 200
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "localhost.evil.example", "[::1"):
        assert status(host=host) == 403, host
        assert status("/gradio_api/info", host=host) == 403
    assert status("/gradio_api/info", origin=f"http://localhost:{port}") == 200
    for origin in ("http://evil.example", "null", "https://localhost.evil.example", f"http://evil.example:{port}"):
        assert status("/gradio_api/info", origin=origin) == 403, origin
        assert status("/gradio_api/queue/join", "POST", origin=origin) == 403
    asks = {"access-control-request-method": "POST"}
    assert status("/gradio_api/queue/join", "OPTIONS", origin="http://evil.example", **asks) == 403
    refused = httpx.get(f"http://127.0.0.1:{port}/", headers={"host": "evil.example"}).text
    assert "facekit demo --host NAME" in refused and "\n" not in refused
    assert "access-control-allow-origin" not in refused


def test_a_training_stops_when_its_visitor_is_gone(server: tuple[gr.Blocks, Path], training: Training) -> None:
    gone, next_one = begin(server[0]), begin(server[0])
    gone.join("adapt", asked())
    for message in gone.messages():
        if message["msg"] == "progress" and training.steps > 3:
            break  # which closes the connection
    next_one.join("adapt", asked())
    waiting = next_one.messages()
    assert training.wait(lambda: training.started == 2), "the next visitor's training starts"
    assert training.steps < STEPS, "before the first has made all its steps"
    assert next(waiting)
    waiting.close()
    assert training.wait(training.still)


def test_a_closed_tab_stops_its_training(server: tuple[gr.Blocks, Path], training: Training) -> None:
    visitor = begin(server[0])
    with visitor.present():
        visitor.join("adapt", asked())
        assert training.wait(lambda: training.steps > 3)
    assert training.wait(training.still) and training.steps < STEPS


def test_the_stop_button(server: tuple[gr.Blocks, Path], training: Training) -> None:
    visitor, presses = begin(server[0]), Visitor(server[0])
    event = visitor.join("adapt", asked())
    assert training.wait(lambda: training.steps > 3)
    assert presses.call("adapt_stop", [])[0] and not training.still(), "another session's button stops nothing"
    presses.session = visitor.session
    presses.join("adapt_stop", [])
    ended = [m for m in visitor.messages() if m["msg"] == "process_completed" and m["event_id"] == event]
    assert not ended[0]["success"] and "stopped after" in ended[0]["output"]["error"]
    assert training.steps < STEPS and training.still()
    training.short = True
    assert visitor.call("adapt", asked())[0], "the next training is not stopped"


def models_in(folder: Path) -> set[Path]:
    """Return the models in a folder. A session that is deleted in the meantime is looked at again."""
    for _ in range(100):
        with contextlib.suppress(FileNotFoundError):
            return set(folder.rglob("mine.facekit"))
        time.sleep(0.05)
    raise AssertionError(f"{folder} changes all the time")


def test_files_and_models_go_with_their_session(server: tuple[gr.Blocks, Path], training: Training) -> None:
    page, folder = server
    training.short = True
    others, visitor = begin(page), begin(page)
    assert others.call("adapt", asked())[0]
    kept = models_in(folder)
    with visitor.present():
        for _ in range(3):
            success, outcome = visitor.call("adapt", asked())
            assert success
            button = outcome[5]
        fetched = httpx.get(button["value"]["url"])
        assert fetched.status_code == 200 and len(fetched.content) == 1_000_000
        assert len(models_in(folder) - kept) == 3, "one file for each model, no copies"
    assert training.wait(lambda: models_in(folder) == kept), "another visitor's stay"
    gc.collect()
    assert training.wait(lambda: gc.collect() >= 0 and all(ref() is None for ref in training.models[1:]))
    assert training.models[0]() is not None
    assert visitor.session not in page.state_holder.session_data


def test_a_large_text_is_refused_at_once(server: tuple[gr.Blocks, Path]) -> None:
    names = ",".join(f"p{i}" for i in range(100_000))
    visitor, begun = Visitor(server[0]), time.monotonic()
    for text, said in ((names, "expected at most 10,000 characters"), (",".join("ab" * 201), "at most 200 names")):
        success, message = visitor.call("rename", [None, POINTS, text, "skin"])
        assert not success and said in message
    success, message = visitor.call("match", [None, names])
    assert not success
    assert time.monotonic() - begun < 40  # it takes a tenth of a second


SCRIPT = """
import signal
import time
from facekit.page import sessions
with sessions.process_folder() as folder:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sessions.new_file("mine.facekit").write_bytes(bytes(1000))
    try:
        print(folder, flush=True)  # the signal may follow at once
        for _ in range(600):
            time.sleep(0.1)  # a signal just before a long sleep would be seen after it
    except KeyboardInterrupt:
        pass
"""


def started(temporary: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process with a session's file, and its folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "GRADIO_TEMP_DIR": str(temporary)},
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    assert len(list(folder.rglob("mine.facekit"))) == 1
    return process, folder


@pytest.mark.slow
def test_sigterm_deletes_files_and_a_killed_page_leaves_them_to_the_next(tmp_path: Path) -> None:
    killed, left = started(tmp_path)
    living, kept = started(tmp_path)
    killed.kill()
    killed.wait(20)
    assert left.is_dir()
    ended, folder = started(tmp_path)
    assert not left.exists(), "its process is dead"
    assert kept.is_dir(), "its process lives"
    for process, own in ((ended, folder), (living, kept)):
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0 and not own.exists()
    assert not list(tmp_path.iterdir())


def test_a_busy_machine_is_no_reason_for_a_public_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gr.networking, "url_ok", lambda url: False)  # no answer within three seconds
    with running_page() as (page, _):
        assert httpx.get(page.local_url).status_code == 200 and not page.share
        taken = page.server_port
        with pytest.raises(ValueError, match=f"expected a free port, got {taken}, .* choose another with --port"):
            start_page(taken)


def test_hosts_that_the_user_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_HOST", "me-faces.hf.space")
    page = start_page(free_port(), ["My-PC.local"])
    try:
        address = f"http://127.0.0.1:{page.server_port}/"
        for host, status in (
            ("my-pc.LOCAL:80", 200),
            ("me-faces.hf.space", 200),
            ("localhost", 200),
            ("other.local", 403),
            ("0.0.0.0", 403),
        ):
            assert httpx.get(address, headers={"host": host}).status_code == status, host
        assert page.server_name == "0.0.0.0", "others can reach it"
    finally:
        page.close()


def test_a_login_is_asked_for_and_its_text_stays_secret() -> None:
    page = start_page(free_port(), auth=["ann:a:b"], tabs=["In the wild"])
    try:
        address = f"http://127.0.0.1:{page.server_port}"
        assert httpx.get(f"{address}/gradio_api/info").status_code == 401
        for password, status in (("a:b", 200), ("a", 400)):
            login = httpx.post(f"{address}/login", data={"username": "ann", "password": password})
            assert login.status_code == status
    finally:
        page.close()
    for text in ("secret", ":secret", "secret:"):
        with pytest.raises(ValueError, match="expected NAME:PASSWORD, got something else as login 2") as raised:
            logins(["ann:a", text])
        assert "secret" not in str(raised.value)
    assert logins([]) is None


def test_no_connection_for_a_public_link(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**options: Any) -> str:
        raise RuntimeError("no network")

    monkeypatch.setattr(gr.networking, "setup_tunnel", fail)
    with pytest.raises(ValueError, match="--share: expected a connection"):
        start_page(port := free_port(), share=True, tabs=["In the wild"])
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/")


def test_a_public_link_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gr.networking, "setup_tunnel", lambda **options: "https://abc.gradio.live")
    page = start_page(free_port(), share=True, tabs=["In the wild"])
    try:
        address = f"http://127.0.0.1:{page.server_port}/gradio_api/info"
        for host, status in (("abc.gradio.live", 200), ("other.gradio.live", 403)):
            assert httpx.get(address, headers={"host": host}).status_code == status
    finally:
        page.close()


@pytest.mark.parametrize("name", ["fsma", "pftgan", "synthparse", "farl", "app"])
def test_the_pages_of_the_papers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(app, "main", lambda **options: asked.append(options))
    runpy.run_path(str(Path(__file__).parents[2] / "demos" / f"{name}.py"), run_name="__main__")
    tabs = asked[0].get("tabs", tuple(app.TABS))
    assert [block.label for block in app.build(tabs).blocks.values() if isinstance(block, gr.Tab)][:1] == [tabs[0]]


@pytest.mark.slow
def test_the_command_starts_and_ends_the_page(tmp_path: Path) -> None:
    port = free_port()
    proxy = "http://127.0.0.1:9"
    proxied = {"http_proxy": proxy, "HTTP_PROXY": proxy, "GRADIO_TEMP_DIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "facekit", "demo", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, **proxied},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert f"Running on local URL:  http://127.0.0.1:{port}" in line, line + process.stdout.read()
    assert len(list(tmp_path.glob("facekit-page-*"))) == 1
    assert httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 200
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and "share" not in rest, rest
    assert not list(tmp_path.glob("facekit-page-*"))
