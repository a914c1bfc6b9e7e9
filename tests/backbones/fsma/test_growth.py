"""FSMA's auto-encoder grows from 128 to 256 px, and pre-training continues from weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file

from facekit.api.pretraining import pretrain
from facekit.backbones.fsma.autoencoder import AutoEncoder, AutoEncoderSize
from facekit.backbones.fsma.growth import grow
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.images.reader import save_image
from facekit.model import find_backbone

fsma = find_backbone("fsma")


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    blobs = torch.rand(16, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    images = (F.interpolate(blobs, size=160, mode="bilinear") * 255).byte().permute(0, 2, 3, 1).numpy()
    for i, image in enumerate(images):
        save_image(image, folder / f"{i}.png")
    return folder


def _double(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


@pytest.mark.slow
def test_grown_network_reconstructs_like_the_small_one() -> None:
    small = fsma.load("embedded")
    faces = GeneratedFaces(seed=9, size=128, domain="wild").batch(range(24), want=("image",))["image"].float() / 255
    large = _double(faces)
    before = {k: v.clone() for k, v in small.state_dict().items()}
    net = grow(small, AutoEncoderSize(256, 32), large[:16])
    assert all(torch.equal(before[k], v) for k, v in small.state_dict().items())
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items() if k in before)
    shared_only = AutoEncoder(AutoEncoderSize(256, 32)).eval()
    shared_only.load_state_dict(before, strict=False)
    wanted = _double(small.reconstruct(faces[16:]))
    grown, unprepared = (float((n.reconstruct(large[16:]) - wanted).abs().mean() * 255) for n in (net, shared_only))
    assert grown < 8 < 30 < unprepared  # grey levels
    loss, small_loss = ((y - large[16:]).abs().mean() * 255 for y in (net.reconstruct(large[16:]), wanted))
    assert loss < 1.1 * small_loss
    # Training mode is where it goes on: there too the new layers change little.
    both = [n.train().reconstruct(x[16:]) for n, x in ((net, large), (small, faces))]
    assert (both[0] - _double(both[1])).abs().mean() * 255 < 14


def test_pretraining_goes_on_at_256_px(faces: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    # Not narrower: with fewer than 16 channels oneDNN (torch 2.15, AVX-512) writes past the gradient of a channels-last
    # 1x1 convolution of stride 2 when the map is 64 px wide.
    tiny = {
        k: v.half() if v.is_floating_point() else v
        for k, v in AutoEncoder(AutoEncoderSize(128, 16)).state_dict().items()
    }
    save_file(tiny, tmp_path / "ae128.safetensors")
    out = tmp_path / "ae256.safetensors"
    losses = pretrain(
        "fsma",
        faces,
        preset="256",
        weights=tmp_path / "ae128.safetensors",
        out=out,
        steps=2,
        batch_size=2,
        pool=tmp_path,
        progress=False,
        device="cpu",
    )
    assert np.isfinite(list(losses.values())).all()
    net = fsma.load(out)
    assert net.size == AutoEncoderSize(256, 16)
    with safe_open(out, "pt") as file:
        assert file.metadata()["started_from"] == "ae128.safetensors"
    # Two steps of 2e-5: what was copied is still there.
    kept = net.state_dict()["Q.layer3.0.conv1.weight"] - tiny["Q.layer3.0.conv1.weight"].float()
    assert kept.abs().max() < 1e-3


def test_what_does_not_grow_is_named(faces: Path, tmp_path: Path) -> None:
    small, images = AutoEncoder(AutoEncoderSize(128, 8)), torch.rand(2, 3, 256, 256)
    with pytest.raises(ValueError, match="width 8 and z_dim 99.*16 and 99"):
        grow(small, AutoEncoderSize(256, 16), images)
    with pytest.raises(ValueError, match="z_dim"):
        grow(small, AutoEncoderSize(256, 8, 50), images)
    with pytest.raises(ValueError, match="from 256 to 256"):
        grow(AutoEncoder(AutoEncoderSize(256, 8)), AutoEncoderSize(256, 8), images)
    large = AutoEncoder(AutoEncoderSize(256, 16)).state_dict()
    save_file({k: v.contiguous() for k, v in large.items()}, tmp_path / "ae256.safetensors")
    with pytest.raises(ValueError, match="do not shrink"):
        pretrain("fsma", faces, weights=tmp_path / "ae256.safetensors", out=tmp_path / "x.safetensors")
    with pytest.raises(FileNotFoundError, match="any.safetensors"):
        pretrain("fsma", faces, preset="256", weights="any.safetensors", out=tmp_path / "x.safetensors")


def test_going_on_from_weights_of_the_same_size(faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "more.safetensors"
    settings: dict[str, Any] = {"steps": 1, "batch_size": 4, "lr": 1e-6, "pool": tmp_path, "progress": False}
    pretrain("fsma", faces, weights="embedded", out=out, device="cpu", **settings)
    (known, discriminator), (new, judge) = ((fsma.load(w), fsma.discriminator(w)) for w in ("embedded", out))
    assert new.size == known.size
    for name in ("Q.layer4.1.conv2.weight", "P.layer4.0.conv1.weight"):
        assert 0 < (new.state_dict()[name] - known.state_dict()[name]).abs().max() < 1e-3
    assert torch.allclose(discriminator[1].main[0].weight, judge[1].main[0].weight, atol=1e-3), (
        "the discriminator goes on, too"
    )
