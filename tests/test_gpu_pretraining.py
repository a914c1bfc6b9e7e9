"""Generated data, backbones and pre-training on a GPU, as in test_gpu.py: `pytest -m gpu`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.gpu import DEVICE, close, needs_device
from safetensors.torch import save_file

import facekit
from facekit.api.shards import make_shards
from facekit.backbones.farl.tokenizer import VisualTokenizer
from facekit.data.image_text import PairPool
from facekit.data.synthetic_cats import GeneratedAnimals
from facekit.data.synthetic_faces.generator import WANTS, GeneratedFaces
from facekit.training.distributed import ALONE, SharedBatchNorm
from facekit.zoo.embedded import embedded_file

pytestmark = [pytest.mark.gpu, needs_device]


@pytest.mark.parametrize("domain", ["studio", "wild"])
def test_generated_faces_are_the_cpus(domain: str) -> None:
    """Parameters are drawn by numpy, so only rounding differs: at edges it decides which surface a pixel shows."""
    there, here = (
        GeneratedFaces(seed=5, size=64, domain=domain, device=device).batch(range(6), want=WANTS)
        for device in (DEVICE, "cpu")
    )
    for name in ("image", "shadow_free"):
        apart = (there[name].cpu().int() - here[name].int()).abs().float()
        assert float(apart.mean()) < 0.5 and float((apart > 8).float().mean()) < 5e-3
    assert float((there["mask"].cpu() != here["mask"]).float().mean()) < 5e-3
    for k in ("68", "44", "98"):
        torch.testing.assert_close(there[f"landmarks{k}"].cpu(), here[f"landmarks{k}"], atol=0.05, rtol=0)
    assert there["caption"] == here["caption"] and torch.equal(there["attributes"].cpu(), here["attributes"])
    assert there["image"].device.type == torch.device(DEVICE).type
    styles = GeneratedFaces(seed=5, size=64, domain=domain, device=DEVICE)[2].styles
    assert {s.shape for s in styles.values()} == {(64, 64, 3)}


def test_generated_animals_are_the_cpus() -> None:
    there, here = (
        GeneratedAnimals(seed=5, size=64, device=device).batch(range(3), want=("image", "mask", "landmarks"))
        for device in (DEVICE, "cpu")
    )
    apart = (there["image"].cpu().int() - here["image"].int()).abs().float()
    assert float(apart.mean()) < 0.5 and float((there["mask"].cpu() != here["mask"]).float().mean()) < 5e-3
    torch.testing.assert_close(there["landmarks"].cpu(), here["landmarks"], atol=0.05, rtol=0)


PRETRAINED: dict[str, dict[str, Any]] = {
    "fsma": {},
    "tokenizer": {"vocabulary": 16},
    "stylegan2": {"reconstructed": 2, "r1_every": 1, "path_length_every": 2},
    "stylegan2 projected": {"reconstructed": 2, "projected": True, "discriminate_reconstructions": True, "r1": 0.0},
    "stylegan2 augmented": {"reconstructed": 0, "ada_every": 1, "ada_images": 8, "style_mixing": 0.5},
}


@pytest.mark.parametrize("name", list(PRETRAINED))
def test_pretraining(name: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"steps": 3, "batch_size": 4, "progress": False, "pool": tmp_path, "device": DEVICE}
    backbone, out = name.split()[0], tmp_path / "b.safetensors"
    losses = facekit.pretrain(backbone, "generated:6", out=out, **settings, **PRETRAINED[name])
    assert all(np.isfinite(v) for v in losses.values())
    # Going on from the checkpoint, on the CPU.
    settings |= {"steps": 4, "device": "cpu", **PRETRAINED[name]}
    more = facekit.pretrain(backbone, "generated:6", out=out, **settings)
    assert all(np.isfinite(v) for v in more.values())


def test_pretraining_of_an_inversion_encoder(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"steps": 2, "batch_size": 4, "progress": False, "pool": tmp_path, "device": DEVICE}
    weights, out = embedded_file("pftgan"), tmp_path / "e.safetensors"
    facekit.pretrain("inversion", "generated:4", weights=weights, out=out, **settings)
    backbone = facekit.load_backbone("pftgan", weights, inversion=out).to(DEVICE)
    x = torch.rand(2, 3, 64, 64, device=DEVICE)
    assert backbone.reconstruct(x).device.type == torch.device(DEVICE).type


def test_pretraining_of_farl(tmp_path: Path) -> None:
    made = make_shards(["generated:8"], tmp_path / "shards", size=96, progress=False, device=DEVICE)
    assert made["pairs"] == 8
    torch.manual_seed(0)
    save_file(VisualTokenizer(40, 8, (8, 8, 8, 8)).state_dict(), tmp_path / "t.safetensors")
    losses = facekit.pretrain(
        "farl",
        tmp_path / "shards",
        out=tmp_path / "f.safetensors",
        steps=2,
        batch_size=4,
        progress=False,
        warmup=1,
        tokenizer=str(tmp_path / "t.safetensors"),
        device=DEVICE,
    )
    assert set(losses) == {"itc", "mim"} and all(np.isfinite(v) for v in losses.values())
    tower = facekit.load_backbone("farl", tmp_path / "f.safetensors")
    x = torch.rand(1, 3, 96, 96)
    close(tower.to(DEVICE).encode(x.to(DEVICE)), tower.to("cpu").encode(x))


def test_shards_are_the_cpus(tmp_path: Path) -> None:
    pools = []
    for device in (DEVICE, "cpu"):
        make_shards(["generated:4"], tmp_path / device, size=64, progress=False, device=device)
        pools.append(PairPool(tmp_path / device))
    for there, here in zip(*([pool[i] for i in range(4)] for pool in pools), strict=True):
        assert there.text == here.text and there.points is not None and here.points is not None
        assert np.abs(there.points - here.points).max() < 0.1
        assert np.abs(there.image.astype(int) - here.image).mean() < 1


@pytest.mark.parametrize("name", ["fsma", "farl", "synthparse", "pftgan"])
def test_backbones_by_themselves(name: str) -> None:
    backbone = facekit.load_backbone(name, "none")
    side = {"fsma": 128, "farl": 96, "synthparse": 128, "pftgan": 64}[name]
    x = torch.rand(2, 3, side, side)
    wanted = backbone.features(x)
    found = backbone.to(DEVICE).features(x.to(DEVICE))
    for a, b in zip(found, wanted, strict=True):
        assert a.device.type == torch.device(DEVICE).type
        close(a, b)


def test_shared_norms() -> None:
    torch.manual_seed(0)
    own = torch.nn.BatchNorm2d(5)
    shared = SharedBatchNorm(own, ALONE).to(DEVICE)
    x = torch.randn(4, 5, 6, 7)
    inputs = [x.clone().requires_grad_(), x.clone().to(DEVICE).requires_grad_()]
    outputs = [own(inputs[0]), shared(inputs[1])]
    for out in outputs:
        (out**3).sum().backward()
    close(outputs[1], outputs[0], 1e-4)
    assert inputs[0].grad is not None and inputs[1].grad is not None
    close(inputs[1].grad, inputs[0].grad, 1e-3)
