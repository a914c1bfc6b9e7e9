"""StyleGAN2 gives NVIDIA's numbers, and its discriminator, regularisers, augmentation and training work."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

import facekit
from facekit.backbones.pftgan.adaptive_augmentation import adapted_chance, augmented
from facekit.backbones.pftgan.config import PRETRAIN_MINI
from facekit.backbones.pftgan.discriminator import Discriminator, spread
from facekit.backbones.pftgan.filters import binomial_filter, blur, double
from facekit.backbones.pftgan.generator_training import Pretraining
from facekit.backbones.pftgan.released_generators import read_released
from facekit.backbones.pftgan.stylegan2 import Generator, GeneratorSize
from facekit.backbones.pftgan.stylegan2_layers import ModulatedConv, SynthesisLayer

TINY = GeneratorSize(16, 8, 8, 256, 16, 2)
RECIPE = replace(PRETRAIN_MINI, batch_size=8, bfloat16=False, path_length_every=2, r1_every=2)


class Stripes:
    """16 images of stripes; a `Pool`."""

    side = 20

    def __len__(self) -> int:
        return 16

    def __getitem__(self, indices: Tensor) -> Tensor:
        waves = torch.arange(20)[None, None, None] * (indices[:, None, None, None] + 1)
        return (waves % 7 * 40).expand(-1, 3, 20, -1).to(torch.uint8)


def training(recipe: Any = RECIPE, seed: int = 0) -> Pretraining:
    return Pretraining(Stripes(), TINY, recipe, 10, torch.device("cpu"), seed)


def test_nvidias_generator(parity: Path) -> None:
    known = torch.load(parity / "sg2ada_nvlabs_64.pt", weights_only=True)
    generator = Generator(GeneratorSize(64, 64, 64, 2048, 64))
    generator.load_state_dict(known["state_dict"])
    wanted, z = known["output"], known["z"]
    ours = {
        "ws": generator.codes(z),
        "ws_psi0p7_cut8": generator.codes(z, 0.7, 8),
        "image_const": generator(z),
        "image_none": generator(z, noise="none"),
        "image_psi0p7": generator(z, 0.7),
    }
    for name, value in ours.items():
        torch.testing.assert_close(value, wanted[name], rtol=1e-4, atol=1e-4, msg=name)
    # Of NVIDIA's blocks the last layer.
    layers = generator.synthesis.features(wanted["ws"])[::2]
    for layer, theirs in zip(layers, wanted["block_feats"].values(), strict=True):
        packed = isinstance(theirs, dict)
        mine = layer.contiguous().flatten()[:: theirs["stride"]] if packed else layer
        torch.testing.assert_close(mine, theirs["values"] if packed else theirs, rtol=1e-4, atol=1e-4)
    images = wanted["block_imgs"].items()
    state = None
    for name, image in images:
        state = generator.synthesis.run(wanted["ws"], [int(name[1:])], state)
        assert state.image is not None
        torch.testing.assert_close(state.image, image, rtol=1e-4, atol=1e-4)


def test_a_modulated_convolution_is_the_papers() -> None:
    """Equations 1 and 3 with one set of weights per image, as the paper writes them."""
    layer = SynthesisLayer(5, 7, 8, 6, up=False)
    x, w = torch.randn(3, 5, 6, 6), torch.randn(3, 8)
    style = layer.affine(w)
    for i in range(3):
        weight = layer.weight * style[i][None, :, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        y = torch.nn.functional.conv2d(x[i : i + 1], weight, padding=1)
        expected = torch.nn.functional.leaky_relu(y, 0.2) * 2**0.5
        torch.testing.assert_close(layer(x, w, None)[i : i + 1], expected)
    assert isinstance(layer, ModulatedConv)


def test_filters_keep_the_mean_and_double() -> None:
    kernel, x = binomial_filter(), torch.ones(1, 2, 8, 8)
    assert double(x, kernel).shape == (1, 2, 16, 16) and blur(x, kernel, pad=1, stride=2).shape == (1, 2, 4, 4)
    torch.testing.assert_close(double(x, kernel)[..., 2:-2, 2:-2], torch.ones(1, 2, 12, 12))
    torch.testing.assert_close(blur(x, kernel, pad=2)[..., 2:-2, 2:-2], torch.ones(1, 2, 5, 5))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"resolution": 48}, "resolution=48: expected a power of two"),
        ({"resolution": 64, "channel_base": 32}, "channel_base=32: no channel would be left at 64 px"),
    ],
)
def test_sizes_that_cannot_be(values: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        GeneratorSize(**values)


def test_a_deviation_is_that_of_the_group() -> None:
    x = torch.zeros(8, 2, 3, 3)
    x[0] = 4.0  # one of the group 0, 2, 4, 6 stands out
    found = spread(x)[:, 0, 0, 0]
    assert found[::2].min() > 1.5 and found[1::2].max() < 1e-3 and spread(x[:3]).shape == (3, 1, 3, 3)


def test_every_weight_learns() -> None:
    generator, discriminator = Generator(TINY), Discriminator(TINY)
    discriminator(generator(torch.randn(4, 8), noise="random")).sum().backward()
    for network in (generator, discriminator):
        without = [name for name, p in network.named_parameters() if p.grad is None]
        assert not without and TINY.codes == 6 and len(generator.synthesis.features(torch.zeros(1, 6, 8))) == 5


def test_augmentation() -> None:
    draws = torch.Generator().manual_seed(0)
    x = torch.rand(64, 3, 16, 16) * 2 - 1
    assert augmented(x, 0.0, draws) is x
    few, all_ = augmented(x, 0.02, draws), augmented(x, 1.0, draws)
    same = ((few - x).abs().amax((1, 2, 3)) < 1e-4).float().mean()
    assert 0.3 < same < 1 and ((all_ - x).abs().amax((1, 2, 3)) > 0.05).all()
    again = augmented(x, 0.5, torch.Generator().manual_seed(3))
    assert torch.equal(again, augmented(x, 0.5, torch.Generator().manual_seed(3)))
    grey = torch.full((32, 3, 16, 16), 0.2)
    changed = augmented(grey, 1.0, draws)
    # Neither hue nor saturation touches grey, so that its three channels stay equal.
    assert (changed.std(1) < 1e-5).all() and changed.mean((1, 2, 3)).std() > 0.05
    images = x.clone().requires_grad_(True)
    augmented(images, 1.0, draws).sum().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0


def test_the_chance_follows_the_sign() -> None:
    assert adapted_chance(0.5, 0.9, 100, 0.6, 1000) == pytest.approx(0.6)
    assert adapted_chance(0.05, 0.1, 100, 0.6, 1000) == 0 and adapted_chance(0.95, 1.0, 100, 0.6, 1000) == 1


def test_penalties_are_gradients() -> None:
    """R1 and path lengths against differences of the networks themselves."""
    program = training()
    x = program.real(0)
    penalty = float(program._penalise_gradients(x[:4]))
    fresh = training()  # whose discriminator has not stepped
    discriminator, y = fresh.discriminator.double(), x[:4].double().requires_grad_(True)
    direction, step = torch.randn(4, 3, 16, 16, dtype=torch.float64), 1e-5
    (gradient,) = torch.autograd.grad(discriminator(y).double().sum(), y)
    with torch.no_grad():
        slope = (discriminator(y + step * direction).sum() - discriminator(y - step * direction).sum()) / 2 / step
    assert float((gradient * direction).sum()) == pytest.approx(float(slope), rel=0.01)
    assert penalty == pytest.approx(float(gradient.square().sum((1, 2, 3)).mean()), rel=1e-4)
    before = fresh.path_mean
    assert float(fresh._penalise_path_lengths(8, torch.Generator().manual_seed(1))) >= 0 and fresh.path_mean > before


def test_training_resumes_exactly(tmp_path: Path) -> None:
    straight, stopped = training(), training()
    for i in range(6):
        losses = straight.step(i)
    assert {"discriminator", "generator", "chance"} <= set(losses) and straight.chance > 0
    for i in range(3):
        stopped.step(i)
    torch.save(stopped.state_dict(), tmp_path / "c.pt")
    resumed = training(seed=0)
    resumed.load_state_dict(torch.load(tmp_path / "c.pt", weights_only=True))
    for i in range(3, 6):
        resumed.step(i)
    for a, b in zip(straight.mean.state_dict().values(), resumed.mean.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(straight.mean.mapping.fc0.weight, straight.generator.mapping.fc0.weight)
    assert straight.generator.mapping.w_avg.abs().sum() > 0


def test_the_discriminator_learns_to_tell() -> None:
    program = training(replace(RECIPE, ada_target=0.0, path_length=0.0))
    losses = [program.step(i)["discriminator"] for i in range(60)]
    assert sum(losses[:5]) / 5 > 1.3 and sum(losses[50:]) / 10 < 0.7 and program.chance == 0


@pytest.mark.slow
def test_pretrain_writes_what_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(6):
        Image.fromarray(rng.integers(0, 255, (80, 80, 3), np.uint8)).save(folder / f"{i}.png")
    out = tmp_path / "g.safetensors"
    # The distribution of codes follows the encoder, which has a rate of its own.
    shared: dict[str, Any] = {"steps": 1, "batch_size": 4, "pool": tmp_path, "progress": False, "fitted_codes": 0}
    facekit.pretrain("stylegan2", folder, out=out, **shared)
    found = read_released(out)
    assert (found.resolution, found.w_dim, found.mapping_layers) == (64, 128, 4) and found.discriminator is not None
    discriminator = Discriminator(GeneratorSize(64, 128, 128, 2048, 128, 4))
    wanted = discriminator.state_dict()
    discriminator.load_state_dict({k: v for k, v in found.discriminator.items() if k in wanted})
    with safe_open(out, "pt") as file:
        assert json.loads(file.metadata()["faces"])
        metadata = file.metadata()
    # The mean code is not learned: it follows the codes of each batch, whatever the rate, so it is told apart by far.
    state = load_file(out)
    state["mapping.w_avg"] += 1
    save_file(state, known := tmp_path / "known.safetensors", metadata)
    more = {**shared, "lr": 1e-7, "seed": 1}
    facekit.pretrain("stylegan2", folder, out=tmp_path / "h.safetensors", weights=known, **more)
    again = read_released(tmp_path / "h.safetensors")
    assert again.discriminator is not None
    torch.testing.assert_close(again.state.pop("mapping.w_avg"), found.state.pop("mapping.w_avg") + 1, rtol=0, atol=0.1)
    # At such a rate no weight moves by more than rounding; those of another seed would be far off.
    for before, after in ((found.state, again.state), (found.discriminator, again.discriminator)):
        changed = [k for k, v in before.items() if not torch.allclose(v, after[k], rtol=0, atol=1e-5)]
        assert not changed, "goes on from the file"
    with pytest.raises(FileNotFoundError, match="expected a StyleGAN2 generator's"):
        facekit.pretrain("stylegan2", folder, out=out, weights=tmp_path / "x.pkl", **more)
