"""Samples come from the codes of real images where a file has their distribution."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import facekit
from facekit.backbones.pftgan import inversion_training
from facekit.backbones.pftgan.code_distribution import fitted_distribution
from facekit.backbones.pftgan.generator_files import load_generator
from facekit.backbones.pftgan.inversion_encoder import InversionEncoder, InversionSize, at_encoder
from facekit.backbones.pftgan.stylegan2 import Generator, GeneratorSize
from facekit.data.face_pool import plain_views
from facekit.data.named_pools import open_pool

SIZE = GeneratorSize(16, 6, 4, 64, 8, 2)  # 6 codes of 4 numbers


def test_samples_have_mean_and_covariance_of_the_codes() -> None:
    torch.manual_seed(0)
    mixing = torch.randn(3, 24)  # three directions: all are kept
    codes = (torch.randn(5000, 3) @ mixing + 2).view(-1, SIZE.codes, SIZE.w_dim)
    generator = Generator(SIZE, fitted=True)
    assert generator.distribution is not None
    generator.distribution.load_state_dict(fitted_distribution(codes, SIZE.z_dim))
    drawn = generator.codes(torch.randn(20_000, SIZE.z_dim)).flatten(1)
    assert (drawn.mean(0) - 2).abs().max() < 0.1
    wanted = mixing.T @ mixing
    assert (torch.cov(drawn.T) - wanted).abs().max() < 0.06 * wanted.abs().max()
    assert drawn.view(-1, SIZE.codes, SIZE.w_dim)[0].std(0).min() > 0, "layers have codes of their own"

    z = torch.randn(4, SIZE.z_dim)
    whole, mean = generator.codes(z), generator.distribution.mean
    torch.testing.assert_close(generator.codes(z, 0.5) - mean, (whole - mean) / 2)
    torch.testing.assert_close(generator.codes(z, 0.5, cutoff=2)[:, 2:], whole[:, 2:])
    with pytest.raises(ValueError, match="codes: expected those of at least 2 images, got 1; pass more faces"):
        fitted_distribution(codes[:1], SIZE.z_dim)


def test_few_codes_give_few_directions() -> None:
    found = fitted_distribution(torch.randn(3, SIZE.codes, SIZE.w_dim), SIZE.z_dim)
    assert found["basis"][:2].abs().sum((1, 2)).min() > 0.1 and found["basis"][2:].abs().max() < 1e-5


def test_pretraining_fits_the_distribution_that_files_hold(tmp_path: Path) -> None:
    settings = {"steps": 1, "batch_size": 4, "reconstructed": 2, "progress": False, "pool": tmp_path}
    file, plain, again = (tmp_path / name for name in ("g.safetensors", "plain.safetensors", "again.safetensors"))
    facekit.pretrain("stylegan2", "generated:6", out=file, **settings)
    facekit.pretrain("stylegan2", "generated:6", out=plain, fitted_codes=0, **settings)
    held = load_file(file)
    assert held["distribution.mean"].shape == (10, 128) and held["distribution.basis"].shape == (128, 10, 128)
    assert not any(name.startswith("distribution") for name in load_file(plain))

    z = torch.randn(3, 128)
    fitted, unfitted = load_generator(file), load_generator(plain)
    torch.testing.assert_close(
        fitted.codes(z), held["distribution.mean"] + torch.einsum("nz,zlw->nlw", z, held["distribution.basis"].float())
    )
    assert torch.equal(unfitted.codes(z), unfitted.mapping(z)[:, None].repeat(1, 10, 1))

    facekit.pretrain("stylegan2", "generated:6", out=again, weights=file, **settings)
    assert not torch.equal(load_file(again)["distribution.mean"], held["distribution.mean"]), "it is fitted again"


@pytest.mark.parametrize("kind", ["stylegan2", "inversion"])
@pytest.mark.parametrize(
    ("images", "count", "message"),
    [
        ("generated:6", 1, "fitted_codes=1 with 6 faces: expected at least 2 of both"),
        ("generated:1", 5, "fitted_codes=5 with 1 faces: expected at least 2 of both"),
        ("generated:6", -3, "fitted_codes=-3: expected at least 0"),
    ],
)
def test_too_few_codes_are_refused_before_the_training(
    kind: str, images: str, count: int, message: str, tmp_path: Path
) -> None:
    """The distribution is fitted after it, which may be days later."""
    kept = {"keep_generator": True} if kind == "inversion" else {"reconstructed": 2}
    steps: list[int] = []
    with pytest.raises(ValueError, match=message):
        facekit.pretrain(
            kind, images, out=tmp_path / "g.safetensors", weights="embedded", pool=tmp_path, fitted_codes=count,
            steps=1, batch_size=4, progress=lambda done, *_: steps.append(done), **kept,
        )  # fmt: skip
    assert not steps


def test_images_of_the_distribution_are_read_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of large images at once would fill the memory after the training."""
    monkeypatch.setattr(inversion_training, "AT_ONCE", 2)
    pool = open_pool(["generated:5"], 16, tmp_path, False)
    encoder = InversionEncoder(InversionSize(32, SIZE.codes, SIZE.w_dim, 8)).eval()
    seen: list[Tensor] = []
    encoder.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    found = inversion_training.pool_distribution(encoder, pool, 4, SIZE, torch.device("cpu"))
    assert found is not None and [len(x) for x in seen] == [2, 2]
    whole = plain_views(pool, 4, SIZE.resolution)
    torch.testing.assert_close(torch.cat(seen), at_encoder(whole, encoder))
    torch.testing.assert_close(found["mean"], encoder(at_encoder(whole, encoder)).mean(0), rtol=1e-3, atol=1e-4)
