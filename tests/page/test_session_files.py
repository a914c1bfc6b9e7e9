"""Uploads and drawings are deleted with the last visitor who has them; the page's own files stay."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio.state_holder import SessionState
from helpers.page_server import Visitor, running_page
from PIL import Image

import facekit
from facekit.page import endpoints
from facekit.page.page_blocks import PageBlocks
from facekit.results.types import ImageResult


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[gr.Blocks, Path]]:
    with running_page() as served:
        yield served


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo that no other test has; a drawing of it takes no time."""
    image = np.random.default_rng().integers(0, 255, (30, 40, 3)).astype(np.uint8)
    Image.fromarray(image).save(path := tmp_path / "visitor.png")
    monkeypatch.setattr(endpoints, "ready_result", lambda name, path: ImageResult(255 - image, image))
    return path


def files(folder: Path) -> set[Path]:
    """All files with content, but not those of sessions. Folders may be deleted meanwhile, which os.walk ignores."""
    found = {Path(place, name) for place, _, names in os.walk(folder) for name in names}
    return {path for path in found if _size(path)}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def soon(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_a_visitors_files_go_with_the_last_who_has_them(server: tuple[gr.Blocks, Path], photo: Path) -> None:
    page, folder = server
    before = files(folder)
    first, second = Visitor(page), Visitor(page)
    with first.present():
        with second.present():
            for visitor in (first, second):
                assert visitor.call("sketch", [visitor.upload(photo)])[0]
            shared = files(folder) - before
            assert {path.name for path in shared} == {"visitor.png", "image.png"}, (
                "the photo and its drawing, once each"
            )
        assert soon(lambda: second.session not in page.state_holder.session_data)
        assert files(folder) - before == shared, "the first visitor still has them"
    assert soon(lambda: files(folder) == before)


def test_the_pages_own_photos_stay(server: tuple[gr.Blocks, Path]) -> None:
    page, folder = server
    before, visitor = files(folder), Visitor(page)
    assert any(path.suffix == ".jpg" for path in before), "the sample faces"
    with visitor.present():
        assert visitor.call("take_sample", [], {"index": 0, "value": None})[0]
    assert soon(lambda: visitor.session not in page.state_holder.session_data)
    assert files(folder) == before


def test_what_is_written_after_a_visitor_has_left_goes_too(
    server: tuple[gr.Blocks, Path], photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, folder = server
    before, real = files(folder), endpoints.ready_result
    began: list[bool] = []

    def slow(name: str, path: str) -> Any:
        began.append(True)
        assert soon(lambda: visitor.session not in page.state_holder.session_data)
        return real(name, path)

    monkeypatch.setattr(endpoints, "ready_result", slow)
    visitor = Visitor(page)
    with visitor.present():
        visitor.join("sketch", [visitor.upload(photo)])
        assert soon(lambda: bool(began))
    assert soon(lambda: files(folder) == before)
    assert visitor.session not in page.state_holder.session_data


def test_any_failure_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with PageBlocks() as page:
        field = gr.Textbox()
        field.submit(lambda text: 1 / 0, field, field, api_name="fails")
        field.submit(lambda text: facekit.load_image(text), field, field, api_name="tells")
    for name in ("fails", "tells"):
        function = next(fn for fn in page.fns.values() if fn.api_name == name)
        with pytest.raises(gr.Error, match=r"cannot be processed \((ZeroDivision|Image)Error\); reload the page"):
            asyncio.run(page.process_api(function, ["no such file"], state=SessionState(page)))
