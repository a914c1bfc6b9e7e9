"""The fused pixel classifier: the same numbers as the stack that it never builds, and DatasetGAN's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from facekit.backbones.pftgan import classifier, pixels
from facekit.backbones.pftgan.classifier import Ensemble, PixelClassifier
from facekit.backbones.pftgan.pixels import (
    DATASETGAN,
    PFTGAN,
    PixelRecipe,
    draw_pixels,
    estimate_memory,
    fit_classifier,
    sample_features,
)

CHANNELS = (5, 3, 4, 6, 2)
SIDES = ((3, 4), (7, 7), (7, 7), (13, 11), (20, 20))


def random_maps(pictures: int = 2, seed: int = 0) -> list[Tensor]:
    source = torch.Generator().manual_seed(seed)
    return [torch.randn(pictures, c, *s, generator=source) for c, s in zip(CHANNELS, SIDES, strict=True)]


def trained(network: torch.nn.Module, seed: int = 0) -> Any:
    """In eval mode, with weights and running averages that all matter."""
    source = torch.Generator().manual_seed(seed)
    for name, t in network.state_dict().items():
        if t.is_floating_point():
            t.copy_(0.5 + torch.rand(t.shape, generator=source) if "running_var" in name else
                    torch.randn(t.shape, generator=source) / max(1, t[0].numel()) ** 0.5)  # fmt: skip
    return network.eval()


def stack(maps: Sequence[Tensor], side: int | tuple[int, int]) -> Tensor:
    """The definition: (N*H*W,sum(C))."""
    size = (side, side) if isinstance(side, int) else side
    full = torch.cat([F.interpolate(x.float(), size, mode="bilinear", align_corners=False) for x in maps], 1)
    return full.permute(0, 2, 3, 1).flatten(0, 2)


def as_pixels(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).flatten(0, 2)


@pytest.fixture(scope="session")
def reference(parity: Path) -> dict[Any, Any]:
    return torch.load(parity / "datasetgan_pixel_classifier.pt", weights_only=True)


@pytest.mark.parametrize("classes", [8, 31, 32, 34])
@torch.no_grad()
def test_parity_of_networks(reference: dict[Any, Any], classes: int) -> None:
    d = reference[classes]
    network = PixelClassifier([64], classes).eval()
    network.load_state_dict(d["state_dict"])
    torch.testing.assert_close(network(d["input"]), d["output"], rtol=1e-4, atol=1e-4)
    fused = network.logits([d["input"].t().reshape(1, 64, 5, 10)], (5, 10))
    torch.testing.assert_close(as_pixels(fused), d["output"], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_parity_of_the_vote(reference: dict[Any, Any], recipe: ModuleType) -> None:
    d, state = reference["ensemble"], reference[8]["state_dict"]
    ensemble = Ensemble([64], 8).eval()
    for i, member in enumerate(ensemble.members):
        filled = recipe.fill({f"m{i}.{k}": v for k, v in state.items()})
        member.load_state_dict({k.removeprefix(f"m{i}."): v for k, v in filled.items()})
    votes = ensemble.vote([d["input"].t().reshape(1, 64, 24, 32)], (24, 32))
    assert torch.equal(votes.labels[0].long(), d["mode_label"])
    torch.testing.assert_close(as_pixels(votes.probabilities), d["mean_prob"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(votes.divergence.flatten(), d["js"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(votes.uncertainty, d["uncertainty"][None], rtol=1e-4, atol=1e-5)
    flat = ensemble(d["input"])
    assert torch.equal(flat.labels.long(), d["mode_label"].flatten())
    torch.testing.assert_close(flat.probabilities, d["mean_prob"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(flat.uncertainty, d["uncertainty"], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_parity_of_the_stack(reference: dict[Any, Any]) -> None:
    maps, theirs = reference["features"]["feats"], reference["features"]["upsampled"].float()
    rows, columns = torch.arange(64).repeat_interleave(64), torch.arange(64).repeat(64)
    torch.testing.assert_close(sample_features(maps, rows, columns, 64), as_pixels(theirs), rtol=2e-3, atol=1e-3)
    torch.testing.assert_close(stack(maps, 64), as_pixels(theirs), rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("band", [1, 60, 10_000])
@pytest.mark.parametrize("side", [1, 5, 7, 20, 33, (13, 11), (9, 50)])
@torch.no_grad()
def test_fused_is_the_stack(side: int | tuple[int, int], band: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(classifier._BAND, "cpu", band)
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


def peak(run: Callable[[], Any]) -> int:
    """Bytes of all tensors that were alive at once, beside those from before."""
    run()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as measured:
        result = run()
    assert measured.profiler is not None and result is not None
    events = [e for e in measured.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = highest = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        now += event.nbytes()
        highest = max(highest, now)
    return highest


@torch.no_grad()
def test_memory_is_kept_and_said_before() -> None:
    channels, sides, side = (64, 64, 32, 16), (8, 16, 32, 64), 64
    maps = [torch.randn(1, c, s, s) for c, s in zip(channels, sides, strict=True)]
    network = trained(PixelClassifier(channels, 34))
    usual = estimate_memory(channels, sides, 34, side, members=1)
    used = peak(lambda: network.logits(maps, side))
    assert 0.8 * usual.evaluation < used <= usual.evaluation < usual.evaluation_stack / 2
    limit = usual.evaluation - 500_000
    less = estimate_memory(channels, sides, 34, side, members=1, memory_limit=limit)
    assert less.evaluation <= limit and 1 <= less.rows < usual.rows
    assert peak(lambda: network.logits(maps, side, limit)) <= limit
    torch.testing.assert_close(network.logits(maps, side, limit), network.logits(maps, side))
    with pytest.raises(ValueError, match="memory_limit=500,000 bytes came.*raise the limit"):
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
    """Its best-known complaint: 160 GB at 1024 px, of which the bank is most; 16 pictures at 512 px."""
    channels, sides = (
        [512] * 8 + [256] * 2 + [128] * 2 + [64] * 2,
        [4, 4, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128, 256, 256],
    )
    said = estimate_memory(channels, sides, 34, 512, pictures=16, pixels=100_000)
    assert said.training_stack > 80e9 and said.training < 3e9
    assert said.evaluation < 16 * 512 * 512 * (34 * 4 + 5) + 300e6


def toy(pictures: int = 3, side: int = 24, seed: int = 0) -> tuple[list[Tensor], Tensor]:
    """Maps whose signs, at two resolutions, say which of four classes a pixel is; labels at a side of their own."""
    source = torch.Generator().manual_seed(seed)
    coarse, fine = torch.randn(pictures, 1, 3, 3, generator=source), torch.randn(pictures, 1, 6, 6, generator=source)
    maps = [torch.cat([coarse, torch.randn(pictures, 4, 3, 3, generator=source)], 1), torch.cat([fine, fine.abs()], 1)]
    large = [F.interpolate(x, (side, side), mode="bilinear")[:, 0] > 0 for x in (coarse, fine)]
    return maps, large[0].long() * 2 + large[1].long()


SHORT = PixelRecipe(members=2, epochs=6, patience=10_000)


def accuracy(ensemble: Ensemble, maps: list[Tensor], labels: Tensor) -> float:
    return float((ensemble.vote(maps, labels.shape[-1]).labels == labels).float().mean())


@pytest.mark.parametrize("recipe", [DATASETGAN, PFTGAN])
def test_learns(recipe: PixelRecipe) -> None:
    maps, labels = toy(6)
    short = dataclasses.replace(recipe, members=2, epochs=15)
    train, test = slice(0, 5), slice(5, 6)
    ensemble = fit_classifier([x[train] for x in maps], labels[train], 4, recipe=short, progress=False)
    assert not ensemble.training
    assert accuracy(ensemble, [x[train] for x in maps], labels[train]) > 0.95
    assert accuracy(ensemble, [x[test] for x in maps], labels[test]) > 0.85


def test_same_seed_same_weights_whatever_maps_come_from() -> None:
    maps, labels = toy()
    asked = []

    def one(n: int) -> list[Tensor]:
        asked.append(n)
        return [x[n : n + 1] for x in maps]

    states = [
        fit_classifier(source, labels, 4, recipe=SHORT, seed=seed, progress=False).state_dict()
        for source, seed in ((maps, 0), (one, 0), (maps, 1))
    ]
    assert asked == [0, 1, 2]
    assert all(torch.equal(v, states[1][k]) for k, v in states[0].items())
    assert not torch.equal(states[0]["members.0.layers.0.weight"], states[2]["members.0.layers.0.weight"])
    assert not torch.equal(states[0]["members.0.layers.0.weight"], states[0]["members.1.layers.0.weight"])


@pytest.mark.parametrize("killed_after", [3, 8])
def test_resumes_to_the_same_weights(killed_after: int, tmp_path: Path) -> None:
    maps, labels = toy()
    whole = fit_classifier(maps, labels, 4, recipe=SHORT, progress=False).state_dict()

    def kill(done: int, steps: int, losses: dict[str, float]) -> None:
        if done == killed_after + 1:
            raise KeyboardInterrupt

    file = tmp_path / "fit.pt"
    with pytest.MonkeyPatch.context() as patch:
        train = pixels.train
        patch.setattr(pixels, "train", lambda *args, **kwargs: train(*args, save_steps=killed_after, **kwargs))
        with pytest.raises(KeyboardInterrupt):
            fit_classifier(maps, labels, 4, recipe=SHORT, checkpoint=file, progress=kill)
    assert torch.load(file, weights_only=True)["step"] == killed_after
    resumed = fit_classifier(maps, labels, 4, recipe=SHORT, checkpoint=file, progress=False).state_dict()
    assert all(torch.equal(v, resumed[k]) for k, v in whole.items())


def test_stops_early_as_datasetgan(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than 50 batches on end without a new lowest loss; those of the first four epochs are not looked at."""
    maps, labels = toy()
    bank = draw_pixels(maps, labels)
    losses: list[float] = []

    def flat(logits: Tensor, ids: Tensor) -> Tensor:
        losses.append(0.5 if len(losses) < 4 * 27 else 1.0)
        return 0 * logits.sum() + losses[-1]

    monkeypatch.setattr(pixels.F, "cross_entropy", flat)
    program = pixels.PixelFitting(Ensemble(bank.channels, 4, 2), bank, DATASETGAN, torch.device("cpu"))
    assert program.steps == 200 and len(bank.labels) // 64 == 27
    for index in range(100):
        program.step(index)
    # The first batch of epoch 4 is the lowest so far, 51 more are not.
    assert len(losses) == 4 * 27 + 52 and program.stopped
    program.step(100)
    assert len(losses) == 4 * 27 + 52 + 27 and program.member == 1 and not program.stopped


