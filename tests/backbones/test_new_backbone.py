"""A new backbone in one folder (pixels/) is found by its name and trains, predicts, saves and loads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import facekit
import tests.backbones.pixels.backbone  # noqa: F401  registers itself
from facekit.data.synthetic_faces.generator import GeneratedFaces

NAMES = ["background", "face"]


def test_a_backbone_in_one_folder(tmp_path: Path) -> None:
    faces = GeneratedFaces(seed=5, size=64, yaw=(-10, 10)).batch(range(8), want=("image", "mask"))
    masks = (faces["mask"].numpy() == 1).astype(np.uint8)
    model = facekit.adapt(
        faces["image"][:4], masks[:4], "segmentation", "pixels", names=NAMES, width=16, progress=False
    )
    assert model.network.width == 16
    assert model.evaluate(faces["image"][4:], masks[4:])["miou"] > 50
    model.save(tmp_path / "pixels.facekit")
    again = facekit.load(tmp_path / "pixels.facekit")
    x = faces["image"][4:].float() / 255
    assert torch.equal(again.maps(x), model.maps(x))
    assert facekit.load_backbone("pixels").features(x)[0].shape == (4, 8, 64, 64)


def test_errors_name_it() -> None:
    image, mask = np.zeros((64, 64, 3), np.uint8), np.eye(64, dtype=np.uint8)
    with pytest.raises(ValueError, match="backbone 'pixels' cannot do 'landmarks': expected one of 'segmentation'"):
        facekit.adapt(image, np.zeros((1, 3, 2)), "landmarks", "pixels")
    with pytest.raises(TypeError, match="backbone 'pixels' has no field 'widht': .* did you mean 'width'"):
        facekit.adapt(image, mask, "segmentation", "pixels", names=NAMES, widht=3)
    with pytest.raises(ValueError, match="backbone='pixel': expected one of 'fsma', .*'pixels'"):
        facekit.adapt(image, mask, "segmentation", "pixel", names=NAMES)
