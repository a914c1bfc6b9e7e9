"""Every task on FaRL's backbone adapts, saves and predicts through the public calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.farl_tiny import tiny_pair
from safetensors.torch import save_file

import facekit
from facekit.backbones.farl.config import PAPER, named_recipe
from facekit.backbones.farl.image_text_model import to_clip
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.labels import FACEKIT_27, FASSEG_6, segmentation_map
from facekit.results.types import Attributes, ImageResult, Landmarks, Segmentation

RESULTS = {
    "landmarks": Landmarks,
    "segmentation": Segmentation,
    "attributes": Attributes,
    "stylization": ImageResult,
    "shadow_removal": ImageResult,
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(to_clip(tiny_pair()), path, {"heads_image": "2", "heads_text": "2"})
    return path


@pytest.fixture(scope="module")
def faces() -> dict[str, Any]:
    batch = GeneratedFaces(seed=41, size=64, yaw=(-20, 20)).batch(range(6), want=("image", "mask", "landmarks68"))
    table = segmentation_map(FACEKIT_27, FASSEG_6)
    return {
        "pictures": list(batch["image"].permute(0, 2, 3, 1).numpy()),
        "landmarks": batch["landmarks68"].numpy(),
        "segmentation": [np.where(m == 255, 0, m) for m in table[batch["mask"].numpy()]],
        "attributes": np.array([[0, 1], [1, 0], [1, np.nan], [0, 0], [1, 1], [0, 1.0]]),
        "stylization": list(255 - batch["image"].permute(0, 2, 3, 1).numpy()),
        "shadow_removal": None,
    }


def adapted(faces: dict[str, Any], task: str, weights: Any, **settings: Any) -> facekit.Model:
    quick: dict[str, Any] = {"steps": 3, "batch_size": 4, "views": 1, "least_views": 6, "head_channels": 16}
    return facekit.adapt(
        faces["pictures"],
        faces[task],
        task,
        "farl",
        weights=weights,
        device="cpu",
        progress=False,
        **{**quick, **settings},
    )


@pytest.mark.parametrize("task", list(RESULTS))
def test_every_task_adapts_saves_and_comes_back(
    faces: dict[str, Any], weights: Path, tmp_path: Path, task: str
) -> None:
    model = adapted(faces, task, weights)
    result = facekit.predict(model, faces["pictures"][0])
    assert isinstance(result, RESULTS[task])
    model.save(tmp_path / "m.facekit")
    again = facekit.predict(facekit.load(tmp_path / "m.facekit", "cpu"), faces["pictures"][0])
    assert np.array_equal(again.draw(), result.draw())
    same = facekit.predict(adapted(faces, task, weights), faces["pictures"][0])
    assert np.array_equal(same.draw(), result.draw()), "same seed, same result"


@pytest.mark.slow
def test_heads_learn(faces: dict[str, Any], weights: Path) -> None:
    losses = {}
    for task in ("landmarks", "segmentation", "attributes", "stylization"):
        short, long = (adapted(faces, task, weights, steps=n, lr=5e-3).about["loss"] for n in (1, 40))
        losses[task] = (short, long)
    assert all(long < 0.9 * short for short, long in losses.values()), losses


def test_three_heads_share_one_run_of_the_tower(faces: dict[str, Any], weights: Path, tower_runs: list[int]) -> None:
    models = [adapted(faces, task, weights) for task in ("segmentation", "landmarks", "attributes")]
    apart = [facekit.predict(m, faces["pictures"][0]) for m in models]
    tower_runs.clear()
    parsed, aligned, tagged = facekit.predict(models, faces["pictures"][0])
    assert sum(tower_runs) == 2, "the face and its mirrored copy, once each"
    assert np.array_equal(parsed.mask, apart[0].mask) and np.allclose(aligned.points, apart[1].points, atol=1e-3)
    assert np.allclose(tagged.probabilities, apart[2].probabilities, atol=1e-5)
    # Another tower, or one that trained, shares nothing.
    other = [models[0], adapted(faces, "landmarks", "none"), adapted(faces, "attributes", weights, tower_lr=1e-3)]
    tower_runs.clear()
    facekit.predict(other, faces["pictures"][0])
    assert tower_runs == [2, 2, 2], "the face and its mirrored copy in each, for the masks tell how parts are mirrored"


def test_kept_features_equal_new_ones(faces: dict[str, Any], weights: Path) -> None:
    kept, anew = (adapted(faces, "segmentation", weights, cache=c, steps=5).about["loss"] for c in (True, False))
    assert kept == pytest.approx(anew, rel=1e-3)


def test_tuning_moves_the_tower(faces: dict[str, Any], weights: Path) -> None:
    frozen, tuned = (adapted(faces, "attributes", weights, tower_lr=rate) for rate in (None, 1e-3))
    before = tiny_pair().image.state_dict()
    assert all(torch.equal(v, before[k]) for k, v in frozen.network.tower.state_dict().items())
    assert any(not torch.equal(v, before[k]) for k, v in tuned.network.tower.state_dict().items())


def test_settings_of_the_backbone(faces: dict[str, Any], weights: Path, tmp_path: Path) -> None:
    large = adapted(faces, "segmentation", weights, input_size=64, layers=(12, 12, 12, 12))
    assert large.input_size == 64 and large.network.layers == (12,) * 4
    stand_in = adapted(faces, "landmarks", "none", tower="vit_tiny_patch16_224", input_size=64)
    stand_in.save(tmp_path / "m.facekit")
    result = facekit.predict(facekit.load(tmp_path / "m.facekit", "cpu"), faces["pictures"][0])
    assert np.array_equal(result.points, facekit.predict(stand_in, faces["pictures"][0]).points)
    with pytest.raises(ValueError, match="no such model"):
        adapted(faces, "landmarks", "none", tower="vit_of_nobody")
    with pytest.raises(TypeError, match="no field 'tower_lr'.*'tower_lr' is a field of 'farl' and 'synthparse'"):
        facekit.adapt(faces["pictures"], faces["landmarks"], weights="none", tower_lr=1e-3, steps=1, progress=False)


def test_recipes_are_the_papers() -> None:
    parsing, points, tags = (PAPER[task] for task in ("segmentation", "landmarks", "attributes"))
    assert (parsing.lr, points.lr, parsing.weight_decay, points.weight_decay) == (1e-3, 1e-2, 1e-5, 1e-5)
    assert (parsing.rotate, points.rotate, parsing.scale, points.heatmaps) == (18.0, 10.0, (0.9, 1.1), "farl-128")
    assert tags.lr == 0.3 and tags.cosine and named_recipe("paper", "attributes", True, 1000).steps == 100 * 10
    assert named_recipe("paper-ft-448", "segmentation", True, 10).input_size == 448
    assert named_recipe("paper-ft", "landmarks", True, 10).tower_lr == 1e-4
    with pytest.raises(ValueError, match="a task of the paper .segmentation, landmarks, attributes., got"):
        named_recipe("paper", "stylization", True, 10)
    with pytest.raises(ValueError, match="'paper-ft-448'"):
        named_recipe("300w-5%", "landmarks", True, 10)
