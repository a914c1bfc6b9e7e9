"""Parts are painted, filled, undone and saved as masks that `adapt` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facekit.annotations import read_labels
from facekit.data import samples
from facekit.labelling import PartLabels
from facekit.labels import segmentation_set
from facekit.results import Segmentation

NAMES = ["background", "hair", "mouth"]


@pytest.fixture
def images() -> list[np.ndarray]:
    return [np.random.default_rng(i).integers(0, 256, (60, 80, 3), np.uint8) for i in range(2)]


def test_undo_gives_back_every_mask(images: list[np.ndarray]) -> None:
    made = PartLabels(images, NAMES)
    states = [made.masks]
    made.brush([(20, 20), (40, 20)], 9, "hair")
    states.append(made.masks)
    made.polygon([(50, 40), (70, 40), (60, 55)], 2)
    states.append(made.masks)
    made.go(1)
    made.fill(3, 3, "mouth")
    assert made.labelled == [0, 1] and (made.masks[1] == 2).all()
    for expected in reversed(states):
        made.undo()
        for mask, old in zip(made.masks, expected, strict=True):
            np.testing.assert_array_equal(mask, old)
    assert made.labelled == []


def test_background_erases(images: list[np.ndarray]) -> None:
    made = PartLabels(images, NAMES)
    made.fill(0, 0, "hair")
    made.brush([(40, 30)], 20, 0)
    assert made.masks[0][30, 40] == 0 and made.masks[0][5, 5] == 1
    made.clear()
    assert not made.masks[0].any() and made.labelled == []


def test_proposal_of_a_ready_model_is_converted() -> None:
    made = PartLabels([samples().images[0]], ["background", "hair", "nose"], model="segmentation")
    made.propose()
    truth = samples().masks[0]
    for part in ("hair", "nose"):
        found = made.masks[0] == made.names.index(part)
        true = truth == samples().mask_labels.index(part)
        assert (found & true).sum() / (found | true).sum() > 0.5
    wrong = PartLabels([samples().images[0]], NAMES, model="landmarks")
    with pytest.raises(ValueError, match="expected a model of parts, got one of Landmarks"):
        wrong.propose()


@pytest.mark.parametrize("format", ["labelme", "coco"])
def test_saved_masks_are_read_again(images: list[np.ndarray], tmp_path: Path, format: Any) -> None:
    made = PartLabels(images, NAMES)
    made.polygon([(10, 10), (50, 12), (48, 40), (10, 38)], "hair")
    made.brush([(60, 50), (70, 50)], 7, "mouth")
    target = tmp_path / "all.json" if format == "coco" else tmp_path
    made.save(target, format)
    read = read_labels(target, "segmentation", names=NAMES)
    np.testing.assert_array_equal(read.labels[0], made.masks[0])
    assert len(read.labels) == 1, "the second image has no label"


def test_masks_to_begin_with(images: list[np.ndarray]) -> None:
    masks = [np.full((60, 80), k, np.uint8) for k in (0, 2)]
    made = PartLabels(images, NAMES, masks)
    assert made.labelled == [1] and (made.masks[1] == 2).all()
    chosen, masks_ = made.labels()
    assert len(chosen) == 1 and (masks_[0] == 2).all()
    with pytest.raises(ValueError, match="image 0: mask: expected ids"):
        PartLabels(images, NAMES, [masks[0] + 9, masks[1]])
    with pytest.raises(ValueError, match="brush of 1 to 10000 pixels"):
        made.brush([(1, 1)], 0, 1)


def test_what_a_browser_shows(images: list[np.ndarray]) -> None:
    shown: list[int] = []
    made = PartLabels(images, NAMES, on_view=lambda: shown.append(1))
    before = len(shown)
    assert made.receive({"type": "brush", "index": 1, "values": [[[20, 20], [30, 25]], 8, 2]}) == ""
    assert len(shown) > before and made.index == 1 and made.labelled == [1]
    overlay = made.overlay()
    np.testing.assert_array_equal(overlay[..., 3] > 0, made.masks[1] == 2)
    assert set(map(tuple, overlay[made.masks[1] == 2])) == {(*made.names.palette[2], 255)}
    np.testing.assert_array_equal(made.shown_image(), images[1])
    assert made.receive({"type": "polygon", "index": 1, "values": [[[1, 1], [2, 2]], 1]}).startswith(
        "expected at least 3"
    )
    large = PartLabels([np.zeros((30, 2560, 3), np.uint8)], NAMES)
    assert large.shown_image().shape == (15, 1280, 3) and large.overlay().shape == (15, 1280, 4)


def test_a_proposal_without_any_of_the_parts(images: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    result = Segmentation(np.ones((60, 80), np.uint8), segmentation_set(["background", "hat"]), images[0])
    monkeypatch.setattr("facekit.labelling.face_labels.predict", lambda model, image: result)
    made = PartLabels(images, NAMES, model="mine.facekit")
    with pytest.raises(ValueError, match=r"image 0: expected some of these parts, and the model \(hat\) found none"):
        made.propose()
    assert made.labelled == []
