"""The fused pixel classifier gives the numbers of the full feature stack and of DatasetGAN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers.parity import same
from helpers.parity_recipe import fill, noise, state_of
from helpers.pftgan_stack import peak, stack
from torch import Tensor

from facekit.backbones.pftgan import fused_classifier as fused
from facekit.backbones.pftgan.classifier_memory import estimate_memory
from facekit.backbones.pftgan.pixel_classifier import Ensemble, PixelClassifier
from facekit.backbones.pftgan.pixel_sampling import sample_features

CHANNELS = (5, 3, 4, 6, 2)
SIDES = ((3, 4), (7, 7), (7, 7), (13, 11), (20, 20))


def random_maps(images: int = 2, seed: int = 0) -> list[Tensor]:
    source = torch.Generator().manual_seed(seed)
    return [torch.randn(images, c, *s, generator=source) for c, s in zip(CHANNELS, SIDES, strict=True)]


def trained(network: torch.nn.Module, seed: int = 0) -> Any:
    """In eval mode, with weights and running averages that all matter."""
    source = torch.Generator().manual_seed(seed)
    for name, t in network.state_dict().items():
        if t.is_floating_point():
            t.copy_(
                0.5 + torch.rand(t.shape, generator=source)
                if "running_var" in name
                else torch.randn(t.shape, generator=source) / max(1, t[0].numel()) ** 0.5
            )
    return network.eval()


def as_pixels(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).flatten(0, 2)


@pytest.fixture(scope="session")
def reference(references: Path) -> dict[Any, Any]:
    return torch.load(references / "datasetgan_pixel_classifier.pt", weights_only=True)


def weights(d: dict[str, Any]) -> dict[str, Tensor]:
    return d["state_dict"] if "state_dict" in d else state_of(d["keys"])


@pytest.mark.parametrize("classes", [8, 31, 32, 34])
@torch.no_grad()
def test_parity_of_networks(reference: dict[Any, Any], classes: int) -> None:
    d = reference[classes]
    network = PixelClassifier([64], classes).eval()
    network.load_state_dict(weights(d))
    same(network(d["input"]), d["output"])
    rows = len(d["input"]) // 10
    fused = network.logits([d["input"].t().reshape(1, 64, rows, 10)], (rows, 10))
    same(as_pixels(fused), d["output"])


@torch.no_grad()
def test_parity_of_the_vote(reference: dict[Any, Any]) -> None:
    d, state = reference["ensemble"], weights(reference[8])
    inputs = d.get("input", noise("ens", (768, 64)))
    ensemble = Ensemble([64], 8).eval()
    for i, member in enumerate(ensemble.members):
        filled = fill({f"m{i}.{k}": v for k, v in state.items()})
        member.load_state_dict({k.removeprefix(f"m{i}."): v for k, v in filled.items()})
    votes = ensemble.vote([inputs.t().reshape(1, 64, 24, 32)], (24, 32))
    assert torch.equal(votes.labels[0].long(), d["mode_label"].long())
    same(as_pixels(votes.probabilities), d["mean_prob"], 1e-4, 1e-5)
    same(votes.divergence.flatten(), d["js"], 1e-4, 1e-5)
    same(votes.uncertainty, d["uncertainty"][None], 1e-4, 1e-5)
    flat = ensemble(inputs)
    assert torch.equal(flat.labels.long(), d["mode_label"].flatten().long())
    same(flat.probabilities, d["mean_prob"], 1e-4, 1e-5)
    same(flat.uncertainty, d["uncertainty"], 1e-4, 1e-5)


@torch.no_grad()
def test_parity_of_the_stack(reference: dict[Any, Any]) -> None:
    maps, theirs = reference["features"]["feats"], reference["features"]["upsampled"]
    rows, columns = torch.arange(64).repeat_interleave(64), torch.arange(64).repeat(64)
    for ours in (sample_features(maps, rows, columns, 64), stack(maps, 64)):
        same(ours.t().reshape(1, -1, 64, 64), theirs, 2e-3, 1e-3)


@pytest.mark.parametrize("band", [1, 60, 10_000])
@pytest.mark.parametrize("side", [1, 5, 7, 20, 33, (13, 11), (9, 50)])
@torch.no_grad()
def test_fused_is_the_stack(side: int | tuple[int, int], band: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "_BAND", 256 * band)
    monkeypatch.setattr(fused, "_BAND_PART", 256)
    maps, network = random_maps(), trained(PixelClassifier(CHANNELS, 34))
    expected = network(stack(maps, side))
    logits = network.logits(maps, side)
    size = (side, side) if isinstance(side, int) else side
    assert logits.shape == (2, 34, *size)
    torch.testing.assert_close(as_pixels(logits), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(logits[1:], network.logits([x[1:] for x in maps], side))


@torch.no_grad()
def test_any_kind_of_map() -> None:
    """Half precision, other layouts, under autocast, from inference mode: each map is read as it is."""
    maps, network = random_maps(), trained(PixelClassifier(CHANNELS, 6))
    expected = network.logits(maps, 16)
    last = [x.contiguous(memory_format=torch.channels_last) for x in maps]
    torch.testing.assert_close(network.logits(last, 16), expected, rtol=1e-5, atol=1e-5)
    turned = [x.mT.contiguous().mT for x in maps]
    torch.testing.assert_close(network.logits(turned, 16), expected, rtol=1e-5, atol=1e-5)
    halves = [x.half() for x in maps]
    torch.testing.assert_close(as_pixels(network.logits(halves, 16)), network(stack(halves, 16)), rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network.logits(maps, 16), expected)
    with torch.inference_mode():
        assert torch.equal(network.logits(random_maps(), 16), expected)


def test_weights_as_datasetgan() -> None:
    network = PixelClassifier([400, 100], 34, torch.Generator().manual_seed(3))
    weight = network.state_dict()["layers.0.weight"]
    assert weight.shape == (256, 500) and abs(float(weight.std()) - 0.02) < 1e-3
    assert all(not network.state_dict()[f"layers.{i}.bias"].any() for i in (0, 3, 6))
    again = PixelClassifier([400, 100], 34, torch.Generator().manual_seed(3)).state_dict()
    assert torch.equal(again["layers.6.weight"], network.state_dict()["layers.6.weight"])


@torch.no_grad()
def test_ensemble_votes_on_maps_as_on_the_stack() -> None:
    maps, ensemble = random_maps(), trained(Ensemble(CHANNELS, 5, 4))
    side = (18, 21)
    votes, flat = ensemble.vote(maps, side), ensemble(stack(maps, side))
    assert votes.labels.shape == (2, *side) and votes.probabilities.shape == (2, 5, *side)
    assert (votes.labels.flatten() == flat.labels).float().mean() > 0.999
    torch.testing.assert_close(as_pixels(votes.probabilities), flat.probabilities, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ensemble.mean_probabilities(maps, side), votes.probabilities)
    torch.testing.assert_close(votes.divergence.flatten(), flat.divergence, rtol=1e-3, atol=1e-5)
    assert votes.uncertainty.shape == (2,) and bool((votes.uncertainty >= votes.divergence.mean((1, 2))).all())
    # The majority is of the members' own choices, not of their mean.
    chosen = torch.stack([member.logits(maps, side).argmax(1) for member in ensemble.members])
    assert torch.equal(votes.labels.long(), F.one_hot(chosen, 5).sum(0).argmax(-1))


@torch.no_grad()
def test_order_of_members_does_not_matter() -> None:
    maps, ensemble = random_maps(), trained(Ensemble(CHANNELS, 5, 5))
    before = ensemble.vote(maps, 16)
    ensemble.members = torch.nn.ModuleList(list(ensemble.members)[::-1])
    after = ensemble.vote(maps, 16)
    assert torch.equal(before.labels, after.labels)
    torch.testing.assert_close(before.probabilities, after.probabilities)
    torch.testing.assert_close(before.divergence, after.divergence, rtol=1e-4, atol=1e-6)


@torch.no_grad()
def test_members_that_agree_do_not_diverge() -> None:
    ensemble = trained(Ensemble(CHANNELS, 5, 3))
    for member in ensemble.members:
        member.load_state_dict(ensemble.members[0].state_dict())
    votes = ensemble.vote(random_maps(), 16)
    assert float(votes.divergence.abs().max()) < 1e-6
    assert torch.equal(votes.labels.long(), ensemble.members[0].logits(random_maps(), 16).argmax(1))


@pytest.mark.parametrize("side", [1, 10, 20, 64, (13, 40)])
def test_sampled_features_are_the_stacks(side: int | tuple[int, int]) -> None:
    maps, size = random_maps(1), (side, side) if isinstance(side, int) else side
    chosen = torch.randperm(size[0] * size[1], generator=torch.Generator().manual_seed(1))[:70]
    found = sample_features(maps, chosen // size[1], chosen % size[1], side)
    torch.testing.assert_close(found, stack(maps, side)[chosen], rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_memory_is_kept_and_said_before() -> None:
    channels, sides = (64, 64, 32, 16), (8, 16, 32, 64)
    maps = [torch.randn(1, c, s, s) for c, s in zip(channels, sides, strict=True)]
    network = trained(PixelClassifier(channels, 34))
    for side in (64, 128):
        usual = estimate_memory(channels, sides, 34, side, members=1)
        used = peak(lambda side=side: network.logits(maps, side))
        assert 0.8 * usual.evaluation < used <= usual.evaluation < usual.evaluation_stack / 2
    limit = usual.evaluation - 500_000
    less = estimate_memory(channels, sides, 34, side, members=1, memory_limit=limit)
    assert less.evaluation <= limit and 1 <= less.rows < usual.rows
    assert peak(lambda: network.logits(maps, side, limit)) <= limit
    torch.testing.assert_close(network.logits(maps, side, limit), network.logits(maps, side))
    with pytest.raises(ValueError, match="memory_limit: expected .*, got 500,000; raise the limit"):
        network.logits(maps, side, 500_000)
    assert str(usual).startswith("evaluation takes ") and "the stack" in str(usual)


@torch.no_grad()
def test_memory_does_not_grow_with_members() -> None:
    maps = random_maps(1)
    few, many = (trained(Ensemble(CHANNELS, 5, members)) for members in (2, 6))
    used = peak(lambda: many.vote(maps, 48))
    assert used == peak(lambda: few.vote(maps, 48))
    assert used <= estimate_memory(CHANNELS, SIDES, 5, 48, members=6).evaluation < 1.3 * used


def test_memory_of_datasetgan() -> None:
    """Its best-known complaint: 160 GB at 1024 px, of which the bank is most; 16 images at 512 px."""
    channels, sides = (
        [512] * 8 + [256] * 2 + [128] * 2 + [64] * 2,
        [4, 4, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128, 256, 256],
    )
    said = estimate_memory(channels, sides, 34, 512, images=16, pixels=100_000)
    assert said.training_stack > 80e9 and said.training < 3e9
    assert said.evaluation < 16 * 512 * 512 * (34 * 4 + 5) + 300e6
