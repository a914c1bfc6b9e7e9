"""A grown generator begins with the enlarged images of the smaller one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

import facekit
from facekit.backbones.pftgan.filters import binomial_filter, double
from facekit.backbones.pftgan.generator_files import load_generator, read_pair
from facekit.backbones.pftgan.generator_growth import grown_encoder, grown_generator
from facekit.backbones.pftgan.inversion_encoder import InversionEncoder, InversionSize
from facekit.backbones.pftgan.stylegan2 import Generator, GeneratorSize
from facekit.model import find_backbone

SIZE = GeneratorSize(16, 6, 4, 64, 8, 2)  # 6 codes of 4 numbers


def test_a_grown_generator_shows_enlarged_images() -> None:
    torch.manual_seed(0)
    small = Generator(SIZE, fitted=True)
    grown = grown_generator(small, 64)
    assert grown.size == GeneratorSize(64, 6, 4, 64, 8, 2) and grown.distribution is None
    codes = torch.randn(3, grown.size.codes, 4)
    with torch.no_grad():
        image = small.synthesis(codes[:, :6], noise="none")
        large = double(double(image, binomial_filter()), binomial_filter())
        torch.testing.assert_close(grown.synthesis(codes, noise="none"), large)
    grown.synthesis(codes).square().sum().backward()
    for side in (32, 64):
        gradient = grown.synthesis.block(side).torgb.weight.grad
        assert gradient is not None and gradient.abs().max() > 0, "new blocks learn"
    assert grown_generator(small, 16).size == SIZE


@pytest.mark.parametrize("resolution", [8, 24])
def test_a_generator_grows_to_larger_powers_of_two(resolution: int) -> None:
    with pytest.raises(ValueError, match=f"resolution={resolution}: expected a power of two of at least 16"):
        grown_generator(Generator(SIZE), resolution)


def test_no_side_is_no_side_of_a_generator(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="resolution=0: expected at least 16"):
        facekit.pretrain(
            "stylegan2", "generated:6", out=tmp_path / "g.safetensors", weights="embedded", resolution=0, steps=1,
            batch_size=4, progress=False, pool=tmp_path,
        )  # fmt: skip


def test_a_checkpoint_with_an_encoder_is_not_resumed_without_one(tmp_path: Path) -> None:
    """The next checkpoint would lose the encoder."""
    settings: dict[str, Any] = {
        "out": tmp_path / "g.safetensors", "steps": 2, "batch_size": 4, "fitted_codes": 0, "progress": False,
        "pool": tmp_path, "resolution": 32,
    }  # fmt: skip
    facekit.pretrain("stylegan2", "generated:6", until=1, reconstructed=2, **settings)
    before = (tmp_path / "g.checkpoint.pt").read_bytes()
    with pytest.raises(ValueError, match="got one of another training .it trained an encoder, too"):
        facekit.pretrain("stylegan2", "generated:6", reconstructed=0, **settings)
    assert (tmp_path / "g.checkpoint.pt").read_bytes() == before


def test_an_encoder_is_not_trained_further_for_another_generator(tmp_path: Path) -> None:
    files = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        files.append(tmp_path / str(seed) / "g.safetensors")
        files[-1].parent.mkdir()
        state = Generator(GeneratorSize(32, 8, 8, 64, 8, 2)).state_dict()
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, files[-1])
    settings: dict[str, Any] = {
        "out": tmp_path / "e.safetensors", "steps": 2, "batch_size": 4, "progress": False, "pool": tmp_path,
    }  # fmt: skip
    facekit.pretrain("inversion", "generated:6", weights=files[0], until=1, **settings)
    with pytest.raises(ValueError, match="got one of another training .the encoder was trained for another generator"):
        facekit.pretrain("inversion", "generated:6", weights=files[1], **settings)
    with pytest.raises(ValueError, match="expected seed=0, as .*, got seed=1; pass seed=0 to resume it"):
        facekit.pretrain("inversion", "generated:6", weights=files[0], seed=1, **settings)
    with pytest.raises(ValueError, match="the same faces, as .*, got others; pass the same faces"):
        facekit.pretrain("inversion", "generated:8", weights=files[0], **settings)
    facekit.pretrain("inversion", "generated:6", weights=files[0], **settings)


@pytest.mark.parametrize("deltas", [True, False])
def test_a_grown_encoder_repeats_its_last_code(deltas: bool) -> None:
    torch.manual_seed(0)
    small = InversionEncoder(InversionSize(32, 6, 4, 8, deltas), torch.randn(6, 4)).eval()
    grown = grown_encoder(small, 10)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        before, after = small(images), grown(images)
    torch.testing.assert_close(after[:, :6], before)
    torch.testing.assert_close(after[:, 6:], before[:, 5:].expand(-1, 4, -1))
    again = InversionEncoder(grown.size)
    again.load_state_dict(grown.state_dict())
    torch.testing.assert_close(again.eval()(images), after)


@pytest.mark.slow
def test_pretraining_grows_generator_and_encoder_of_a_file(tmp_path: Path) -> None:
    """The embedded pair is grown; after one step with a tiny learning rate it still reconstructs as before."""
    file, embedded = tmp_path / "grown.safetensors", find_backbone("pftgan").files.embedded("pftgan")
    facekit.pretrain(
        "stylegan2", "generated:6", out=file, weights="embedded", resolution=256, steps=1, batch_size=4, lr=1e-9,
        reconstructed=2, progress=False, pool=tmp_path,
    )  # fmt: skip
    small, (grown, encoder) = load_generator(embedded), read_pair(file, None)
    assert grown.size.resolution == 256 and encoder.layers == grown.size.codes == 14
    assert load_file(file)["synthesis.b256.conv0.weight"].shape[0] == grown.size.channels(256)
    with torch.no_grad():
        codes = small.codes(torch.randn(2, 128, generator=torch.Generator().manual_seed(0)), 0.7)
        longer = torch.cat([codes, codes[:, -1:].expand(-1, grown.size.codes - small.size.codes, -1)], 1)
        expected = F.interpolate(small.synthesis(codes, noise="none"), 64, mode="area")
        found = F.interpolate(grown.synthesis(longer, noise="none"), 64, mode="area")
    assert (expected - found).abs().mean() < 0.02
