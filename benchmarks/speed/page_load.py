"""Measure the page under load, over HTTP as browsers use it, against the aims of its design.

    python -m benchmarks.speed.page_load [--clients 8] [--predictions 25]

The command starts `facekit demo` with a temporary folder of its own and prints, for each aim, what was measured:

- seconds from the command until the first page is answered
- a photo of 12 megapixels with four faces through all ready models: the second call, after the models are loaded
- clients who predict landmarks at the same time: lost answers, and growth of the server's memory
- the answer to a prediction while another visitor trains
- seconds until the training of a visitor who left does no more work, and this visitor's files that are left

Memory and work of the server are read from /proc, so the script needs Linux.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

import facekit

from .predict_photo import photo

FIRST_PAGE, WHOLE_PHOTO, DURING_TRAINING, STOP = 12.0, 4.0, 3.0, 5.0  # aims in seconds
GROWTH = 50.0  # MB of memory that count as flat
IDLE = 0.1  # cores: below this a server does no work
STEPS = 1000  # of the training
TICKS = os.sysconf("SC_CLK_TCK")


class Visitor:
    """One session of the page.

    Args:
        base: Address of the page.
    """

    def __init__(self, base: str) -> None:
        self.session = uuid.uuid4().hex
        self.client = httpx.Client(base_url=base, timeout=600)
        self.functions = {d["api_name"]: d["id"] for d in self.client.get("/config").json()["dependencies"]}

    def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """Upload a file and return what stands for it in a function's inputs."""
        answer = self.client.post("/gradio_api/upload", files={"files": (name, content)}).raise_for_status()
        return {"path": answer.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}

    def messages(self, function: str, data: list[Any]) -> Iterator[dict[str, Any]]:
        """Start a function and yield what the page says about it. Closing the iterator closes the connection."""
        body = {"data": data, "fn_index": self.functions[function], "session_hash": self.session, "trigger_id": None}
        event = self.client.post("/gradio_api/queue/join", json=body).raise_for_status().json()["event_id"]
        with self.client.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.session}) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    message = json.loads(line.removeprefix("data:"))
                    if message.get("event_id") == event:
                        yield message

    def call(self, function: str, data: list[Any]) -> bool:
        """Run a function and return whether it succeeded."""
        for message in self.messages(function, data):
            if message["msg"] == "process_completed":
                return bool(message["success"])
        return False

    @contextmanager
    def present(self) -> Iterator[None]:
        """Keep the connection open by which a browser's tab shows that it is open."""
        url = self.client.base_url
        with socket.create_connection((url.host, url.port), timeout=60) as connection:
            connection.sendall(f"GET /gradio_api/heartbeat/{self.session} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            while b"ALIVE" not in connection.recv(1000):
                pass
            yield


class Server:
    """A running `facekit demo`.

    Attributes:
        process: Its process.
        base: Its address.
        folder: Folder of its files.
        first_page: Seconds from the command until the first page was answered.
    """

    def __init__(self, folder: Path) -> None:
        """Start the page and wait for its first answer.

        Args:
            folder: An empty folder.
        """
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        begun = time.monotonic()
        self.base, self.folder = f"http://127.0.0.1:{port}", folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "facekit", "demo", "--port", str(port)],
            stdout=subprocess.DEVNULL,
            env={**os.environ, "GRADIO_TEMP_DIR": str(folder)},
        )
        while True:
            try:
                if httpx.get(self.base, timeout=60).status_code == 200:
                    break
            except httpx.TransportError:
                if self.process.poll() is not None:
                    raise
            time.sleep(0.05)
        self.first_page = time.monotonic() - begun

    def memory(self) -> float:
        """Return the resident memory in MB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def work(self) -> float:
        """Return the processor time so far, in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def files(self) -> set[Path]:
        """Return the files of the page that are not empty."""
        # os.walk leaves out folders that are deleted meanwhile.
        paths = [Path(folder, name) for folder, _, names in os.walk(self.folder) for name in names]
        return {path for path in paths if path.is_file() and os.path.getsize(path)}

    def seconds_until_idle(self, limit: float = 60) -> float:
        """Return the seconds until the server begins a second without work."""
        begun = time.monotonic()
        while (now := time.monotonic()) - begun < limit:
            before = self.work()
            time.sleep(1)
            if (self.work() - before) / (time.monotonic() - now) < IDLE:
                return now - begun
        return limit