def test_ignored_pixels_are_not_seen() -> None:
    maps, labels = toy()
    partly = labels.clone()
    partly[:, ::3] = 255
    partly[1] = 255
    bank = draw_pixels(maps, partly)
    assert len(bank.labels) == int((partly != 255).sum()) and 255 not in bank.labels
    torch.testing.assert_close(bank.features, stack(maps, 24)[partly.flatten() != 255], rtol=1e-5, atol=1e-5)
    assert draw_pixels(maps, partly, 300, seed=2).features.shape == (300, 7)
    with pytest.raises(ValueError, match="0 of .* pixels are labelled"):
        draw_pixels(maps, torch.full_like(labels, 255))


def test_drawn_pixels_are_those_of_the_labels() -> None:
    maps, labels = toy()
    # A map that says where a pixel is, at the labels' own side: each is drawn once, with its label.
    place = torch.arange(labels.numel(), dtype=torch.float32).view(3, 1, 24, 24)
    bank = draw_pixels([place, *maps], labels, 500)
    found = bank.features[:, 0].long()
    assert len(found.unique()) == 500
    assert torch.equal(labels.flatten()[found], bank.labels)
    torch.testing.assert_close(bank.features, stack([place, *maps], 24)[found], rtol=1e-5, atol=1e-5)
    shares = torch.bincount(found // (24 * 24), minlength=3)
    assert int(shares.max() - shares.min()) <= 1


def test_bank_keeps_its_limit() -> None:
    maps, labels = toy()
    each = pixels.bank_bytes([5, 2], 1) - pixels.bank_bytes([5, 2], 0)
    limit = pixels.bank_bytes([5, 2], 400)
    assert each == 4 * 7 + 24
    assert len(draw_pixels(maps, labels, None, limit).labels) == 400
    with pytest.raises(ValueError, match="draw 400 pixels or raise the limit"):
        draw_pixels(maps, labels, 401, limit)
    with pytest.raises(ValueError, match="raise the limit"):
        fit_classifier(maps, labels, 4, memory_limit=1000, progress=False)
    wide = [torch.randn(2, 200, 8, 8), torch.randn(2, 100, 32, 32)]
    masks = torch.randint(3, (2, 80, 80))
    assert peak(lambda: draw_pixels(wide, masks, 6000)) <= pixels.bank_bytes([200, 100], 6000) + 8 * 5 * 80 * 80


def test_errors_say_what_to_do() -> None:
    maps, labels = toy()
    network, ensemble = PixelClassifier([5, 2], 4), Ensemble([5, 2], 4, 2)
    with pytest.raises(ValueError, match=r"training mode.*call \.eval\(\)"):
        network.logits(maps, 8)
    with pytest.raises(ValueError, match=r"training mode.*call \.eval\(\)"):
        ensemble.vote(maps, 8)
    with pytest.raises(ValueError, match="training mode"):
        ensemble(torch.zeros(4, 7))
    network.eval()
    for bad in (maps[:1], maps[::-1], [], [maps[0], maps[1][:1]], [maps[0][0], maps[1]]):
        with pytest.raises(ValueError, match="expected maps of 5, 2 channels"):
            network.logits(bad, 8)
    with pytest.raises(ValueError, match=r"expected \(P,7\)"):
        network(torch.zeros(4, 8))
    with pytest.raises(ValueError, match="expected at least 1 px"):
        network.logits(maps, 0)
    for settings in (([], 4), ([3], 1), ([3], 256), ([0], 4)):
        with pytest.raises(ValueError, match="2 to 255 classes"):
            PixelClassifier(*settings)
    with pytest.raises(ValueError, match="members=0"):
        Ensemble([3], 4, 0)
    with pytest.raises(ValueError, match="expected 0 to 23"):
        sample_features([x[:1] for x in maps], torch.tensor([24]), torch.tensor([0]), 24)
    with pytest.raises(ValueError, match="expected one picture's"):
        sample_features(maps, torch.tensor([2]), torch.tensor([0]), 24)
    with pytest.raises(ValueError, match="labels hold \\[3\\]: expected 0 to 2, or 255"):
        fit_classifier(maps, labels, 3, progress=False)
    with pytest.raises(ValueError, match="expected \\(N,H,W\\) integers"):
        fit_classifier(maps, labels.float(), 4, progress=False)
    with pytest.raises(ValueError, match="2 label masks"):
        fit_classifier(maps, labels[:2], 4, progress=False)
    with pytest.raises(ValueError, match="classes=256"):
        fit_classifier(maps, labels, 256, progress=False)
    for wrong in ({"optimiser": "lion"}, {"batch_size": 1}, {"epochs": 0}, {"lr": 0.0}, {"pixels": 1}):
        with pytest.raises(
            ValueError, match="=".join(str(v) for pair in wrong.items() for v in pair).replace("lion", "'lion'")
        ):
            fit_classifier(maps, labels, 4, recipe=dataclasses.replace(SHORT, **wrong), progress=False)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="1 channels but 2 sides"):
        estimate_memory([3], [4, 8], 5, 8)
