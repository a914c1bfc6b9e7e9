"""A new task in one file (head_pose.py) trains, scores, predicts, saves and loads."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import facekit
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.tasks import TASKS, register


@pytest.fixture(autouse=True)
def head_pose() -> Iterator[ModuleType]:
    """The file, whose import registers the task; other tests do not see it."""
    module = importlib.import_module("tests.tasks.head_pose")
    register(module.HeadPoseTask)
    yield module
    del TASKS["head_pose"]


def test_a_task_in_one_file(tmp_path: Path, head_pose: ModuleType) -> None:
    faces = GeneratedFaces(seed=3, size=96, yaw=(-50, 50))
    known, unseen = (faces.batch(some, want=("image", "pose")) for some in (range(60), range(200, 220)))
    poses, truth = known["pose"].numpy(), unseen["pose"].numpy()
    fields = {"steps": 150, "lr": 2e-2, "weight_decay": 0.3, "views": 1, "least_views": 60, "jitter": 0.0, "shift": 0.0}
    model = facekit.adapt(
        known["image"], poses, "head_pose", "farl", rotate=0.0, scale=(1.0, 1.0), progress=False, **fields
    )
    assert model.evaluate(known["image"], poses)["error"] < 0.5 * np.abs(poses - poses.mean(0)).mean()
    images = list(unseen["image"].permute(0, 2, 3, 1).numpy())
    yaw = np.array([result.angles[0] for result in model.predict(images)])
    assert np.abs(yaw - truth[:, 0]).mean() < np.abs(truth[:, 0] - poses[:, 0].mean()).mean()
    model.save(tmp_path / "pose.facekit")
    again = facekit.load(tmp_path / "pose.facekit")
    result, same = (m.predict(images[0]) for m in (model, again))
    assert isinstance(result, head_pose.HeadPose) and np.array_equal(result.angles, same.angles)
    assert result.draw().shape == (96, 96, 3)


def test_wrong_labels_and_backbones() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(ValueError, match=r"expected labels of shape \(1, 3\), got \(1, 2\)"):
        facekit.adapt(image, [[0.0, 1.0]], "head_pose", "farl", progress=False)
    with pytest.raises(ValueError, match="backbone 'fsma' cannot do 'head_pose'"):
        facekit.adapt(image, [[0.0, 1.0, 2.0]], "head_pose", "fsma", progress=False)
