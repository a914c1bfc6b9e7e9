"""Points are clicked, moved, mirrored, undone and saved as arrays that `adapt` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facekit.annotations import read_labels
from facekit.widgets import PointEditor
from facekit.widgets.mirror_axis import mirror_missing

NAMES = ["left_eye", "right_eye", "nose_tip", "left_mouth_corner", "right_mouth_corner"]


@pytest.fixture
def images() -> list[np.ndarray]:
    return [np.random.default_rng(i).integers(0, 256, (60, 80, 3), np.uint8) for i in range(3)]


def event(editor: Any, kind: str, *values: Any, index: int | None = None) -> None:
    """What the browser sends."""
    index = editor.index if index is None else index
    editor._handle_custom_msg({"type": kind, "index": index, "values": list(values)}, [])


def test_points_are_set_in_order(images: list[np.ndarray]) -> None:
    editor = PointEditor(images, NAMES)
    assert editor.points.shape == (3, 5, 2) and np.isnan(editor.points).all() and editor.labelled == []
    assert editor._state["text"] == "Image 1 of 3 · click the left eye · 0 of 5 points"
    editor.place(20, 25)
    editor.skip()
    editor.place(40.5, 35)
    assert editor.points[0, :3].tolist()[0] == [20, 25] and np.isnan(editor.points[0, 1]).all()
    assert editor.points[0, 2].tolist() == [40.5, 35] and editor._state["points"][1] is None
    for x in (30, 50, 60):
        editor.place(x, 45)
    assert editor.points[0, 1].tolist() == [60, 45], "the skipped point is last"
    with pytest.raises(ValueError, match="all points are set"):
        editor.place(1, 1)
    editor.go(1)
    assert editor._state["current"] == 0 and editor.labelled == [0]
    chosen, points = editor.labels()
    assert len(chosen) == 1 and points.shape == (1, 5, 2) and np.isfinite(points).all()


def test_undo_gives_back_every_state(images: list[np.ndarray]) -> None:
    editor = PointEditor(images, NAMES)
    states = [editor.points]
    editor.place(20, 25)
    states.append(editor.points)
    editor.move("left_eye", 22, 26)
    states.append(editor.points)
    editor.go(2)
    editor.place(10, 10)
    states.append(editor.points)
    editor.clear()
    for expected in reversed(states):
        editor.undo()
        np.testing.assert_array_equal(editor.points, expected)
    assert editor.index == 0 and editor.labelled == [] and editor._state["current"] == 0
    editor.undo()
    assert not editor._state["undo"]


def test_mirror_uses_the_axis_of_the_face(images: list[np.ndarray]) -> None:
    editor = PointEditor(images, NAMES)
    for x, y in ((20, 20), (50, 20)):
        editor.place(x, y)
    editor.move("left_mouth_corner", 25, 40)
    editor.mirror()
    assert editor.points[0, 4].tolist() == [45, 40]
    assert np.isnan(editor.points[0, 2]).all(), "the nose has no partner"
    assert editor._state["current"] == 2
    editor.undo()
    assert np.isnan(editor.points[0, 4]).all()


@pytest.mark.parametrize("degrees", [0, 20, -35])
def test_mirror_of_a_tilted_face(degrees: float) -> None:
    straight = np.array([[-10, 0], [10, 0], [0, 8], [-6, 15], [6, 15]], np.float32)
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    whole = (straight @ turn.T + 40).astype(np.float32)
    flip = (1, 0, 2, 4, 3)
    for missing in (0, 1, 3, 4):
        points = whole.copy()
        points[missing] = np.nan
        np.testing.assert_allclose(mirror_missing(points, flip, 80), whole, atol=1e-4)


def test_mirror_with_little_to_go_by() -> None:
    """Without a complete pair the axis is vertical."""
    nan = [np.nan, np.nan]
    one = np.array([[20, 10], nan], np.float32)
    np.testing.assert_allclose(mirror_missing(one, (1, 0), 81)[1], [60, 10])
    nose = np.array([[20, 10], nan, [30, 20]], np.float32)
    np.testing.assert_allclose(mirror_missing(nose, (1, 0, 2), 81)[1], [40, 10])


def test_events_of_the_browser(images: list[np.ndarray]) -> None:
    editor = PointEditor(images, NAMES)
    event(editor, "place", 5, 6)
    event(editor, "move", 0, 7.5, 8)
    event(editor, "place", 9, 9, index=1)
    assert editor.points[0, 0].tolist() == [7.5, 8] and editor.points[1, 0].tolist() == [9, 9]
    event(editor, "go", 2)
    assert editor.index == 2
    event(editor, "select", 3)
    event(editor, "place", 1, 2)
    assert editor.points[2, 3].tolist() == [1, 2]
    event(editor, "place", 500, 2)
    assert "expected a place in the image of 80 x 60, got (500, 2)" in editor._state["text"]
    event(editor, "launch")
    event(editor, "undo")
    assert np.isnan(editor.points[2]).all()


def test_proposal_of_a_ready_model_is_converted() -> None:
    from facekit.data import samples

    editor = PointEditor([samples().images[0]], "5", model="landmarks")
    editor.propose()
    truth = samples().landmarks[0, [samples().landmark_labels.index(n) for n in ("left_pupil", "right_pupil")]]
    assert np.abs(editor.points[0, :2] - truth).max() < 8
    with pytest.raises(ValueError, match="no model|got none"):
        PointEditor([samples().images[0]], "5").propose()


@pytest.mark.parametrize("format", ["labelme", "coco"])
def test_saved_labels_are_read_again(images: list[np.ndarray], tmp_path: Path, format: Any) -> None:
    Image.fromarray(images[1]).save(tmp_path / "mine.png")
    editor = PointEditor([images[0], tmp_path / "mine.png", images[2]], NAMES)
    for index in (0, 1):
        editor.go(index)
        for k in range(4):
            editor.place(10.25 + k, 20 + index)
    target = tmp_path / "labels" / "all.json" if format == "coco" else tmp_path / "labels"
    editor.save(target, format)
    editor.save(target, format)
    read = read_labels(target, "landmarks", names=NAMES)
    assert [Path(p).name for p in read.images] == ["image_000.png", "mine.png"]
    np.testing.assert_allclose(np.stack(list(read.labels)), editor.points[:2], atol=1e-3)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "labels" / "image_000.png")), images[0])


def test_images_of_others_are_not_replaced(images: list[np.ndarray], tmp_path: Path) -> None:
    editor = PointEditor(images, NAMES)
    with pytest.raises(ValueError, match="at least one labelled image"):
        editor.save(tmp_path)
    editor.place(1, 1)
    Image.fromarray(images[1]).save(tmp_path / "image_000.png")
    with pytest.raises(ValueError, match="expected a folder without image_000.png"):
        editor.save(tmp_path)


def test_wrong_arguments(images: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="expected 3 labels, got 2"):
        PointEditor(images, NAMES, np.zeros((2, 5, 2)))
    with pytest.raises(ValueError, match=r"image 0: expected points \(5, 2\), got \(4, 2\)"):
        PointEditor(images, NAMES, np.zeros((3, 4, 2)))
    editor = PointEditor(images, NAMES)
    with pytest.raises(ValueError, match="expected an index below 5 or a name"):
        editor.move("chin", 1, 1)
    with pytest.raises(ValueError, match="expected a place in the image"):
        editor.place(-3, 1)
