"""PFTGAN's network is fitted in all its stages on a tiny generator."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.pftgan_tiny import SIZE, changed, state, tiny_generator
from torch import Tensor

from facekit.backbones.pftgan.adaptation import LatentCodes, stream_adaptation
from facekit.backbones.pftgan.config import PFTGANAdaptation
from facekit.backbones.pftgan.inversion_encoder import InversionEncoder, InversionSize
from facekit.backbones.pftgan.inversion_training import images_of
from facekit.backbones.pftgan.network import PFTGANNetwork, dense_logits, layer_channels
from facekit.backbones.pftgan.pixel_classifier import PixelClassifier
from facekit.backbones.pftgan.stylegan2 import Generator
from facekit.labels import segmentation_set
from facekit.model import find_backbone
from facekit.tasks import SegmentationTask, StylizationTask
from facekit.training.sequence import StagedProgram
from facekit.training.views import AugmentedViews, TrainingData


@pytest.fixture
def generator() -> Generator:
    return tiny_generator()


@pytest.mark.parametrize(
    ("paints", "members", "colours"), [(False, 1, False), (False, 1, True), (False, 3, True), (True, 1, True)]
)
def test_the_network(paints: bool, members: int, colours: bool, generator: Generator) -> None:
    encoder = InversionEncoder(InversionSize(32, SIZE.codes, 8, 4), generator.mapping.w_avg)
    network = PFTGANNetwork(encoder, generator.synthesis, 3 if paints else 5, 1, paints, members, colours).eval()
    x = torch.rand(2, 3, 32, 32)
    maps = network(x)
    assert maps.shape == (2, 3 if paints else 5, 32, 32)
    again = PFTGANNetwork.from_dict(network.to_dict()).eval()
    again.load_state_dict(network.state_dict())
    torch.testing.assert_close(again(x), maps)
    heads = {name for name, p in network.named_parameters() if p.requires_grad}
    assert all(name.startswith("heads.") for name in heads) and bool(heads) != paints
    codes = network.frozen_features(x)[0]
    assert codes.shape == (2, SIZE.codes, 8) and torch.equal(network.from_features([codes]), maps)
    read = network.maps(codes)
    assert tuple(m.shape[1] for m in read) == layer_channels(SIZE, colours)
    if colours:
        assert [m.shape[2] for m in read if m.shape[1] == 3] == list(SIZE.sides)
        torch.testing.assert_close((read[-1] + 1) / 2, images_of(generator.synthesis, codes))
    if paints:
        torch.testing.assert_close(maps, images_of(generator.synthesis, codes))


def test_stage_3_reaches_the_classifiers_by_its_colours_only(generator: Generator) -> None:
    labels = torch.zeros(2, 64, 64, dtype=torch.uint8)
    labels[:, 20:] = 1
    task = SegmentationTask(segmentation_set(["none", "left"]))
    read = []
    for stages in ("12", "123"):
        program = fitted(generator, task, labels, False, stages=stages)
        run(program)
        read.append(program.network.maps(program.held.codes[:1]))
    same = [torch.equal(a, b) for a, b in zip(*read, strict=True)]
    assert same == [m.shape[1] != 3 for m in read[0]]


def test_dense_logits_are_the_fused_ones() -> None:
    torch.manual_seed(0)
    channels = layer_channels(SIZE)
    maps = [torch.randn(2, c, s, s) for c, s in zip(channels, (4, 8, 8, 16, 16, 32, 32), strict=True)]
    head = PixelClassifier(channels, 5).eval()
    torch.testing.assert_close(dense_logits(head, maps, 32), head.logits(maps, 32), rtol=1e-4, atol=1e-5)
    loss = dense_logits(head.train(), maps, 16).square().mean()
    loss.backward()
    assert all(p.grad is not None for p in head.parameters())


@dataclass
class Fitted:
    """A network and its training."""

    network: PFTGANNetwork
    program: StagedProgram
    held: LatentCodes
    views: AugmentedViews


def fitted(generator: Generator, task: Any, labels: Tensor, paints: bool, **settings: Any) -> Fitted:
    torch.manual_seed(2)
    encoder = InversionEncoder(InversionSize(32, SIZE.codes, 8, 4), generator.mapping.w_avg)
    recipe = PFTGANAdaptation(
        steps=2,
        batch_size=2,
        support_batch=2,
        views=2,
        least_views=1,
        classifier_epochs=2,
        classifier_lr=0.05,
        perceptual="parser",
        **settings,
    )
    stream = copy.deepcopy(generator.synthesis)
    network = PFTGANNetwork(encoder, stream, task.channels, task.stride, paints, recipe.members, recipe.reads_colours)
    crops = torch.randint(255, (2, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    data = TrainingData(crops, labels)
    program = stream_adaptation(
        network,
        lambda: generator,
        task,
        data,
        recipe,
        torch.device("cpu"),
        0,
        lambda: find_backbone("synthparse").files.ready_network("segmentation"),
    )
    codes = program.shared["codes"]
    assert isinstance(codes, LatentCodes)
    return Fitted(network, program, codes, AugmentedViews(task, data, recipe, 32, torch.device("cpu")))


def run(made: Fitted, first: int = 0, last: int | None = None) -> dict[str, float]:
    losses: dict[str, float] = {}
    for i in range(first, made.program.steps if last is None else last):
        losses = made.program.step(i)
    return losses


@pytest.mark.parametrize("kind", ["segmentation", "stylization"])
def test_all_of_it(kind: str, generator: Generator, tmp_path: Path) -> None:
    if kind == "segmentation":
        task: Any = SegmentationTask(segmentation_set(["none", "left", "right"]))
        labels = torch.zeros(2, 64, 64, dtype=torch.uint8)
        labels[:, :, :20], labels[:, :, 40:], labels[0, :8] = 1, 2, 255
    else:
        task, labels = StylizationTask(), torch.randint(255, (2, 3, 64, 64), dtype=torch.uint8)
    members = 2 if kind == "segmentation" else 1
    make = functools.partial(fitted, generator, task, labels, task.paints, members=members, refine=2)
    straight, stopped = make(), make()
    assert straight.program.steps == 2 + 6 + (2 if kind == "segmentation" else 0)
    run(straight)
    stream, plain = state(straight.network.stream), state(generator.synthesis)
    assert changed(plain, stream)
    x = torch.rand(1, 3, 32, 32)
    maps = straight.network.eval()(x)
    assert maps.shape == (1, task.channels, 32 // task.stride, 32 // task.stride) and bool(maps.isfinite().all())
    run(stopped, 0, straight.program.steps - 1)
    torch.save(stopped.program.state_dict(), tmp_path / "c.pt")
    resumed = make()
    resumed.program.load_state_dict(torch.load(tmp_path / "c.pt", weights_only=True))
    run(resumed, straight.program.steps - 1)
    assert torch.equal(resumed.network.eval()(x), maps)


def test_refined_codes_show_the_image_better(generator: Generator) -> None:
    labels = torch.zeros(2, 64, 64, dtype=torch.uint8)
    labels[:, 20:] = 1
    task = SegmentationTask(segmentation_set(["none", "left"]))
    plain, better = (fitted(generator, task, labels, False, refine=steps) for steps in (0, 15))
    run(better, 0, 15)
    images = plain.views.images(torch.arange(plain.views.count))
    far = [
        float((images_of(generator.synthesis, p.held.codes) - images).square().mean().detach()) for p in (plain, better)
    ]
    assert far[1] < far[0]
