"""The generator's own samples: labels by the ready parser, known codes for the rows that run the generator."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import facekit
from facekit.papers.catalogue import EXPERIMENTS
from facekit.papers.pftgan_data import own_samples, split_own


@pytest.mark.slow
def test_own_samples_and_their_codes(tmp_path: Path) -> None:
    images, masks, codes = own_samples()
    assert len(images) == len(masks) == len(codes) == 80 and images[0].shape == (256, 256, 3)
    found = facekit.load_backbone("pftgan").synthesize(torch.from_numpy(codes[:2]))
    shown = torch.from_numpy(images[0]).permute(2, 0, 1)[None] / 255
    small = torch.nn.functional.interpolate(shown, found.shape[-1], mode="area")
    assert float((found[0].detach() - small[0]).abs().mean()) < 0.02
    first, again = split_own(2, 0), split_own(2, 0)
    assert all(np.array_equal(a, b) for a, b in zip(first.images, again.images, strict=True))
    assert len(first.unseen) == 60

    experiment = EXPERIMENTS["pftgan/fair"]
    cells = {cell.row: cell for cell in experiment.cells("mini", None, tmp_path, 1) if cell.column == "own samples, 1"}
    assert set(cells) == {"PFTGAN", "DatasetGAN", "FaRL-mini", "UNet"}  # DINOv2's weights are not there
    short = {"steps": 1, "members": 1, "classifier_epochs": 1, "pixels": 300}
    cell = cells["PFTGAN"]
    scores = experiment.measure(dataclasses.replace(cell, settings={**cell.settings, **short}))
    assert all(math.isfinite(scores[name]) for name in experiment.shown)
