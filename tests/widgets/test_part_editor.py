"""Parts are painted, filled, undone and saved as masks that `adapt` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facekit.annotations import read_labels
from facekit.data import samples
from facekit.widgets import PartEditor
from facekit.widgets.painting import fill, polygon, stroke

NAMES = ["background", "hair", "mouth"]


@pytest.fixture
def images() -> list[np.ndarray]:
    return [np.random.default_rng(i).integers(0, 256, (60, 80, 3), np.uint8) for i in range(2)]


def test_stroke_is_a_round_brush() -> None:
    empty = np.zeros((60, 80), np.uint8)
    dot = stroke(empty, [(40, 30)], 21, 2)
    assert not empty.any(), "the mask itself stays"
    assert dot.sum() / 2 == pytest.approx(np.pi * 10.5**2, rel=0.03)
    line = stroke(empty, [(20, 30), (60, 30)], 11, 1)
    assert line[30, 15:66].all() and line.any(1).nonzero()[0].tolist() == list(range(25, 36))
    assert line.sum() == pytest.approx(40 * 11 + np.pi * 5.5**2, rel=0.03)
    assert stroke(empty, [(3, 4)], 1, 1).nonzero() == ([4], [3])
    assert stroke(empty, [(-50, -50), (-30, -40)], 9, 1).sum() == 0, "outside"
    assert stroke(empty, [(-50, 30), (200, 30)], 3, 1)[29:32].all()


def test_polygon_and_fill() -> None:
    empty = np.zeros((60, 80), np.uint8)
    square = polygon(empty, [(10, 10), (50, 10), (50, 40), (10, 40)], 1)
    assert square[10:41, 10:51].all() and square.sum() == 31 * 41
    ring = square.copy()
    ring[20:30, 20:30] = 0
    filled = fill(ring, 25, 25, 2)
    assert (filled[20:30, 20:30] == 2).all() and (filled == 1).sum() == 31 * 41 - 100
    assert (fill(ring, 0, 0, 2)[0] == 2).all() and (fill(ring, 0, 0, 2)[25, 25] == 0), "only the connected region"
    assert fill(ring, 25, 25, 2) is not ring and ring[25, 25] == 0


def test_undo_gives_back_every_mask(images: list[np.ndarray]) -> None:
    editor = PartEditor(images, NAMES)
    states = [editor.masks]
    editor.brush([(20, 20), (40, 20)], 9, "hair")
    states.append(editor.masks)
    editor.polygon([(50, 40), (70, 40), (60, 55)], 2)
    states.append(editor.masks)
    editor.go(1)
    editor.fill(3, 3, "mouth")
    assert editor.labelled == [0, 1] and (editor.masks[1] == 2).all()
    for expected in reversed(states):
        editor.undo()
        for mask, old in zip(editor.masks, expected, strict=True):
            np.testing.assert_array_equal(mask, old)
    assert editor.labelled == []


def test_background_erases(images: list[np.ndarray]) -> None:
    editor = PartEditor(images, NAMES)
    editor.fill(0, 0, "hair")
    editor.brush([(40, 30)], 20, 0)
    assert editor.masks[0][30, 40] == 0 and editor.masks[0][5, 5] == 1
    editor.clear()
    assert not editor.masks[0].any() and editor.labelled == []


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


def test_proposal_of_a_ready_model_is_converted() -> None:
    editor = PartEditor([samples().images[0]], ["background", "hair", "nose"], model="segmentation")
    editor.propose()
    truth = samples().masks[0]
    for part in ("hair", "nose"):
        found = editor.masks[0] == editor.names.index(part)
        true = truth == samples().mask_labels.index(part)
        assert (found & true).sum() / (found | true).sum() > 0.5
    wrong = PartEditor([samples().images[0]], NAMES, model="landmarks")
    with pytest.raises(ValueError, match="expected a model of parts, got one of Landmarks"):
        wrong.propose()


@pytest.mark.parametrize("format", ["labelme", "coco"])
def test_saved_masks_are_read_again(images: list[np.ndarray], tmp_path: Path, format: Any) -> None:
    editor = PartEditor(images, NAMES)
    editor.polygon([(10, 10), (50, 12), (48, 40), (10, 38)], "hair")
    editor.brush([(60, 50), (70, 50)], 7, "mouth")
    target = tmp_path / "all.json" if format == "coco" else tmp_path
    editor.save(target, format)
    read = read_labels(target, "segmentation", names=NAMES)
    np.testing.assert_array_equal(read.labels[0], editor.masks[0])
    assert len(read.labels) == 1, "the second image has no label"


def test_masks_to_begin_with(images: list[np.ndarray]) -> None:
    masks = [np.full((60, 80), k, np.uint8) for k in (0, 2)]
    editor = PartEditor(images, NAMES, masks)
    assert editor.labelled == [1] and (editor.masks[1] == 2).all()
    chosen, labels = editor.labels()
    assert len(chosen) == 1 and (labels[0] == 2).all()
    with pytest.raises(ValueError, match="image 0: mask: expected ids"):
        PartEditor(images, NAMES, [masks[0] + 9, masks[1]])
    with pytest.raises(ValueError, match="brush of 1 to 10000 pixels"):
        editor.brush([(1, 1)], 0, 1)
