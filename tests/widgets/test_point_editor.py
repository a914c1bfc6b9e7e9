"""The point editor of a notebook: the browser's events, and what is sent back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facekit.widgets import PointEditor

NAMES = ["left_eye", "right_eye", "nose_tip", "left_mouth_corner", "right_mouth_corner"]


@pytest.fixture
def images() -> list[np.ndarray]:
    return [np.random.default_rng(i).integers(0, 256, (60, 80, 3), np.uint8) for i in range(3)]


def test_events_of_the_browser(images: list[np.ndarray]) -> None:
    editor = PointEditor(images, NAMES)

    def event(kind: str, *values: Any, index: int | None = None) -> None:
        index = editor.index if index is None else index
        editor._handle_custom_msg({"type": kind, "index": index, "values": list(values)}, [])

    event("place", 5, 6)
    event("move", 0, 7.5, 8)
    event("place", 9, 9, index=1)
    assert editor.points[0, 0].tolist() == [7.5, 8] and editor.points[1, 0].tolist() == [9, 9]
    event("go", 2)
    assert editor.index == 2
    event("select", 3)
    event("place", 1, 2)
    assert editor.points[2, 3].tolist() == [1, 2]
    event("place", 500, 2)
    assert "expected a place in the image of 80 x 60, got (500, 2)" in editor._state["text"]
    event("launch")
    event("undo")
    assert np.isnan(editor.points[2]).all()


def test_calls_and_clicks_change_the_same_labels(images: list[np.ndarray]) -> None:
    editor = PointEditor(images, NAMES)
    editor.place(20, 25)
    assert editor._state["text"] == "Image 1 of 3 · click the right eye · 1 of 5 points"
    assert editor._state["points"][0] == [20, 25]
    first = editor._image
    editor.go(1)
    assert editor._image != first and editor._state["index"] == 1
