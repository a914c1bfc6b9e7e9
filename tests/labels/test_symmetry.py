"""Mirror pairs are found from the labels themselves, and some models must not mirror (case 01)."""

from __future__ import annotations

import csv
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.slow import slow_unless
from PIL import Image

import facekit
import facekit.labels as lb
from facekit.data.face_sources import landmarks_300w
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.labels.symmetry import flip_of_masks, flip_of_points
from facekit.metrics.scores import LandmarkScores
from facekit.results.types import Landmarks
from facekit.tasks import LandmarkTask, task_from_dict

FAST: dict[str, Any] = {"steps": 2, "batch_size": 4, "views": 1, "least_views": 4, "progress": False}


def _points(points: np.ndarray, side: int = 256, known: Any = None) -> tuple[int, ...] | None:
    known = range(points.shape[1]) if known is None else known
    return flip_of_points(list(points), [(side, side)] * len(points), known)


@pytest.fixture(scope="module")
def generated() -> dict[str, Any]:
    made = GeneratedFaces(seed=3, size=96, yaw=(-20, 20), pitch=(-10, 10)).batch(
        range(10), want=("image", "landmarks68", "mask")
    )
    return {k: v.numpy() for k, v in made.items()}


def test_points_of_300w(data: Path) -> None:
    _, _, points = landmarks_300w(data / "300w")
    draw = np.random.default_rng(0)
    for name, least in (("68", 0.8), ("19", 0.9), ("5", 0.8)):
        known = lb.landmark_set(name)
        found = [
            _points(lb.convert_landmarks(points[draw.choice(len(points), 10, False)], "68", name)) for _ in range(20)
        ]
        told = [flip for flip in found if flip is not None]
        assert len(told) >= least * len(found)
        assert np.mean([np.mean(np.array(flip) == known.flip) for flip in told]) > 0.98
    single = [_points(points[i : i + 1]) for i in draw.choice(len(points), 50, False)]
    agreed = [np.mean(np.array(flip) == lb.LANDMARKS_68.flip) for flip in single if flip is not None]
    assert min(agreed) > 0.85  # where it does not tell, it says so


def test_rolled_faces_and_missing_points(data: Path) -> None:
    _, _, points = landmarks_300w(data / "300w")
    draw = np.random.default_rng(1)
    some = points[draw.choice(len(points), 40, False)].astype(float)
    turn = np.exp(1j * np.radians(draw.uniform(-30, 30, 40)))[:, None]
    z = ((some[..., 0] - 127.5) + 1j * (some[..., 1] - 127.5)) * turn
    rolled = np.stack([z.real, z.imag], -1) + 127.5
    rolled[draw.random(rolled.shape[:2]) < 0.3] = np.nan
    assert _points(rolled) == lb.LANDMARKS_68.flip


def test_points_of_other_sets(data: Path) -> None:
    with (data / "imm73" / "index.csv").open() as f:
        rows = list(csv.reader(f))[1:]
    imm = np.array([row[1:] for row in rows], float).reshape(len(rows), 73, 2)
    every = _points(imm)
    assert every is not None and every[:5] == (8, 15, 14, 13, 12) and every[62:] == tuple(range(72, 61, -1))
    assert all(_points(imm[i : i + 3]) == every for i in range(0, 45, 9))
    with (data / "london" / "index.csv").open() as f:
        rows = [row for row in csv.reader(f) if all(row)][1:]
    london = np.array([row[6:] for row in rows], float).reshape(len(rows), 189, 2)
    flip = _points(london[:3], 512)
    assert flip is not None
    assert [flip[i] for i in (0, 18, 22, 71, 87, 129, 125, 115)] == [1, 27, 23, 82, 93, 129, 133, 120]


@pytest.mark.parametrize("kept", [range(36, 42), range(17, 22), (36, 30), (36, 30, 48)])
def test_points_of_one_side_are_not_mirrored(data: Path, kept: Any) -> None:
    _, _, points = landmarks_300w(data / "300w")
    draw = np.random.default_rng(2)
    assert all(_points(points[draw.choice(len(points), 10, False)][:, list(kept)]) is None for _ in range(20))


def test_points_in_another_order_in_each_image(data: Path) -> None:
    _, _, points = landmarks_300w(data / "300w")
    draw = np.random.default_rng(3)
    assert _points(np.stack([draw.permutation(p) for p in points[:10]])) is None


def test_known_pairs_are_completed(data: Path) -> None:
    _, _, points = landmarks_300w(data / "300w")
    eyes_and_mouth = points[:20, [36, 45, 48, 54]]
    assert _points(eyes_and_mouth, known=(1, 0, 2, 3)) == (1, 0, 3, 2)


