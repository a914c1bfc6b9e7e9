"""The papers' recipes learn from one generated face in their first steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from helpers.slow import slow_unless

import facekit
from facekit.backbones.fsma.config import TABLE_7
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.labels import FACEKIT_27, HELEN_11, segmentation_map

# Steps of a row of Table 7, and over how many of the last ones the loss is averaged.
STEPS = {"landmarks": 30, "segmentation": 12, "stylization": 8, "shadow_removal": 8}
LAST = 4
# One row of each task, for the default run.
FIRST_ROWS = ("300w-5%", "helen-100%", "stylization-15", "shadow-removal-2500")


@pytest.fixture(scope="module")
def face() -> dict[str, Any]:
    batch = GeneratedFaces(seed=5, size=128, yaw=(-20, 20)).batch(range(1), want=("image", "mask", "landmarks68"))
    mask = segmentation_map(FACEKIT_27, HELEN_11)[batch["mask"].numpy()]
    return {
        "image": batch["image"],
        "landmarks": batch["landmarks68"].numpy(),
        "segmentation": mask,
        "stylization": 255 - batch["image"],
        "shadow_removal": None,
        "attributes": np.array([[0.0, 1, 1, 0]]),
    }


def learned(face: dict[str, Any], task: str, backbone: str, **settings: Any) -> tuple[facekit.Model, list[float]]:
    """The model, and the loss of every step."""
    losses: list[float] = []
    model = facekit.adapt(
        face["image"],
        face[task],
        task,
        backbone,
        names=HELEN_11 if task == "segmentation" else None,
        device="cpu",
        progress=lambda done, steps, values: losses.append(values["loss"]),
        **settings,
    )
    return model, losses


def of_nothing(face: dict[str, Any], model: facekit.Model, losses: list[float]) -> float:
    """The loss of maps that are all zero; for images, of the first step."""
    if model.task.name in ("stylization", "shadow_removal"):
        return losses[0]
    side = model.input_size // model.task.stride
    maps = torch.zeros(1, model.task.channels, side, side)
    labels = torch.as_tensor(face[model.task.name])
    return float(model.task.loss(maps, labels))


def check(face: dict[str, Any], model: facekit.Model, losses: list[float]) -> None:
    reached, nothing = float(np.mean(losses[-LAST:])), of_nothing(face, model, losses)
    assert reached < nothing, f"{reached} after {len(losses)} steps, {nothing} for a zero map: {losses}"


@pytest.mark.filterwarnings("ignore:no pixel of")
@pytest.mark.parametrize("name", slow_unless(FIRST_ROWS.__contains__, TABLE_7))
def test_every_row_of_table_7_learns(name: str, face: dict[str, Any]) -> None:
    task = TABLE_7[name].task
    check(face, *learned(face, task, "fsma", recipe=name, batch_size=1, steps=STEPS[task]))


@pytest.mark.filterwarnings("ignore:no pixel of")
def test_the_row_of_landmarks_needs_its_warm_up(face: dict[str, Any]) -> None:
    model, losses = learned(face, "landmarks", "fsma", recipe="300w-5%", batch_size=1, steps=4, warmup=0)
    assert max(losses) > 100 * of_nothing(face, model, losses), "Adam's first step at the full rate"


@pytest.mark.filterwarnings("ignore:no pixel of", "ignore:The given NumPy array")
@pytest.mark.parametrize("task", [pytest.param("landmarks", marks=pytest.mark.slow), "segmentation", "attributes"])
def test_farls_paper_recipes_learn(task: str, face: dict[str, Any]) -> None:
    settings = {"recipe": "paper", "batch_size": 1, "steps": 16, "least_views": 4, "weights": "embedded"}
    model, losses = learned(face, task, "farl", **settings)
    if task == "landmarks":
        side = model.input_size // model.task.stride
        nothing = math.log(side * side)  # the softmax over a map of one value
    else:
        nothing = math.log(2 if task == "attributes" else len(HELEN_11.classes))
    assert np.mean(losses[-LAST:]) < nothing, losses


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no pixel of")
def test_synthparses_paper_recipe_learns(face: dict[str, Any]) -> None:
    settings = {"recipe": "paper-mobilenet_v2", "weights": "none", "batch_size": 2, "steps": 16, "keep_best": False}
    check(face, *learned(face, "segmentation", "synthparse", **settings))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no pixel of")
def test_pftgans_paper_recipe_learns(face: dict[str, Any]) -> None:
    settings = {"recipe": "paper", "steps": 6, "classifier_epochs": 1, "members": 1, "weights": "embedded"}
    _, losses = learned(face, "segmentation", "pftgan", **settings)
    first, second, third = (losses[6 * i : 6 * i + 6] for i in range(3))
    assert first[-1] < first[0] and second[-1] < first[0] and third[-1] < third[0], losses
