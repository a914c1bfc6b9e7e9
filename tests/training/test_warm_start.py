"""New outputs start from the nearest known ones, and those that do not fit start afresh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import facekit
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.labels import (
    FACEKIT_27,
    FASSEG_6,
    HELEN_11,
    LANDMARKS_68,
    LandmarkSet,
    segmentation_map,
    segmentation_set,
)
from facekit.model.model_reader import ready_network
from facekit.tasks import LandmarkTask, SegmentationTask

FAST: dict[str, Any] = {"steps": 1, "lr": 1e-9, "least_views": 6, "batch_size": 4, "progress": False, "device": "cpu"}


@pytest.fixture(scope="module")
def faces() -> dict[str, Any]:
    # People that no start was fitted on.
    return GeneratedFaces(seed=51, size=128, yaw=(-30, 30)).batch(range(8), want=("image", "mask", "landmarks68"))


def test_points_start_as_the_nearest_known_ones() -> None:
    rng = torch.Generator().manual_seed(0)
    truth = 20 + 80 * torch.rand((3, 5, 2), generator=rng)
    columns = torch.arange(64).view(1, 1, 1, 64)
    rows = torch.arange(64).view(1, 1, 64, 1)
    x, y = ((truth + 0.5) / 2 - 0.5).split(1, -1)
    maps = -0.2 * ((columns - x[..., None]) ** 2 + (rows - y[..., None]) ** 2)
    order = [3, 0, 4]
    labels = truth[:, order] + 0.5
    labels[0, 1] = torch.nan
    task = LandmarkTask(LandmarkSet("mine", ("a", "b", "c"), (0, 1, 2)))
    known = LandmarkTask(LandmarkSet("known", ("p", "q", "r", "s", "t"), (0, 1, 2, 3, 4)))
    mixing = task.mixing(known, maps, labels)
    assert mixing.argmax(1).tolist() == order and torch.equal(mixing.sum(1), torch.ones(3))


def test_classes_start_as_the_known_ones_they_cover() -> None:
    known = SegmentationTask(segmentation_set(["background", "left_eye", "right_eye", "nose"]))
    task = SegmentationTask(segmentation_set(["background", "eyes", "nose", "mouth"]))
    ids = torch.zeros(1, 8, 8, dtype=torch.long)
    ids[0, 1, 1:3], ids[0, 1, 5:7], ids[0, 3:5, 3:5] = 1, 2, 3
    maps = 20 * torch.nn.functional.one_hot(ids, 4).permute(0, 3, 1, 2).float()
    labels = torch.tensor([0, 1, 1, 2])[ids].to(torch.uint8)
    labels[0, 6, 3:5] = 3  # a mouth, where the known network sees background
    labels[0, 7] = 255
    mixing = task.mixing(known, maps, labels)
    expected = torch.tensor([[1, 0, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0, 1], [1, 0, 0, 0]])
    torch.testing.assert_close(mixing, expected, atol=0.01, rtol=0)


@pytest.mark.slow
def test_untrained_start_already_sees_faces(faces: dict[str, Any]) -> None:
    points = facekit.adapt(faces["image"], faces["landmarks68"], names="68", **FAST)
    assert points.about["start"] == "embedded"
    assert facekit.evaluate(points, faces["image"], faces["landmarks68"])["nme_inter_ocular"] < 12
    masks = segmentation_map(FACEKIT_27, HELEN_11)[faces["mask"].numpy()]
    parts = facekit.adapt(faces["image"], masks, "segmentation", names=HELEN_11, **FAST)
    assert facekit.evaluate(parts, faces["image"], masks)["f1"] > 30


def test_own_points_need_no_names(faces: dict[str, Any]) -> None:
    few = [36, 45, 30, 8]
    labels = faces["landmarks68"][:, few]
    model = facekit.adapt(faces["image"], labels, **FAST)
    found = np.stack([r.points for r in facekit.predict(model, faces["image"])])
    width = np.ptp(faces["landmarks68"][..., 0].numpy(), axis=1)
    assert np.median(np.linalg.norm(found - labels.numpy(), axis=-1) / width[:, None]) < 0.1


@pytest.mark.parametrize("change", [{"start": "none"}, {"weights": "none"}, {"skip": "0110"}])
def test_what_does_not_fit_starts_from_identities(change: dict[str, Any], faces: dict[str, Any]) -> None:
    model = facekit.adapt(faces["image"], faces["landmarks68"], **{**FAST, **change})
    assert model.about["start"] == "none"
    weight = model.network.transfer["16"].weight
    torch.testing.assert_close(weight, torch.nn.init.dirac_(torch.empty_like(weight)), atol=1e-3, rtol=0)


@pytest.mark.slow
def test_own_model_as_a_start(faces: dict[str, Any], tmp_path: Path) -> None:
    first = facekit.adapt(faces["image"], faces["landmarks68"], names="68", **FAST)
    file = str(tmp_path / "first.facekit")
    first.save(file)
    second = facekit.adapt(faces["image"], faces["landmarks68"], names=LANDMARKS_68, **FAST, start=file)
    assert second.about["start"] == file
    torch.testing.assert_close(second.network.transfer["8"].weight, first.network.transfer["8"].weight)
    with pytest.raises(ValueError, match="a model for landmarks, but this adaptation is for segmentation"):  # noqa: PT012
        masks = segmentation_map(FACEKIT_27, FASSEG_6)[faces["mask"].numpy()]
        facekit.adapt(faces["image"], masks, "segmentation", names=FASSEG_6, **FAST, start=file)
    with pytest.raises(ValueError, match="other weights"):
        facekit.adapt(faces["image"], faces["landmarks68"], **FAST, start=file, weights="none")
    with pytest.raises(FileNotFoundError, match="gone.facekit"):
        facekit.adapt(faces["image"], faces["landmarks68"], **FAST, start="gone.facekit")
    with pytest.raises(ValueError, match="warm starts are for fsma and synthparse"):
        facekit.adapt(faces["image"], faces["landmarks68"], backbone="farl", **FAST, start=file)


PARSER: dict[str, Any] = {**FAST, "tower_lr": 1e-9, "backbone": "synthparse"}


def test_parser_starts_as_the_ready_one(faces: dict[str, Any]) -> None:
    masks = segmentation_map(FACEKIT_27, HELEN_11)[faces["mask"].numpy()]
    model = facekit.adapt(faces["image"], masks, "segmentation", names=HELEN_11, **PARSER)
    assert model.about["start"] == "embedded"
    assert facekit.evaluate(model, faces["image"], masks)["f1"] > 40
    # Points have no such start, but encoder and decoder know faces.
    points = facekit.adapt(faces["image"], faces["landmarks68"], names="68", **PARSER)
    assert points.about["start"] == "none"
    known = ready_network("segmentation")
    for mine, theirs in ((points.network.encoder, known.encoder), (points.network.model.decoder, known.model.decoder)):
        for one, other in zip(mine.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one.cpu(), other.cpu(), atol=1e-6, rtol=0)


@pytest.mark.slow
def test_parser_that_does_not_start_as_the_ready_one(faces: dict[str, Any]) -> None:
    masks = segmentation_map(FACEKIT_27, HELEN_11)[faces["mask"].numpy()]
    for change in ({"weights": "none"}, {"decoder_channels": (32, 32, 16, 16, 16)}):
        model = facekit.adapt(faces["image"], masks, "segmentation", names=HELEN_11, **{**PARSER, **change})
        assert model.about["start"] == "none"
    with pytest.raises(ValueError, match="weights='embedded': expected ParserSize.*got ParserSize"):
        facekit.adapt(
            faces["image"],
            masks,
            "segmentation",
            names=HELEN_11,
            **PARSER,
            weights="embedded",
            decoder="fpn",
            decoder_channels=None,
        )


@pytest.mark.slow
def test_own_parser_as_a_start(faces: dict[str, Any], tmp_path: Path) -> None:
    masks = segmentation_map(FACEKIT_27, FASSEG_6)[faces["mask"].numpy()]
    settings = {**PARSER, "weights": "none", "decoder_channels": (16, 16, 16, 16, 16), "input_size": 64}
    first = facekit.adapt(faces["image"], masks, "segmentation", names=FASSEG_6, **settings)
    file = str(tmp_path / "first.facekit")
    first.save(file)
    second = facekit.adapt(faces["image"], masks, "segmentation", names=FASSEG_6, **settings, seed=1, start=file)
    assert second.about["start"] == file
    for one, other in zip(second.network.encoder.parameters(), first.network.encoder.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)
    with pytest.raises(ValueError, match="built otherwise"):
        facekit.adapt(faces["image"], masks, "segmentation", names=FASSEG_6, **FAST, start=file)
