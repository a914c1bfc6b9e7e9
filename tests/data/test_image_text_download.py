"""Images of a listing are downloaded from a server on this machine."""

from __future__ import annotations

import csv
import http.server
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from facekit.__main__ import main
from facekit.data.image_text import PairPool
from facekit.data.image_text import download as downloading
from facekit.data.image_text.download import fetch
from facekit.data.synthetic_faces.generator import GeneratedFaces


class Site(http.server.BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012
    image = b""

    def do_GET(self) -> None:
        Site.asked.append(self.path)
        if (self.path == "/flaky" and Site.asked.count("/flaky") < 2) or self.path == "/down":
            self.send_error(503)
        elif self.path == "/gone":
            self.send_error(404)
        else:
            self.send_response(200)
            if self.path == "/refused":
                self.send_header("X-Robots-Tag", "img2dataset: noai, noarchive")
            length = len(Site.image) + (50 if self.path == "/short" else 0)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(Site.image)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    faces = GeneratedFaces(seed=11, size=160, yaw=(-8, 8), framing=2.3)
    file = io.BytesIO()
    Image.fromarray(faces.batch([1], want=("image",))["image"][0].permute(1, 2, 0).numpy()).save(file, "JPEG")
    Site.image, Site.asked = file.getvalue(), []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_fetching_is_patient_within_limits(site: str) -> None:
    assert fetch(f"{site}/good") == fetch(f"{site}/flaky", wait=0.01) == Site.image
    for path, says, times in (
        ("/gone", "404", 1),
        ("/down", "503", 3),
        ("/short", "expected .* bytes, got", 3),
        ("/refused", "noai", 1),
    ):
        with pytest.raises(OSError, match=says):
            fetch(site + path, wait=0.01)
        assert Site.asked.count(path) == times
    with pytest.raises(OSError, match="larger than 100 bytes"):
        fetch(f"{site}/good", limit=100)
    with pytest.raises(OSError, match="not complete after"):
        fetch(f"{site}/good", whole_time=-1)
    for nonsense in ("http://", "http://[", "http://127.0.0.1:1/"):
        with pytest.raises(OSError):  # noqa: PT011
            fetch(nonsense, retries=0)


def test_downloads_that_fail_are_named_and_not_fatal(
    tmp_path: Path, site: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(downloading.time, "sleep", lambda seconds: None)
    rows = [(f"{site}/{name}", f"about {name}") for name in ("good", "gone", "down", "also")]
    listing = tmp_path / "l.csv"
    listing.write_text("\n".join(",".join(row) for row in [("URL", "TEXT"), *rows]))
    assert main(["shard", str(listing), "--download", "--out", str(tmp_path / "out"), "--json"]) == 0
    got = json.loads(capsys.readouterr().out)
    assert (got["pairs"], got["failed"]) == (2, 2)
    assert [PairPool(tmp_path / "out")[i].text for i in range(2)] == ["about good", "about also"]
    reasons = dict(csv.reader(Path(got["failures"]).open()))  # noqa: SIM115
    assert "404" in reasons[f"{site}/gone"] and "503" in reasons[f"{site}/down"]


class Redirects(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", self.path[1:])
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/a", "data:text/plain,a"])
def test_only_the_web_is_fetched(target: str) -> None:
    """L3: neither an address nor a redirect may lead to files and services of this machine."""
    with pytest.raises(OSError, match="expected http or https"):
        fetch(target)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirects) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(OSError, match="expected http or https|302"):
            fetch(f"http://127.0.0.1:{server.server_address[1]}/{target}", retries=0)
        server.shutdown()
