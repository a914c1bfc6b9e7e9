"""The embedded generator and encoder reconstruct a face, and one labelled face trains a segmenter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import facekit
from facekit.alignment import ffhq_frame
from facekit.backbones.pftgan.progressive_stages import FIT_EVERY
from facekit.backbones.pftgan.stylegan2 import Synthesis
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.labels import FACEKIT_27, FASSEG_6, LANDMARKS_68, segmentation_map
from facekit.training.time_estimate import RUNS
from facekit.zoo.embedded import embedded_file

SIDE = 128  # px, twice what the generator sees: adapt()'s own crops


@pytest.fixture(scope="module")
def faces() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """People in no training: portraits that their exact points frame as FFHQ's, which are what the generator knows, and
    masks. A face finder would have its own luck with drawn faces, on each machine another."""
    made = GeneratedFaces(seed=731, size=192, framing=2.4, yaw=(-15, 15), pitch=(-8, 8), roll=(-5, 5))
    batch = made.batch(range(1, 10), want=("image", "mask", "landmarks68"))
    images, masks, table = [], [], segmentation_map(FACEKIT_27, FASSEG_6)
    for image, mask, points in zip(batch["image"], batch["mask"], batch["landmarks68"], strict=True):
        frame = ffhq_frame(points.numpy(), LANDMARKS_68)
        assert frame is not None
        crop = frame.crop((192, 192), SIDE)
        images.append(crop.image(image.permute(1, 2, 0).numpy()))
        masks.append(crop.mask(table[mask.numpy()]))
    return images, masks


def test_the_file_is_small() -> None:
    assert embedded_file("pftgan").stat().st_size < 16_000_000


def test_generates_and_finds_again() -> None:
    backbone = facekit.load_backbone("pftgan")
    made = backbone.generate(torch.randn(8, 128, generator=torch.Generator().manual_seed(0)), truncation=0.7)
    assert made.shape == (8, 3, 128, 128) and float(made.std(0).mean()) > 0.02, "not one face eight times"
    shown = backbone.reconstruct(made)
    own = (shown - made).square().mean((1, 2, 3))
    other = (shown - made.roll(1, 0)).square().mean((1, 2, 3))
    assert float(own.mean()) < 0.5 * float(other.mean())


@pytest.mark.slow
def test_one_labelled_face(faces: tuple[list[np.ndarray], list[np.ndarray]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Few images go through the generator, which is what the time of an adaptation consists of."""
    images, masks = faces
    shown: list[int] = []
    run = Synthesis.run

    def counted(self: Synthesis, ws: Tensor, *rest: Any, **named: Any) -> Any:
        shown.append(len(ws))
        return run(self, ws, *rest, **named)

    monkeypatch.setattr(Synthesis, "run", counted)
    model = facekit.adapt(
        images[:1],
        masks[:1],
        "segmentation",
        "pftgan",
        names=FASSEG_6,
        support_images=images[1:],
        steps=40,
        refine=30,
        views=4,
        members=1,
        progress=False,
        device="cpu",
    )
    r = model.about["recipe"]
    # Both streams generate the labelled views, and the image stream the support images.
    tuned = len(r["stages"]) * r["steps"] * (2 * r["batch_size"] + r["support_batch"])
    # The fit is measured in each stage after the first step and every 20 steps, and once at the end.
    fit = (len(r["stages"]) * (1 + r["steps"] // FIT_EVERY) + 1) * r["views"]
    # And once more for the maps that the classifiers read, of each view and of what says how large they are. The time
    # is estimated by a few runs of one image.
    assert sum(shown) <= r["refine"] * r["views"] + tuned + fit + r["views"] + 1 + RUNS
    scores = facekit.evaluate(model, images[1:], masks[1:])
    everywhere_the_first = np.mean([np.mean(m == masks[0]) for m in masks[1:]])
    assert scores["f1_skin"] > 75 and scores["accuracy"] / 100 > everywhere_the_first
