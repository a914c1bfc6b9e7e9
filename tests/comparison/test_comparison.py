"""`compare` and `learning_curve`: paired cells, resume, and errors before the first training. Two toy backbones."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import facekit
from facekit.backbones import registry
from facekit.comparison import cells
from tests.backbones.pixels.backbone import Pixels

Pair = tuple[np.ndarray, np.ndarray]
FAST: dict[str, Any] = {"steps": 2, "least_views": 2, "progress": False, "device": "cpu"}


class Dots(Pixels):
    """The toy backbone under another name."""

    name: ClassVar[str] = "dots"


@pytest.fixture
def faces() -> Pair:
    """14 images of noise; the right half is part 1, and brighter."""
    random = np.random.default_rng(0)
    images, masks = random.integers(0, 99, (14, 48, 48, 3)).astype(np.uint8), np.zeros((14, 48, 48), np.uint8)
    images[:, :, 24:] += 150
    masks[:, :, 24:] = 1
    return images, masks


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Register the second backbone, and record the images of every training and of every score."""
    monkeypatch.setitem(registry._REGISTERED, "dots", Dots)
    calls: list[dict[str, Any]] = []
    adapt, score_labelled = cells.adapt, cells.score_labelled

    def recorded_adapt(images: Any, labels: Any, task: str, backbone: str, **options: Any) -> Any:
        calls.append({"backbone": backbone, "adapt": [image.tobytes() for image in images], "seed": options["seed"]})
        return adapt(images, labels, task, backbone, **options)

    def recorded_score(model: Any, images: Any, *others: Any, **options: Any) -> Any:
        calls[-1]["scored"] = [image.tobytes() for image in images.arrays]
        return score_labelled(model, images, *others, **options)

    monkeypatch.setattr(cells, "adapt", recorded_adapt)
    monkeypatch.setattr(cells, "score_labelled", recorded_score)
    return calls


def _curve(faces: Pair, **options: Any) -> Any:
    arguments: dict[str, Any] = {"backbones": ["pixels", "dots"], "shots": [3, 1], "draws": 2, **FAST, **options}
    return facekit.learning_curve(*faces, "segmentation", **arguments)


def test_backbones_and_shots_are_paired_and_nothing_overlaps(faces: Pair, trained: list[dict[str, Any]]) -> None:
    found = _curve(faces)
    assert found.shots == [1, 3] and found.backbones == ["pixels", "dots"] and found.score.name == "f1_mean"
    assert len(trained) == len(found.cells) == 8
    for draw in range(2):
        calls = trained[4 * draw : 4 * draw + 4]
        assert [(call["backbone"], len(call["adapt"])) for call in calls] == [
            ("pixels", 1),
            ("dots", 1),
            ("pixels", 3),
            ("dots", 3),
        ]
        assert len({tuple(call["scored"]) for call in calls}) == 1 and len(calls[0]["scored"]) == 11
        assert all(not set(call["adapt"]) & set(call["scored"]) for call in calls)
        assert calls[0]["adapt"] == calls[1]["adapt"] == calls[2]["adapt"][:1]
        assert {call["seed"] for call in calls} == {draw}
    assert trained[0]["scored"] != trained[4]["scored"]
    # Both names are the same network, so their paired differences are 0.
    assert [(d.mean, d.low, d.high) for d in found.differences] == [(0, 0, 0)] * 2
    assert "may be chance" in found.advice


