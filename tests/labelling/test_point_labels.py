"""Points are set, moved, mirrored, undone and saved as arrays that `adapt` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facekit.annotations import read_labels
from facekit.labelling import PointLabels
from facekit.labels import landmark_set
from facekit.results import Landmarks

NAMES = ["left_eye", "right_eye", "nose_tip", "left_mouth_corner", "right_mouth_corner"]


@pytest.fixture
def images() -> list[np.ndarray]:
    return [np.random.default_rng(i).integers(0, 256, (60, 80, 3), np.uint8) for i in range(3)]


def test_points_are_set_in_order(images: list[np.ndarray]) -> None:
    made = PointLabels(images, NAMES)
    assert made.points.shape == (3, 5, 2) and np.isnan(made.points).all() and made.labelled == []
    assert made.state()["text"] == "Image 1 of 3 · click the left eye · 0 of 5 points"
    made.place(20, 25)
    made.skip()
    made.place(40.5, 35)
    assert made.points[0, :3].tolist()[0] == [20, 25] and np.isnan(made.points[0, 1]).all()
    assert made.points[0, 2].tolist() == [40.5, 35] and made.state()["points"][1] is None
    for x in (30, 50, 60):
        made.place(x, 45)
    assert made.points[0, 1].tolist() == [60, 45], "the skipped point is last"
    with pytest.raises(ValueError, match="all points are set"):
        made.place(1, 1)
    made.go(1)
    assert made.state()["current"] == 0 and made.labelled == [0]
    chosen, points = made.labels()
    assert len(chosen) == 1 and points.shape == (1, 5, 2) and np.isfinite(points).all()


def test_undo_gives_back_every_state(images: list[np.ndarray]) -> None:
    made = PointLabels(images, NAMES)
    states = [made.points]
    made.place(20, 25)
    states.append(made.points)
    made.move("left_eye", 22, 26)
    states.append(made.points)
    made.go(2)
    made.place(10, 10)
    states.append(made.points)
    made.clear()
    for expected in reversed(states):
        made.undo()
        np.testing.assert_array_equal(made.points, expected)
    assert made.index == 0 and made.labelled == [] and made.state()["current"] == 0
    made.undo()
    assert not made.state()["undo"]


def test_mirror_uses_the_axis_of_the_face(images: list[np.ndarray]) -> None:
    made = PointLabels(images, NAMES)
    for x, y in ((20, 20), (50, 20)):
        made.place(x, y)
    made.move("left_mouth_corner", 25, 40)
    made.mirror()
    assert made.points[0, 4].tolist() == [45, 40]
    assert np.isnan(made.points[0, 2]).all(), "the nose has no partner"
    assert made.state()["current"] == 2
    made.undo()
    assert np.isnan(made.points[0, 4]).all()


def test_proposal_of_a_ready_model_is_converted() -> None:
    from facekit.data import samples

    made = PointLabels([samples().images[0]], "5", model="landmarks")
    made.propose()
    truth = samples().landmarks[0, [samples().landmark_labels.index(n) for n in ("left_pupil", "right_pupil")]]
    assert np.abs(made.points[0, :2] - truth).max() < 8
    with pytest.raises(ValueError, match="no model|got none"):
        PointLabels([samples().images[0]], "5").propose()


@pytest.mark.parametrize("format", ["labelme", "coco"])
def test_saved_labels_are_read_again(images: list[np.ndarray], tmp_path: Path, format: Any) -> None:
    Image.fromarray(images[1]).save(tmp_path / "mine.png")
    made = PointLabels([images[0], tmp_path / "mine.png", images[2]], NAMES)
    for index in (0, 1):
        made.go(index)
        for k in range(4):
            made.place(10.25 + k, 20 + index)
    target = tmp_path / "labels" / "all.json" if format == "coco" else tmp_path / "labels"
    made.save(target, format)
    made.save(target, format)
    read = read_labels(target, "landmarks", names=NAMES)
    assert [Path(p).name for p in read.images] == ["image_000.png", "mine.png"]
    np.testing.assert_allclose(np.stack(list(read.labels)), made.points[:2], atol=1e-3)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "labels" / "image_000.png")), images[0])


def test_images_of_others_are_not_replaced(images: list[np.ndarray], tmp_path: Path) -> None:
    made = PointLabels(images, NAMES)
    with pytest.raises(ValueError, match="at least one labelled image"):
        made.save(tmp_path)
    made.place(1, 1)
    Image.fromarray(images[1]).save(tmp_path / "image_000.png")
    with pytest.raises(ValueError, match="expected a folder without image_000.png"):
        made.save(tmp_path)


def test_wrong_arguments(images: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="expected 3 labels, got 2"):
        PointLabels(images, NAMES, np.zeros((2, 5, 2)))
    with pytest.raises(ValueError, match=r"image 0: expected points \(5, 2\), got \(4, 2\)"):
        PointLabels(images, NAMES, np.zeros((3, 4, 2)))
    made = PointLabels(images, NAMES)
    with pytest.raises(ValueError, match="expected an index below 5 or a name"):
        made.move("chin", 1, 1)
    with pytest.raises(ValueError, match="expected a place in the image"):
        made.place(-3, 1)


def test_events_of_a_browser(images: list[np.ndarray]) -> None:
    made, changed = PointLabels(images, NAMES), []
    made.on_change = changed.append

    def event(kind: str, *values: Any, index: int = 0) -> str:
        return made.receive({"type": kind, "index": index, "values": list(values)})

    assert event("place", 5, 6) == event("move", 0, 7.5, 8) == event("place", 9, 9, index=1) == ""
    assert made.points[0, 0].tolist() == [7.5, 8] and made.points[1, 0].tolist() == [9, 9]
    assert event("go", 2) == "" and made.index == 2 and changed == [0, 0, 1]
    assert "expected a place in the image of 80 x 60, got (500, 2)" in event("place", 500, 2, index=2)
    assert event("launch") == "" and made.overlay() is None and changed == [0, 0, 1]


def test_a_proposal_keeps_points_that_the_model_lacks(
    images: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    five = landmark_set("5")
    result = Landmarks(np.arange(10, dtype=np.float32).reshape(5, 2), np.ones(5), five, images[0])
    monkeypatch.setattr("facekit.labelling.face_labels.predict", lambda model, image: result)
    made = PointLabels(images, ["nose_tip", "scar"], model="mine.facekit")
    made.move("scar", 30, 31)
    made.propose()
    assert made.points[0].tolist() == [[4, 5], [30, 31]]
    other = PointLabels(images, ["scar", "mole"], model="mine.facekit")
    with pytest.raises(
        ValueError, match="expected a model with some of the points scar, mole, got one with left_pupil"
    ):
        other.propose()
    assert other.labelled == []
