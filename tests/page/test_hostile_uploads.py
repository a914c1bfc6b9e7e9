"""Every hostile upload and request gets one sentence from the running page, over HTTP (cases M8 to M9, H5, L3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
from helpers.hostile_files import BAD
from helpers.page_server import Visitor, running_page

from facekit.images.reader import ImageError, load_image
from facekit.page.app import NO_FUNCTION
from facekit.page.limits import read_photo
from facekit.page.page_blocks import FOREIGN_PATH
from facekit.page.parsing_tab import PLAIN
from facekit.page.parts_model import TUNED

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "how-to" / "page.md").read_text(encoding="utf-8").splitlines()
STRANGE = r"expected input from the fields of this page, got input that cannot be processed \(\w+\); reload the page"


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    with running_page() as (page, _):
        yield Visitor(page)


def sentence(answer: tuple[bool, Any]) -> str:
    """The error of a call, which must be one sentence and not the bare word."""
    success, told = answer
    assert not success and isinstance(told, str) and "\n" not in told and len(told.split()) > 4, answer
    return told


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", BAD)
def test_a_hostile_upload_gets_the_sentence_of_the_documentation(name: str, visitor: Visitor, tmp_path: Path) -> None:
    (path := tmp_path / name).write_bytes(BAD[name])
    with pytest.raises(ImageError):
        load_image(path)
    with pytest.raises(ImageError) as reason:
        read_photo(str(path))  # its limit of pixels is lower
    text = str(reason.value)
    file = visitor.upload(path)
    calls: dict[str, list[Any]] = {"landmarks": [file], "parts": [file, "Photo", 0.5, PLAIN, None]}
    for function, inputs in (calls | {"match": [file, "a\nb"], "analyse_json": [file]}).items():
        assert sentence(visitor.call(function, inputs)) == text and name in text
    documented = next(line for line in DOCUMENTED if f"`{name}`" in line).split(" | ")[1].removesuffix(" |")
    # Pillow's own words in parentheses change with its versions.
    got, expected = (re.sub(r" \(.*\)", "", told) for told in (text.removeprefix(f"{name}: "), documented))
    if name != "cut.heic" or find_spec("pillow_heif"):
        assert got == expected, "docs/how-to/page.md has another sentence"


@pytest.mark.parametrize("name", BAD)
def test_hostile_models_generators_and_labels(name: str, visitor: Visitor, tmp_path: Path) -> None:
    (path := tmp_path / name).write_bytes(BAD[name])
    file = visitor.upload(path)
    for function, inputs in (
        ("predict_own", [file, None]),
        ("load_own", [file]),
        ("generator", [file, None]),
        ("compare", [file, "Points", ["fsma"], "1", 1]),
        ("label_adapter", [file, 20]),
    ):
        told = sentence(visitor.call(function, inputs))
        assert name in told and "/tmp" not in told, function


def photo_path(path: str) -> dict[str, Any]:
    return {"path": path, "orig_name": "a.png", "meta": {"_type": "gradio.FileData"}}


REQUESTS: dict[str, tuple[str, list[Any], str]] = {
    "a file of the machine": ("landmarks", [photo_path("/etc/passwd")], re.escape(FOREIGN_PATH)),
    "an address instead of a file": ("landmarks", [photo_path("http://127.0.0.1:1/a.png")], STRANGE),
    "a text instead of a file": ("landmarks", ["/etc/passwd"], STRANGE),
    "a number instead of a file": ("landmarks", [7], STRANGE),
    "no inputs": ("landmarks", [], STRANGE),
    "no image": ("landmarks", [None], "expected an image, got none; upload one first"),
    "another kind": ("parts", [None, "x", 0.5, PLAIN, None], "'x' .* is not in the list of choices"),
    "another model": ("parts", [None, "Photo", 0.5, "x", None], "'x' .* is not in the list of choices"),
    "another backbone": ("compare", [None, "Points", ["x"], "1", 1], "'x' .* is not in the list of choices"),
    "1,000,000,000 draws": ("compare", [None, "Points", ["fsma"], "1", 1e9], "is greater than maximum value 10"),
    "a text instead of a number": ("compare", [None, "Points", ["fsma"], "1", "x"], STRANGE),
    "200,000 characters": ("match", [None, "x," * 100_000], "expected at most 10,000 characters, got 200,000"),
    "3,000 names": ("one_shot_cost", [None, "ab," * 3000, TUNED, 300, None], "expected at most 60 names, got 3000"),
    "a click outside": ("take_sample", [], STRANGE),
    "variety of 1,000,000,000": ("generated_faces", [1, 1e9, None], "is greater than maximum value 1"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_hostile_request_gets_one_sentence(name: str, visitor: Visitor) -> None:
    function, inputs, told = REQUESTS[name]
    assert re.search(told, sentence(visitor.call(function, inputs)))


def unknown_function(base: str) -> httpx.Response:
    body = {"data": [], "fn_index": 99_999, "session_hash": "x", "trigger_id": None}
    return httpx.post(f"{base}/gradio_api/queue/join", json=body)


ANSWERS: dict[str, tuple[Callable[[str], httpx.Response], int, str]] = {
    "foreign file": (lambda base: httpx.get(f"{base}/gradio_api/file=/etc/passwd"), 403, "File not allowed"),
    "path to a folder above": (lambda base: httpx.get(f"{base}/gradio_api/file=../../etc/passwd"), 404, "Not Found"),
    "foreign host": (lambda base: httpx.get(base, headers={"host": "evil.example"}), 403, "expected one of the names"),
    "large upload": (
        lambda base: httpx.post(f"{base}/gradio_api/upload", files={"files": ("a.png", bytes(20_971_521))}, timeout=60),
        413,
        "File size exceeded maximum allowed size",
    ),
    "unknown function": (unknown_function, 500, NO_FUNCTION),
    "no JSON": (lambda base: httpx.post(f"{base}/gradio_api/queue/join", content=b"["), 422, "valid dictionary"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_hostile_address_gets_one_sentence(name: str, visitor: Visitor) -> None:
    ask, status, told = ANSWERS[name]
    answer = ask(f"http://127.0.0.1:{visitor.page.server_port}")
    assert answer.status_code == status and told in answer.text
    assert "Traceback" not in answer.text and "root:" not in answer.text
