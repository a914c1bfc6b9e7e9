"""Known codes of labelled images are read, checked and used instead of the encoder's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import facekit
from facekit.backbones.pftgan.config import PAPER, PFTGANAdaptation
from facekit.backbones.pftgan.known_codes import read_codes

SHORT: dict[str, Any] = {"steps": 1, "members": 1, "classifier_epochs": 1, "pixels": 300, "stages": "1"}


def test_reading(tmp_path: Path) -> None:
    w, file = np.random.default_rng(0).normal(size=(2, 8)), tmp_path / "w.npy"
    np.save(file, w)
    found = read_codes(file, 2, 6, 8)
    assert found.shape == (2, 6, 8) and found.dtype == torch.float32
    assert torch.equal(found[:, 5], torch.from_numpy(w.astype(np.float32)))
    np.save(file, found.numpy() * 2)
    assert torch.equal(read_codes(file, 2, 6, 8), found * 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros((3, 8)), "got shape \\(3, 8\\)"),
        (np.full((2, 8), np.nan), "got NaN or infinity"),
        (np.full((2, 8), 1e300), "got NaN or infinity"),
        (np.zeros((2, 8), int), "expected float numbers, got int64"),
        (np.array([{}], object), "got another file"),
        (b"PK\x03\x04", "got another file"),
        (b"", "got another file"),
    ],
)
def test_wrong_files(tmp_path: Path, content: Any, message: str) -> None:
    file = tmp_path / "w.npy"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        np.save(file, content, allow_pickle=True)
    with pytest.raises(ValueError, match=message):
        read_codes(file, 2, 6, 8)


def test_missing_file_and_moved_views(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="got no such file"):
        read_codes(tmp_path / "x.npy", 2, 6, 8)
    for field in ("views", "least_views"):
        with pytest.raises(
            ValueError, match=f"latent_codes='w.npy' with .*{field}=2.*: expected views=1, least_views=1"
        ):
            PFTGANAdaptation(**{**vars(PAPER), field: 2, "latent_codes": "w.npy"})


def test_adapting_with_known_codes(tmp_path: Path) -> None:
    """The image of the known code is the generator's own, so its reconstruction has no error to learn from."""
    backbone = facekit.load_backbone("pftgan")
    z = torch.randn(1, backbone.generator.size.z_dim, generator=torch.Generator().manual_seed(3))
    codes = backbone.generator.codes(z, 0.7).detach()
    np.save(tmp_path / "w.npy", codes.numpy())
    image = backbone.synthesize(codes)[0].detach()
    mask = np.zeros((128, 128), np.uint8)
    mask[40:100, 30:90] = 1
    losses: list[dict[str, float]] = []

    def note(step: int, steps: int, values: dict[str, float]) -> None:
        losses.append(values)

    settings = {**SHORT, "names": ["background", "face"], "device": "cpu", "progress": note}
    known = facekit.adapt(image, mask[None], "segmentation", "pftgan", latent_codes=str(tmp_path / "w.npy"), **settings)
    assert known.about["recipe"]["latent_codes"] == str(tmp_path / "w.npy")
    encoded = facekit.adapt(image, mask[None], "segmentation", "pftgan", **settings)
    assert losses[0]["image"] < losses[len(losses) // 2]["image"]
    x = image[None]
    assert not torch.equal(known.maps(x), encoded.maps(x))
