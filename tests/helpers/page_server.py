"""The page's own server for tests, and visitors who talk to it as browsers do."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import httpx

from facekit.page.app import start_page
from facekit.page.sessions import process_folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_page() -> Iterator[tuple[gr.Blocks, Path]]:
    """The page, and the folder of its files."""
    with process_folder() as folder:
        page = start_page(free_port())
        try:
            yield page, folder
        finally:
            page.close()


class Visitor:
    """One session of the page, over HTTP."""

    def __init__(self, page: gr.Blocks) -> None:
        self.page, self.session = page, uuid.uuid4().hex
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{page.server_port}/gradio_api", timeout=60)

    def function(self, name: str) -> int:
        return next(i for i, fn in self.page.fns.items() if fn.api_name == name)

    def upload(self, file: Path) -> dict[str, Any]:
        """A file, as the browser sends it: what then stands for it in a function's inputs."""
        answer = self.client.post("/upload", files={"files": (file.name, file.read_bytes())}).raise_for_status()
        return {"path": answer.json()[0], "orig_name": file.name, "meta": {"_type": "gradio.FileData"}}

    def join(self, name: str, data: list[Any], event_data: Any = None) -> str:
        """Starts a function. Returns the id of the event."""
        body = {"data": data, "fn_index": self.function(name), "session_hash": self.session, "trigger_id": None}
        body["event_data"] = event_data
        return self.client.post("/queue/join", json=body).raise_for_status().json()["event_id"]

    def messages(self) -> Iterator[dict[str, Any]]:
        """What the page says to this session, until the generator is closed."""
        with self.client.stream("GET", "/queue/data", params={"session_hash": self.session}) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    yield json.loads(line.removeprefix("data:"))

    def call(self, name: str, data: list[Any], event_data: Any = None) -> tuple[bool, Any]:
        """Whether a function succeeded, and what it gave: its outputs, or its message."""
        event = self.join(name, data, event_data)
        for message in self.messages():
            if message["msg"] == "process_completed" and message["event_id"] == event:
                output = message["output"]
                return message["success"], output["data"] if message["success"] else output["error"]
        raise AssertionError("the stream ended before the outcome")

    @contextmanager
    def present(self) -> Iterator[None]:
        """The connection by which a browser's tab shows that it is open."""
        with socket.create_connection(("127.0.0.1", self.page.server_port), timeout=20) as connection:
            connection.sendall(f"GET /gradio_api/heartbeat/{self.session} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            received = b""
            while b"ALIVE" not in received:
                received += connection.recv(1000)
            yield
