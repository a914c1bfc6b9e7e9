"""The auto-encoder gives 3FabRec's numbers, and adaptation changes only the layers that it should."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.parity import same
from helpers.parity_recipe import state_of
from safetensors.torch import save_file
from torch import nn

import facekit
from facekit.backbones.fsma.autoencoder import (
    PRESETS,
    AutoEncoder,
    AutoEncoderSize,
    ImageDiscriminator,
    LatentDiscriminator,
)
from facekit.backbones.fsma.network import FSMANetwork

TINY = AutoEncoderSize(128, 8)


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_parameter_counts_are_3fabrecs() -> None:
    net = AutoEncoder(PRESETS["256"])
    assert _count(net.Q) == 11_379_491
    assert _count(net.P) == 10_868_096
    assert _count(LatentDiscriminator()) == 1_102_001
    assert _count(ImageDiscriminator()) == 1_743_744
    head = FSMANetwork(AutoEncoder(PRESETS["256"]), 98, 2, "0000")
    assert sum(p.numel() for p in head.new_parameters()) == 911_360


def test_reproduces_3fabrec(references: Path) -> None:
    """The committed file holds the decoder's side only, from given codes."""
    stored = torch.load(references / "3fabrec_128.pt", weights_only=True)
    state = state_of(stored["keys"])
    net, discriminator, discriminator_z = (
        AutoEncoder(PRESETS["128"]).eval(),
        ImageDiscriminator().eval(),
        LatentDiscriminator().eval(),
    )
    for prefix, part in (("Q.", net.Q), ("P.", net.P), ("D.", discriminator), ("D_z.", discriminator_z)):
        part.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}, strict=True)
    head = FSMANetwork(net, 68, 1, "00000").eval()
    with torch.no_grad():
        for side, name in (("8", "t1"), ("16", "t2"), ("32", "t3"), ("64", "t4")):
            head.transfer[side].weight.copy_(state[f"LMH.{name}.weight"])
        head.output.weight.copy_(state["LMH.lin.weight"])
        out = stored["output"]
        start = net.P.start(out["z_in"])
        computed = {
            "recon": net.P(out["z_in"]),
            "x0": start,
            "x1": net.P.layer1(start),
            "d_z": torch.sigmoid(discriminator_z(out["z_in"]))[:, None],
            "heatmaps": head.from_features([net.P.layer1(start)]),
        }
        if "input" in stored:
            z, maps = net.Q(stored["input"])
            computed |= {"z": z, "q_ft": maps[-1], "d": torch.sigmoid(discriminator(stored["input"]))}
    for name, value in computed.items():
        tolerance = 2e-3 if name == "heatmaps" else 1e-4  # heatmaps are stored in half precision
        same(value, out[name], tolerance, tolerance, name)


@pytest.mark.parametrize(
    ("stride", "skip"), [(2, "0000"), (2, "1000"), (2, "1111"), (1, "00000"), (1, "01010"), (1, "11111")]
)
def test_only_the_new_layers_learn(stride: int, skip: str) -> None:
    torch.manual_seed(0)
    net = FSMANetwork(AutoEncoder(TINY), 5, stride, skip).train()
    before = {k: v.clone() for k, v in net.autoencoder.state_dict().items()}
    out = net(torch.rand(2, 3, 128, 128))
    assert out.shape == (2, 5, 128 // stride, 128 // stride)
    out.square().mean().backward()
    assert all(p.grad is None for p in net.autoencoder.parameters())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.new_parameters())
    torch.optim.SGD(net.new_parameters(), 0.1).step()
    for key, value in net.autoencoder.state_dict().items():
        assert torch.equal(value, before[key]), f"{key} moved"


def test_cached_features_are_the_whole_network() -> None:
    torch.manual_seed(0)
    net = FSMANetwork(AutoEncoder(TINY), 4, 1, "11111").eval()
    x = torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        torch.testing.assert_close(net.from_features(net.frozen_features(x)), net(x))


def test_256_px_shapes() -> None:
    net = FSMANetwork(AutoEncoder(AutoEncoderSize(256, 8)), 3, 1, "11111").eval()
    with torch.no_grad():
        assert net(torch.rand(1, 3, 256, 256)).shape == (1, 3, 256, 256)


def test_256_px_weights_adapt(tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights = AutoEncoder(AutoEncoderSize(256, 16)).state_dict()
    save_file({k: v.contiguous() for k, v in weights.items()}, tmp_path / "ae256.safetensors")
    images = torch.randint(0, 255, (2, 3, 300, 300), dtype=torch.uint8)
    model = facekit.adapt(
        images,
        20 + 250 * torch.rand(2, 5, 2),
        weights=tmp_path / "ae256.safetensors",
        steps=2,
        batch_size=2,
        recipe="customised-landmarks-1",
        progress=False,
        device="cpu",
    )
    assert model.input_size == 256
    assert model.maps(torch.rand(1, 3, 256, 256)).shape == (1, 5, 128, 128), "Table 7's output size"
    assert facekit.predict(model, images[0]).points.shape == (5, 2)


@pytest.mark.parametrize(("stride", "skip"), [(2, "111"), (2, "11111"), (1, "1111"), (2, "1112"), (2, "")])
def test_wrong_skip_codes_are_named(stride: int, skip: str) -> None:
    with pytest.raises(ValueError, match="digits"):
        FSMANetwork(AutoEncoder(TINY), 3, stride, skip)
