"""The embedded generator and encoder: a face is found again, and one labelled face makes a part segmenter."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch

import facekit
from facekit.data.generated import GeneratedFaces
from facekit.labels import FACEKIT_27, FASSEG_6, segmentation_map
from facekit.weights import embedded_file


@pytest.fixture(scope="module")
def faces() -> dict[str, Any]:
    """Faces of people in no training."""
    made = GeneratedFaces(seed=731, size=160, framing=2.2, yaw=(-15, 15), pitch=(-8, 8), roll=(-5, 5))
    return made.batch(range(9), want=("image", "mask"))


def test_the_file_is_small() -> None:
    assert embedded_file("pftgan").stat().st_size < 16_000_000


def test_generates_and_finds_again() -> None:
    backbone = facekit.load_backbone("pftgan")
    made = backbone.generate(torch.randn(8, 128, generator=torch.Generator().manual_seed(0)), truncation=0.7)
    assert made.shape == (8, 3, 64, 64) and float(made.std(0).mean()) > 0.02, "not one face eight times"
    shown = backbone.reconstruct(made)
    own = (shown - made).square().mean((1, 2, 3))
    other = (shown - made.roll(1, 0)).square().mean((1, 2, 3))
    assert float(own.mean()) < 0.5 * float(other.mean())


def test_one_labelled_face(faces: dict[str, Any]) -> None:
    pictures = [p.permute(1, 2, 0).numpy() for p in faces["image"]]
    masks = list(segmentation_map(FACEKIT_27, FASSEG_6)[faces["mask"].numpy()])
    started = time.process_time()
    model = facekit.adapt(
        pictures[:1], masks[:1], "segmentation", "pftgan", names=FASSEG_6, align="ffhq", support_images=pictures[1:],
        steps=40, refine=30, views=4, members=1, progress=False, device="cpu",
    )  # fmt: skip
    assert time.process_time() - started < 240
    scores = facekit.evaluate(model, pictures[1:], masks[1:])
    everywhere_the_first = np.mean([np.mean(m == masks[0]) for m in masks[1:]])
    assert scores["f1_skin"] > 60 and scores["accuracy"] / 100 > everywhere_the_first - 0.05
