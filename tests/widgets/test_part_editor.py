"""The part editor of a notebook: the browser's events, and what is sent back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facekit.widgets import PartEditor

NAMES = ["background", "hair", "mouth"]


@pytest.fixture
def images() -> list[np.ndarray]:
    return [np.random.default_rng(i).integers(0, 256, (60, 80, 3), np.uint8) for i in range(2)]


def test_events_of_the_browser(images: list[np.ndarray]) -> None:
    editor = PartEditor(images, NAMES)

    def event(kind: str, *values: Any, index: int = 0) -> None:
        editor._handle_custom_msg({"type": kind, "index": index, "values": list(values)}, [])

    before = editor._overlay
    event("brush", [[20, 20], [30, 25]], 8, 1)
    event("polygon", [[50, 40], [70, 40], [60, 55]], 2, index=1)
    assert editor._overlay.startswith("data:image/png;base64,") and editor._overlay != before
    assert [sorted(np.unique(mask)) for mask in editor.masks] == [[0, 1], [0, 2]] and editor.index == 1
    event("brush", [[20, 20]], 8, 7, index=1)
    assert "expected a class from 0 to 2, got 7" in editor._state["text"]
    event("polygon", [[1, 1], [2, 2]], 1, index=1)
    assert "at least 3" in editor._state["text"]


def test_only_another_image_is_sent_again(images: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    editor = PartEditor(images, NAMES)
    sent = editor._image
    monkeypatch.setattr(editor, "shown_image", lambda: images[0][:9, :9])
    editor.fill(3, 3, "hair")
    assert editor._image == sent
    editor.go(1)
    assert editor._image != sent and repr(editor) == "PartEditor(1 of 2 images labelled)"