def test_masks(data: Path, generated: dict[str, Any]) -> None:
    def read(folder: str, count: int) -> list[np.ndarray]:
        return [np.asarray(Image.open(f)) for f in sorted((data / folder / "masks").rglob("*.png"))[:count]]

    celeba = read("celebamask", 60)
    features = [np.select([m == k for k in (2, 4, 5, 6, 7, 11, 12)], range(1, 8)) for m in celeba[:3]]
    assert flip_of_masks(features, 8, range(8)) == (0, 1, 3, 2, 5, 4, 6, 7)
    for masks, known in (
        (read("facesynthetics", 60), lb.FACESYNTHETICS_19),
        (read("lfw_parts", 40), lb.segmentation_set(["background", "skin", "hair"])),
    ):
        flip = flip_of_masks(masks, len(known), range(len(known)))
        there = set(np.unique(np.concatenate([m.ravel() for m in masks]))) - {255}
        assert flip is not None and all(flip[k] == known.flip[k] for k in there)
    flip = flip_of_masks([np.select([m == 4, m == 5], [1, 2]) for m in celeba[:3]], 3, range(3))
    assert flip == (0, 2, 1)
    for ids in ([5], [5, 7], [9, 13], [5, 13, 1], [9, 13, 1, 2], [5, 13, 2, 10], [7, 10, 11, 12]):
        one_sided = [np.select([m == k for k in ids], range(1, len(ids) + 1)) for m in celeba]
        assert flip_of_masks(one_sided, 1 + len(ids), range(1 + len(ids))) is None
    assert flip_of_masks(read("hair", 10), 2, range(2)) == (0, 1)


FIVE = [36, 45, 30, 48, 54]


@pytest.mark.parametrize(
    "names",
    [
        None,
        ["eye1", "eye2", "nose", "mouth1", "mouth2"],
        ["p0", "p1", "p2", "p3", "p4"],
        ["eye_left", "eye_right", "nose", "mouth_left", "mouth_right"],
    ],
)
def test_adapt_swaps_sides_whatever_they_are_called(generated: dict[str, Any], names: Any, tmp_path: Path) -> None:
    model = facekit.adapt(
        generated["image"].transpose(0, 2, 3, 1), generated["landmarks68"][:, FIVE], names=names, **FAST
    )
    assert model.task.mirrors and model.task.labels.flip == (1, 0, 2, 4, 3)
    model.save(tmp_path / "a.facekit", whole=False)
    loaded = facekit.load(tmp_path / "a.facekit").task
    assert loaded.mirrors and loaded.labels == model.task.labels


def test_labels_that_do_not_tell(generated: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    images, points = generated["image"].transpose(0, 2, 3, 1), generated["landmarks68"][:, [36, 30]]
    with caplog.at_level(logging.WARNING, "facekit"):
        model = facekit.adapt(images, points, **FAST)
    assert not model.task.mirrors
    said = [r.message for r in caplog.records if "not mirrored" in r.message]
    assert len(said) == 1 and "names nor labels" in said[0]
    caplog.clear()
    facekit.adapt(images, points, mirror=False, **FAST)
    assert not caplog.records


@pytest.mark.parametrize(
    "task",
    slow_unless(("landmarks", "attributes").__contains__, ["landmarks", "segmentation", "attributes", "stylization"]),
)
def test_mirror_false_holds_for_prediction(generated: dict[str, Any], task: str, tmp_path: Path) -> None:
    images = generated["image"].transpose(0, 2, 3, 1)[:3]
    labels = {
        "landmarks": generated["landmarks68"][:3],
        "segmentation": list(generated["mask"][:3]),
        "attributes": np.eye(3)[:, :2],
        "stylization": list(images),
    }[task]
    names = {"landmarks": "68", "segmentation": "facekit27"}.get(task)
    backbone = "farl" if task == "attributes" else "fsma"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes without a pixel
        models = [facekit.adapt(images, labels, task, backbone, names=names, mirror=m, **FAST) for m in (True, False)]
    assert models[0].task.mirrors and not models[1].task.mirrors
    models[1].save(tmp_path / "a.facekit", whole=False)
    loaded = facekit.load(tmp_path / "a.facekit")
    assert not loaded.task.mirrors and loaded.task.same_outputs(models[0].task)
    if task in ("landmarks", "segmentation"):
        seen: list[int] = []
        network = loaded.network
        loaded.network.register_forward_pre_hook(lambda _, x: seen.append(len(x[0])))
        loaded.__dict__["_runner"] = network
        facekit.predict(loaded, images[0])
        assert seen == [1]  # no mirrored copy beside it


def test_scores_name_their_normaliser(generated: dict[str, Any]) -> None:
    known = LandmarkTask(lb.LANDMARKS_68)
    own = LandmarkTask(lb.landmark_set([f"p{i}" for i in range(68)]))
    assert known.headline == "nme_inter_ocular" and own.headline == "nme_box"
    assert LandmarkTask(lb.LANDMARKS_5).headline == "nme_inter_pupil"
    scores = []
    for task in (known, own):
        truth = list(generated["landmarks68"])
        results = [Landmarks(t + 1, np.ones(68), task.labels, np.zeros((96, 96, 3), np.uint8)) for t in truth]
        scores.append(task.score(results, truth))
    assert list(scores[0])[:4] == ["nme_inter_ocular", "fr10_inter_ocular", "auc10_inter_ocular", "auc7_inter_ocular"]
    assert list(scores[1]) == ["nme_box", "fr10_box", "auc10_box", "auc7_box", "nme_diagonal"]
    assert "nme" not in scores[0] and scores[0].get("nothing") is None
    with pytest.warns(DeprecationWarning, match="nme_inter_ocular"):
        assert scores[0]["nme"] == scores[0]["nme_inter_ocular"]
    with pytest.warns(DeprecationWarning, match="fr10_box"):
        assert scores[1].get("fr10") == scores[1]["fr10_box"]
    with pytest.raises(KeyError):
        LandmarkScores({"nme_box": 1.0})["f1"]


def test_models_of_before_mirror_as_they_did() -> None:
    for name, settings in (("stylization", {}), ("shadow_removal", {"synthesised": True})):
        assert task_from_dict(name, settings).mirrors and task_from_dict(name, settings).to_dict() == settings
