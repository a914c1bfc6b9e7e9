"""Wrong labels of known sets are reported, and right ones never are (kind 14)."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import facekit
from facekit.__main__ import main
from facekit.data.face_sources import landmarks_300w
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.images.reader import ImageBatch, read_images
from facekit.labels import (
    CELEBAMASK_19,
    LANDMARKS_5,
    LANDMARKS_44,
    LANDMARKS_68,
    convert_landmarks,
    flip_landmarks,
    flip_mask,
    landmark_set,
)
from facekit.model.label_check import IMAGES, check_plausible
from facekit.model.trained_model import TrainedModel
from facekit.tasks import LandmarkTask, SegmentationTask, Task

POINTS = LandmarkTask(LANDMARKS_68)


def _said(task: Task, labels: list[np.ndarray], images: ImageBatch) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_plausible(task, labels, images)
    return [str(w.message) for w in caught]


def _faces(data: Path, seed: int, count: int) -> tuple[ImageBatch, list[np.ndarray]]:
    paths, _, points = landmarks_300w(data / "300w")
    some = np.random.default_rng(seed).choice(len(paths), count, replace=False)
    return read_images([paths[i] for i in some]), [points[i] for i in some]


MISTAKES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "x and y exchanged": lambda p: p[:, ::-1],
    "left and right exchanged": lambda p: p[list(LANDMARKS_68.flip)],
    "mirrored left to right": lambda p: np.stack([255 - p[:, 0], p[:, 1]], 1),
    "mirrored left to right, with the names": lambda p: flip_landmarks(p, 256, LANDMARKS_68),
    "upside down": lambda p: np.stack([p[:, 0], 255 - p[:, 1]], 1),
    "normalised to 0..1": lambda p: p / 256,
    "in percent": lambda p: 100 * p / 256,
    "multiplied by 2": lambda p: 2 * p,
    "divided by 2": lambda p: p / 2,
    "multiplied by 1.5": lambda p: 1.5 * p,
    r"moved by about \(3\d, -2\d\) px": lambda p: p + [32, -23],  # noqa: RUF005
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_with_points(data: Path, mistake: str) -> None:
    images, points = _faces(data, 5, 4)
    with pytest.warns(UserWarning, match=mistake):
        check_plausible(POINTS, [MISTAKES[mistake](p) for p in points], images)


def test_labels_in_another_order(data: Path) -> None:
    images, points = _faces(data, 6, 10)
    said = _said(POINTS, points[1:] + points[:1], images)
    assert len(said) == 1 and "those of other images" in said[0] and "expected" in said[0]
    five = [convert_landmarks(p, "68", "5") for p in points]
    assert "other images" in _said(LandmarkTask(LANDMARKS_5), five[1:] + five[:1], images)[0]
    assert not _said(LandmarkTask(LANDMARKS_5), five, images)


@pytest.mark.slow
def test_right_points_are_not_reported(data: Path) -> None:
    for seed, count in enumerate([1, 1, 1, 1, 2, 2, 3, 8, 8, 20]):
        images, points = _faces(data, 10 + seed, count)
        assert not _said(POINTS, points, images)
    made = GeneratedFaces(seed=3, size=96, domain="wild", yaw=(-60, 60)).batch(range(8), want=("image", "landmarks68"))
    images = read_images(made["image"])
    assert not _said(POINTS, list(made["landmarks68"].numpy()), images)


def test_the_sample_faces_are_right() -> None:
    """Five points of one person have too little in common with the mean face for an offset of one or two pixels."""
    faces = facekit.data.samples()
    five = list(convert_landmarks(faces.landmarks, faces.landmark_labels, LANDMARKS_5))
    task = LandmarkTask(LANDMARKS_5)
    for image, points in zip(faces.images, five, strict=True):
        assert not _said(task, [points], read_images([image]))
    assert not _said(task, five, read_images(list(faces.images)))
    moved = [points + np.array([12, 0]) for points in five]
    assert "moved by about (12, " in _said(task, moved, read_images(list(faces.images)))[0]


def test_what_is_no_face_is_not_reported() -> None:
    draw = np.random.default_rng(0)
    images = read_images(draw.integers(0, 256, (6, 128, 128, 3), dtype=np.uint8))
    base = GeneratedFaces(seed=1, size=128).batch(range(6), want=("landmarks68",))["landmarks68"].numpy()
    assert not _said(POINTS, list(base), images)
    assert not _said(LandmarkTask(LANDMARKS_44), [draw.uniform(0, 127, (44, 2)) for _ in range(6)], images)
    own = LandmarkTask(landmark_set([f"p{i}" for i in range(68)]))
    assert not _said(own, [p[:, ::-1] for p in base], images)


@pytest.mark.slow
def test_masks(data: Path) -> None:
    files = sorted((data / "celebamask" / "masks").glob("*.png"))[40:52]
    masks = [np.asarray(Image.open(f)) for f in files]
    images = read_images([next((data / "celebamask" / "images").glob(f"{f.stem}.*")) for f in files])
    task = SegmentationTask(CELEBAMASK_19)
    assert not _said(task, masks, images)
    assert not _said(task, masks[:1], read_images(images.arrays[:1]))
    swap = np.arange(256, dtype=np.uint8)
    swap[:19] = CELEBAMASK_19.flip
    for mistake, wrong in {
        "left and right exchanged": [swap[m] for m in masks],
        "mirrored left to right": [m[:, ::-1] for m in masks],
        "mirrored left to right, with the names": [flip_mask(m, CELEBAMASK_19) for m in masks],
        "upside down": [m[::-1] for m in masks],
        "those of other images": masks[1:] + masks[:1],
    }.items():
        said = _said(task, wrong, images)
        assert len(said) == 1 and mistake in said[0], (mistake, said)


def test_few_images_are_predicted_and_no_random_numbers_drawn(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, points = _faces(data, 5, 20)
    predict_images = TrainedModel.predict_images
    predicted = []

    def counted(self: TrainedModel, some: Sequence[np.ndarray], *rest: Any) -> Any:
        predicted.append(len(some))
        return predict_images(self, some, *rest)

    monkeypatch.setattr(TrainedModel, "predict_images", counted)
    before = torch.get_rng_state()
    check_plausible(POINTS, points, images)
    assert torch.equal(before, torch.get_rng_state())
    assert 0 < sum(predicted) <= IMAGES < len(points)


def test_a_mistyped_folder_of_images_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text(json.dumps([[[1, 2]]]))
    out = tmp_path / "m.facekit"
    arguments = ["--images", str(tmp_path / "imags"), "--labels", str(tmp_path / "a.json"), "--out", str(out)]
    assert main(["adapt", "--task", "landmarks", *arguments]) == 2
    assert "imags: no such images" in capsys.readouterr().err and not out.exists()


def test_predictions_as_labels_are_right() -> None:
    images = read_images(list(facekit.data.samples().images[:4]))
    found = facekit.predict("landmarks", images.arrays, align="none")
    for offset in (0.0, 1e-4, 1.0):
        assert _said(POINTS, [one.points.astype(np.float64) + offset for one in found], images) == []