def png(image: np.ndarray) -> bytes:
    """Return an image (H, W, 3) as a PNG file."""
    Image.fromarray(image).save(file := io.BytesIO(), "PNG", compress_level=1)
    return file.getvalue()


def report(what: str, measured: float, aim: float, unit: str) -> bool:
    """Print one line of the table and return whether the aim is met."""
    met = measured <= aim
    print(f"{what:58s} {measured:8.2f} {aim:8.1f} {unit:6s} {'met' if met else 'NOT MET'}", flush=True)
    return met


def predictions(server: Server, file: bytes, clients: int, each: int) -> tuple[int, float]:
    """Let clients predict at the same time.

    Args:
        server: The page.
        file: An image file.
        clients: Number of clients.
        each: Predictions of each client.

    Returns:
        Number of lost answers, and growth of the server's memory in MB.
    """

    def predict(count: int) -> int:
        visitor = Visitor(server.base)
        with visitor.present():
            image = visitor.upload("face.png", file)
            return sum(visitor.call("landmarks", [image]) for _ in range(count))

    with ThreadPoolExecutor(clients) as pool:
        sum(pool.map(predict, [2] * clients))
        before = server.memory()
        answered = sum(pool.map(predict, [each] * clients))
    return clients * each - answered, server.memory() - before


def training(server: Server, file: bytes, own_file: bytes) -> tuple[float, float, set[Path]]:
    """Let one visitor train and leave, while another predicts.

    Args:
        server: The page.
        file: An image file of the visitor who predicts.
        own_file: An image file of the visitor who trains.

    Returns:
        Seconds of the slowest of three predictions, seconds from leaving until the server is idle, and the files that
        are left of the visitor who trained.
    """
    before, trainer, other = server.files(), Visitor(server.base), Visitor(server.base)
    image = other.upload("face.png", file)
    assert other.call("landmarks", [image])
    known = server.files() - before
    reached, leaving = threading.Event(), threading.Event()

    def train() -> None:
        with trainer.present():
            own = trainer.upload("mine.png", own_file)
            assert trainer.call("sketch", [own])
            assert trainer.call("stylization_example", ["Pencil"])
            messages = trainer.messages("stylization_adapt", [None, None, None, "Face crop", STEPS])
            for message in messages:
                if message["msg"] == "progress" and message["progress_data"][0]["index"]:
                    reached.set()
                if leaving.is_set():
                    break
            messages.close()

    thread = threading.Thread(target=train)
    thread.start()
    assert reached.wait(300), "expected a training, got no progress"
    slowest = 0.0
    for _ in range(3):
        begun = time.monotonic()
        assert other.call("landmarks", [image])
        slowest = max(slowest, time.monotonic() - begun)
    leaving.set()
    thread.join()
    idle = server.seconds_until_idle()
    return slowest, idle, server.files() - before - known


def main() -> None:
    """Run the benchmark from the command line. The exit status is 1 if an aim is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--predictions", type=int, default=25, help="of each client")
    options = parser.parse_args()
    face, another = (png(image) for image in facekit.data.samples().images[4:6])
    with tempfile.TemporaryDirectory() as folder:
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print(f"{'':58s} {'measured':>8s} {'aim':>8s}")
        server = Server(Path(folder))
        try:
            met = [report("first page after the command", server.first_page, FIRST_PAGE, "s")]
            visitor = Visitor(server.base)
            image = visitor.upload("photo.png", png(photo()))
            assert visitor.call("analyse_json", [image])
            begun = time.monotonic()
            assert visitor.call("analyse_json", [image])
            met.append(report("12 megapixels, all ready models", time.monotonic() - begun, WHOLE_PHOTO, "s"))
            lost, growth = predictions(server, face, options.clients, options.predictions)
            what = f"{options.clients} clients x {options.predictions} predictions"
            met.append(report(f"{what}: lost", lost, 0, ""))
            met.append(report(f"{what}: growth of memory", growth, GROWTH, "MB"))
            slowest, idle, left = training(server, face, another)
            met.append(report("prediction while another visitor trains", slowest, DURING_TRAINING, "s"))
            met.append(report("training of a visitor who left still works for", idle, STOP, "s"))
            met.append(report("files that are left of this visitor", len(left), 0, ""))
            for path in left:
                print(f"    {path.relative_to(folder)}")
        finally:
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(60)
        met.append(report("files that are left after the end of the page", len(server.files()), 0, ""))
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
