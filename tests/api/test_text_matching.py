"""`match` and `explain` compare faces with texts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.farl_tiny import tiny_pair
from safetensors.torch import save_file

import facekit
from facekit.backbones.farl.image_text_model import to_clip
from facekit.images.reader import save_image


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(to_clip(tiny_pair()), path, {"heads_image": "2", "heads_text": "2"})
    return path


IMAGES = [np.random.default_rng(i).integers(0, 256, (50, 40, 3), dtype=np.uint8) for i in range(3)]


def test_rows_are_probabilities(weights: Path) -> None:
    texts = ["a man", "a woman", "a cat"]
    many = facekit.match(IMAGES, texts, weights=weights)
    assert many.shape == (3, 3) and np.allclose(many.sum(1), 1, atol=1e-5)
    assert np.allclose(facekit.match(IMAGES[1], texts, weights=weights), many[1], atol=1e-5)
    swapped = facekit.match(IMAGES[1], texts[::-1], weights=weights)
    assert np.allclose(swapped[::-1], many[1], atol=1e-5)
    assert facekit.match(IMAGES[0], "a man", weights=weights).tolist() == [1.0]
    with pytest.raises(ValueError, match="texts: expected at least one, got none"):
        facekit.match(IMAGES, [], weights=weights)


def test_explanation_lies_on_the_image(weights: Path, tmp_path: Path) -> None:
    found = facekit.explain(IMAGES[0], "a man", weights=weights)
    assert found.heat.shape == (50, 40) and found.heat.min() >= 0 and 0.5 < found.heat.max() <= 1
    drawn = found.draw()
    hot, cold = found.heat > 0.5, found.heat == 0
    assert (drawn[hot] != IMAGES[0][hot]).any() and (drawn[cold] == IMAGES[0][cold]).all()
    found.save(tmp_path / "why.json")
    assert json.loads((tmp_path / "why.json").read_text())["text"] == "a man"
    found.save(tmp_path / "why.png")
    assert (facekit.load_image(tmp_path / "why.png") == drawn).all()
    with pytest.raises(ValueError, match="expected one image, got 3"):
        facekit.explain(IMAGES, "a man", weights=weights)


def test_images_come_from_files_too(weights: Path, tmp_path: Path) -> None:
    for i, image in enumerate(IMAGES):
        save_image(image, tmp_path / f"{i}.png")
    both = facekit.match(tmp_path, ["a man", "a woman"], weights=weights)
    assert np.allclose(both, facekit.match(IMAGES, ["a man", "a woman"], weights=weights), atol=1e-5)
