"""Pixel classifiers learn from drawn pixels, resume exactly, stop early and keep their memory limit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers.pftgan_stack import peak, stack
from torch import Tensor

from facekit.backbones.pftgan import classifier_training as training
from facekit.backbones.pftgan.classifier_memory import estimate_memory
from facekit.backbones.pftgan.classifier_setup import pixel_fitting
from facekit.backbones.pftgan.classifier_training import PixelFitting, PixelRecipe
from facekit.backbones.pftgan.config import PAPER
from facekit.backbones.pftgan.pixel_classifier import Ensemble, PixelClassifier
from facekit.backbones.pftgan.pixel_sampling import MEMORY_LIMIT, Maps, Pixels, bank_bytes, draw_pixels, sample_features
from facekit.core.random_streams import generator_for
from facekit.training.loop import train

CHANNELS = (5, 3, 4, 6, 2)
SIDES = ((3, 4), (7, 7), (7, 7), (13, 11), (20, 20))

DATASETGAN = PixelRecipe()
PFTGAN = PixelRecipe(optimiser="sgd", lr=0.5)  # section 4.1


def fit_classifier(
    maps: Maps,
    labels: Tensor,
    classes: int,
    recipe: PixelRecipe = PFTGAN,
    pixels: int | None = None,
    memory_limit: int = MEMORY_LIMIT,
    seed: int = 0,
    **options: Any,
) -> Ensemble:
    """Train an ensemble from the beginning; options are those of `train`."""
    drawn = draw_pixels(maps, labels, pixels, memory_limit, seed)
    ensemble = Ensemble(drawn.channels, classes, recipe.members, generator_for(seed, 0, 15))
    program = PixelFitting(ensemble, drawn, recipe, torch.device("cpu"), seed)
    train(program, program.steps, name="pixel classifiers", **options)
    return ensemble.eval()


def toy(images: int = 3, side: int = 24, seed: int = 0) -> tuple[list[Tensor], Tensor]:
    """Maps whose signs, at two resolutions, say which of four classes a pixel is; labels at a side of their own."""
    source = torch.Generator().manual_seed(seed)
    coarse, fine = torch.randn(images, 1, 3, 3, generator=source), torch.randn(images, 1, 6, 6, generator=source)
    maps = [torch.cat([coarse, torch.randn(images, 4, 3, 3, generator=source)], 1), torch.cat([fine, fine.abs()], 1)]
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


@pytest.mark.parametrize("killed_after", [1, 4])
def test_resumes_to_the_same_weights(killed_after: int, tmp_path: Path) -> None:
    maps, labels = toy()
    whole = fit_classifier(maps, labels, 4, recipe=SHORT, progress=False).state_dict()

    def kill(done: int, steps: int, losses: dict[str, float]) -> None:
        if done == killed_after + 1:
            raise KeyboardInterrupt

    file = tmp_path / "fit.pt"
    with pytest.raises(KeyboardInterrupt):
        fit_classifier(maps, labels, 4, recipe=SHORT, checkpoint=file, progress=kill, save_steps=killed_after)
    assert torch.load(file, weights_only=True)["step"] == killed_after
    resumed = fit_classifier(maps, labels, 4, recipe=SHORT, checkpoint=file, progress=False).state_dict()
    assert all(torch.equal(v, resumed[k]) for k, v in whole.items())


def flat_losses(monkeypatch: pytest.MonkeyPatch, *values: list[float]) -> list[int]:
    """Let each member's loss of a batch be the next of its values, the last one again and again. Count batches."""
    count = [0]

    def cross_entropy(logits: Tensor, ids: Tensor, reduction: str) -> Tensor:
        now = [column[min(count[0], len(column) - 1)] for column in values]
        count[0] += 1
        return 0 * logits.sum(1) + torch.tensor(now).repeat_interleave(len(ids) // len(now))

    monkeypatch.setattr(training.F, "cross_entropy", cross_entropy)
    return count


def test_members_stop_early_as_datasetgan(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than 50 batches on end without a new lowest loss; those of the first four epochs are not looked at."""
    maps, labels = toy()
    bank = draw_pixels(maps, labels)
    before = 4 * 27
    falling = [1.0 - 0.001 * i for i in range(before + 200)]
    count = flat_losses(monkeypatch, [0.5] * before + [1.0], falling)
    program = PixelFitting(Ensemble(bank.channels, 4, 2), bank, DATASETGAN, torch.device("cpu"))
    assert program.steps == 100 and len(bank.labels) // 64 == 27
    for index in range(5):
        program.step(index)
    assert program.active == [0, 1] and count[0] == 5 * 27
    # The first batch of epoch 4 is the lowest so far, 51 more are not: the first member stops in epoch 5.
    program.step(5)
    assert program.active == [1] and program.waited == [51, 0]
    stopped = {name: value.clone() for name, value in program.ensemble.members[0].state_dict().items()}
    assert stopped["layers.2.num_batches_tracked"] == before + 52
    for index in range(6, 100):
        program.step(index)
    assert program.active == [] and program.ensemble.members[1].layers[2].num_batches_tracked == before + 200 + 51
    assert count[0] == before + 200 + 51, "nothing is computed after the last member has stopped"
    assert all(torch.equal(v, stopped[k]) for k, v in program.ensemble.members[0].state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize(("images", "epochs"), [(1, 40), (5, 8), (12, 4)])
def test_few_pixels_are_seen_more_often_before_that(images: int, epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """160,000 in all, images of 64 px, where four epochs are less."""
    maps, labels = toy(images, 64)
    count = flat_losses(monkeypatch, [1.0], [1.0])
    ensemble = Ensemble([x.shape[1] for x in maps], 4, 2)
    program = pixel_fitting(ensemble, maps, labels, PAPER, torch.device("cpu"), 0)
    for index in range(epochs + 1):
        assert program.active
        program.step(index)
    assert not program.active and count[0] == epochs * images * 64 + 52


@pytest.mark.parametrize("recipe", [DATASETGAN, PFTGAN])
def test_members_trained_at_once_are_those_trained_alone(recipe: PixelRecipe) -> None:
    """The straightforward way: one classifier after the other. In float64, rounding stays small with every BLAS."""
    maps, labels = toy()
    pixels = draw_pixels(maps, labels)
    bank = dataclasses.replace(pixels, features=pixels.features.double())
    short = dataclasses.replace(recipe, members=3, epochs=2)
    found = Ensemble(bank.channels, 4, 3, generator_for(0, 0, 15)).double()
    program = PixelFitting(found, bank, short, torch.device("cpu"), 0)
    train(program, program.steps, name="pixel classifiers", progress=False)
    ensemble = Ensemble(bank.channels, 4, 3, generator_for(0, 0, 15)).double()
    for m, member in enumerate(ensemble.each()):
        kind = torch.optim.Adam if recipe.optimiser == "adam" else torch.optim.SGD
        optimiser = kind(member.parameters(), recipe.lr)
        for epoch in range(2):
            order = torch.randperm(len(bank.labels), generator=generator_for(0, m * 2 + epoch, 14))
            for chosen in order[: len(order) // 64 * 64].split(64):
                optimiser.zero_grad()
                F.cross_entropy(member(bank.features[chosen]), bank.labels[chosen]).backward()
                optimiser.step()
        for name, expected in member.state_dict().items():
            torch.testing.assert_close(found.members[m].state_dict()[name], expected, rtol=1e-6, atol=1e-8)


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
    each = bank_bytes([5, 2], 1) - bank_bytes([5, 2], 0)
    limit = bank_bytes([5, 2], 400)
    assert each == 4 * 7 + 24
    assert len(draw_pixels(maps, labels, None, limit).labels) == 400
    with pytest.raises(ValueError, match="draw 400 pixels or raise the limit"):
        draw_pixels(maps, labels, 401, limit)
    with pytest.raises(ValueError, match="raise the limit"):
        fit_classifier(maps, labels, 4, memory_limit=1000, progress=False)
    with pytest.raises(ValueError, match="bytes for 2 pixels of 7 features, got 1,000; raise the limit"):
        draw_pixels(maps, labels, None, 1000)
    wide = [torch.randn(2, 200, 8, 8), torch.randn(2, 100, 32, 32)]
    masks = torch.randint(3, (2, 80, 80))
    assert peak(lambda: draw_pixels(wide, masks, 6000)) <= bank_bytes([200, 100], 6000) + 8 * 5 * 80 * 80


def test_a_learning_rate_that_is_too_large_is_named() -> None:
    maps, labels = toy()
    wild = dataclasses.replace(PFTGAN, members=2, epochs=6, lr=1e9)
    with pytest.raises(
        FloatingPointError, match=r"pixel classifiers: .* learning rate 1e\+09; lower it \(classifier_lr"
    ):
        fit_classifier(maps, labels, 4, recipe=wild, progress=False)


def test_memory_of_many_members_is_said_before() -> None:
    """Each member has an order of all pixels."""
    pixels = Pixels(torch.randn(50_000, 7), torch.randint(4, (50_000,)), (5, 2))
    recipe = PixelRecipe(members=20)

    def learn() -> Tensor:
        program = PixelFitting(Ensemble((5, 2), 4, 20), pixels, recipe, torch.device("cpu"))
        (chosen, *_) = program._batches(0)
        return program.descend(chosen)

    said = estimate_memory([5, 2], [8, 8], 4, (250, 200), members=20).training - bank_bytes([5, 2], 50_000)
    assert 8 * 20 * 50_000 < peak(learn) <= said


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
    with pytest.raises(ValueError, match="expected one image's"):
        sample_features(maps, torch.tensor([2]), torch.tensor([0]), 24)
    with pytest.raises(ValueError, match="expected \\(N,H,W\\) integers"):
        fit_classifier(maps, labels.float(), 4, progress=False)
    with pytest.raises(ValueError, match="2 label masks"):
        fit_classifier(maps, labels[:2], 4, progress=False)
    with pytest.raises(ValueError, match="classes=256"):
        fit_classifier(maps, labels, 256, progress=False)
    with pytest.raises(ValueError, match="pixels=1"):
        fit_classifier(maps, labels, 4, pixels=1, progress=False)
    for wrong in ({"optimiser": "lion"}, {"batch_size": 1}, {"epochs": 0}, {"lr": 0.0}):
        with pytest.raises(
            ValueError, match="=".join(str(v) for pair in wrong.items() for v in pair).replace("lion", "'lion'")
        ):
            fit_classifier(maps, labels, 4, recipe=dataclasses.replace(SHORT, **wrong), progress=False)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="1 channels but 2 sides"):
        estimate_memory([3], [4, 8], 5, 8)