def test_people_are_on_one_side_and_test_images_score(faces: Pair, trained: list[dict[str, Any]]) -> None:
    images, masks = faces
    persons = [i // 2 for i in range(14)]
    of_image = {image.tobytes(): person for image, person in zip(images, persons, strict=True)}
    _curve(faces, groups=persons, backbones=["pixels"], draws=3)
    for call in trained:
        assert not {of_image[i] for i in call["adapt"]} & {of_image[i] for i in call["scored"]}
    trained.clear()
    _curve((images[:4], masks[:4]), test_images=images[4:], test_labels=masks[4:], backbones=["pixels"], shots=[4])
    assert trained[0]["scored"] == trained[1]["scored"] == [image.tobytes() for image in images[4:]]


def test_interrupted_work_resumes(faces: Pair, trained: list[dict[str, Any]], tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def stop(done: float, cells: int, numbers: dict[str, float]) -> None:
        assert cells == 8 and all(np.isfinite(value) for value in numbers.values())
        if done == 3 and "f1_mean" in numbers:
            raise StopError

    folder = tmp_path / "cells"
    with pytest.raises(StopError):
        _curve(faces, folder=folder, progress=stop)
    assert len(trained) == 3
    resumed = _curve(faces, folder=folder)
    assert len(trained) == 8, "three of the eight cells are finished"
    again = _curve(faces, folder=folder)
    assert len(trained) == 8 and again == resumed
    assert {file.suffix for file in folder.iterdir()} == {".json"} and len(list(folder.iterdir())) == 8
    fresh = _curve(faces)
    assert [cell.scores for cell in fresh.cells] == [cell.scores for cell in resumed.cells]


def test_progress_is_reported_within_a_training(faces: Pair, trained: list[dict[str, Any]]) -> None:
    reports: list[tuple[float, int, list[str]]] = []
    _curve(faces, shots=[1], draws=1, progress=lambda done, cells, numbers: reports.append((done, cells, [*numbers])))
    assert [(done, cells) for done, cells, _ in reports] == [(d, 2) for d in (0.5, 1, 1, 1, 1.5, 2, 2, 2)]
    assert [len(names) for _, _, names in reports[:4]] == [1, 1, 0, 1] and reports[3][2] == ["f1_mean"]


@pytest.mark.parametrize("change", [{"steps": 3}, {"seed": 1}, {"weights": "none"}, {"names": ["background", "half"]}])
def test_other_settings_are_other_cells(
    change: dict[str, Any], faces: Pair, trained: list[dict[str, Any]], tmp_path: Path
) -> None:
    options: dict[str, Any] = {"backbones": ["pixels"], "shots": [1], "draws": 1, "folder": tmp_path}
    _curve(faces, **options)
    _curve(faces, **options, **change)
    assert len(trained) == 2


def test_other_labels_are_other_cells(faces: Pair, trained: list[dict[str, Any]], tmp_path: Path) -> None:
    images, masks = faces
    for i in (0, 13):
        other = masks.copy()
        other[i, 0, 0] = 1
        _curve((images, other), backbones=["pixels"], shots=[1], draws=1, folder=tmp_path)
    assert len(trained) == 2


def test_compare_has_one_number_of_faces(faces: Pair, trained: list[dict[str, Any]]) -> None:
    found = facekit.compare(*faces, "segmentation", ["pixels", "dots"], 2, 2, **FAST, seconds_per_label=60)
    assert found.shots == [2] and len(found.differences) == 1 and found.labelling[0].shots == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shots": [10]}, r"at least 15 labelled images \(10 to adapt on and 5 to score\), got 14"),
        ({"shots": []}, "at least one number of faces"),
        ({"shots": [0]}, "shots=0: expected at least 1"),
        ({"shots": 5}, r"pass one such as \[1, 5, 10\]"),
        ({"draws": 0}, "draws=0: expected at least 1"),
        ({"backbones": ["pixel"]}, "did you mean 'pixels'"),
        ({"backbones": ["pixels", "pixels"]}, "got 'pixels' twice"),
        ({"backbones": "pixels"}, "a list of names"),
        ({"task": "landmarks"}, "backbone 'pixels' cannot do 'landmarks': expected one of 'segmentation'"),
        ({"groups": [1, 2]}, "one person's name per image, 14 in all, got 2"),
        ({"test_images": "faces"}, "test_images: expected test_labels, too"),
        ({"weights": {"fsma": "none"}}, "names of the compared backbones, got 'fsma'"),
        ({"weights": {"pixels": "missing.pth"}}, "missing.pth, which is missing"),
        ({"seconds_per_label": -1}, "seconds_per_label=-1"),
        ({"width_of_hidden": 3}, "width_of_hidden"),
        ({"seed": -1}, "seed=-1"),
        ({"align": "eyes"}, "align"),
    ],
)
def test_wrong_input_is_found_before_any_training(
    change: dict[str, Any], message: str, faces: Pair, trained: list[dict[str, Any]]
) -> None:
    arguments: dict[str, Any] = {"task": "segmentation", "backbones": ["pixels"], "shots": [1], **FAST, **change}
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=message):
        facekit.learning_curve(*faces, **arguments)
    assert not trained


def test_an_image_may_not_train_and_score(faces: Pair, trained: list[dict[str, Any]]) -> None:
    images, masks = faces
    twice = images.copy()
    twice[9] = twice[2]
    with pytest.raises(ValueError, match="got image 2 and image 9 with equal pixels"):
        _curve((twice, masks))
    with pytest.raises(
        ValueError, match="test_images: expected other images than in images=, got image 0, which equals"
    ):
        _curve((images, masks), test_images=images[3:], test_labels=masks[3:])
    assert not trained
    _curve((twice, masks), groups=[0 if i in (2, 9) else i + 1 for i in range(14)], draws=1, backbones=["pixels"])
