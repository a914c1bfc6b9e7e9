"""Perceptual distances, two streams, Algorithm 1 and inversion work on a tiny generator."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.pftgan_tiny import SIZE, changed, state, tiny_generator
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import facekit
from facekit.backbones.pftgan.config import INVERSION_MINI, QUICK, PFTGANAdaptation
from facekit.backbones.pftgan.generator_files import load_generator, read_pair
from facekit.backbones.pftgan.inversion_encoder import InversionEncoder, InversionSize
from facekit.backbones.pftgan.inversion_training import Inverting, Refining, images_of
from facekit.backbones.pftgan.label_fit import label_fit
from facekit.backbones.pftgan.perceptual_distance import ResizedDistance, perceptual
from facekit.backbones.pftgan.progressive_stages import Labelled, StreamTuning, Support, estimate_stages
from facekit.backbones.pftgan.stylegan2 import Generator
from facekit.backbones.pftgan.two_stream import (
    TwoStream,
    interpolated,
    label_image,
    resized_masks,
    shared_by_default,
    spread_palette,
)
from facekit.model import find_backbone
from facekit.training import time_estimate
from facekit.training.sequence import Stage, StagedProgram

RECIPE = PFTGANAdaptation(steps=3, lr=2e-3, betas=(0.0, 0.99), batch_size=2, support_batch=2)


class Squared(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return (x - y).square().mean((1, 2, 3))


@pytest.fixture
def generator() -> Generator:
    return tiny_generator()


@dataclass
class Tuning:
    """All stages of a recipe in a row."""

    streams: TwoStream
    labelled: Labelled
    program: StagedProgram


def tuning(generator: Generator, recipe: PFTGANAdaptation = RECIPE) -> Tuning:
    torch.manual_seed(1)
    codes = generator.codes(torch.randn(4, 8)).detach()
    images = generator.synthesis(codes).detach()
    masks = torch.zeros(2, 32, 32, dtype=torch.uint8)
    masks[:, 8:24, 8:20], masks[1, :4] = 1, 255
    targets, known = label_image(masks, torch.tensor([[-1.0, -1, -1], [1, 0, 1]]))
    streams = TwoStream(generator.synthesis, recipe.shared, recipe.image_stream)
    labelled = Labelled(codes[:2], images[:2], targets, known)
    # Darker than what the generator makes of these codes: of its own images the image stream has nothing to learn but
    # rounding, and on some processors not even that.
    support = Support(codes[2:], images[2:] - 0.2)
    made = Tuning(streams, labelled, StagedProgram([], {"streams": streams}))

    def stage(i: int) -> StreamTuning:
        return StreamTuning(streams, made.labelled, support, Squared(), recipe, i, torch.device("cpu"))

    stages = [Stage(recipe.steps, functools.partial(stage, i)) for i in range(len(recipe.stages))]
    made.program = StagedProgram(stages, {"streams": streams})
    return made


def test_time_of_a_stage(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that advances by a second for each look: the forward pass of one image takes a second."""
    clock = iter(range(100))
    monkeypatch.setattr(time_estimate, "_now", lambda device: float(next(clock)))
    for recipe, images in ((RECIPE, 2 * 2 + 2), (replace(RECIPE, image_stream=False), 2)):
        made = tuning(generator, recipe)
        before = {k: v.clone() for k, v in made.streams.state_dict().items()}
        seconds = estimate_stages(made.streams, made.labelled, Squared(), recipe, torch.device("cpu"))
        assert seconds == 3 * images * recipe.steps
        assert all(torch.equal(v, before[k]) for k, v in made.streams.state_dict().items())


@pytest.mark.parametrize("name", ["lpips-alex", "parser"])
def test_distances(name: str) -> None:
    distance = perceptual(name, lambda: find_backbone("synthparse").files.ready_network("segmentation"))
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    near, far = (x + 0.02 * torch.randn_like(x)).clamp(-1, 1), torch.rand_like(x) * 2 - 1
    found = [distance(x, y) for y in (x, near, far)]
    assert all(f.shape == (2,) for f in found) and found[0].abs().max() < 1e-6
    assert (found[1] > 0).all() and (found[1] < found[2]).all()
    y = near.clone().requires_grad_(True)
    distance(y, x).sum().backward()
    assert y.grad is not None and y.grad.abs().sum() > 0 and not any(p.requires_grad for p in distance.parameters())


def test_distances_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "_get_torch_home", lambda: str(tmp_path))
    with pytest.raises(ValueError, match="perceptual='l1': expected 'auto' or one of 'lpips-alex'"):
        perceptual("l1")
    with pytest.raises(FileNotFoundError, match="got no such file"):
        perceptual("lpips-vgg")


@pytest.mark.slow
def test_vgg_is_taken_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights under torchvision's names: what counts is that they get to their places."""
    import torchvision

    monkeypatch.setattr(torch.hub, "_get_torch_home", lambda: str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    vgg = torchvision.models.vgg16(weights=None)
    torch.save(
        {k: v for k, v in vgg.state_dict().items() if k.startswith("features.")},
        tmp_path / "hub" / "checkpoints" / "vgg16-397923af.pth",
    )
    distance = perceptual()
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    assert float(distance(x, -x)) > float(distance(x, x)) == 0
    assert torch.equal(distance.net.net.slice5[-2].weight, vgg.features[28].weight)


def test_streams_share_what_they_should(generator: Generator) -> None:
    assert shared_by_default((4, 8, 16, 32, 64, 128, 256, 512, 1024)) == 32 and shared_by_default(SIZE.sides) == 8
    streams = TwoStream(generator.synthesis)
    assert streams.image is not None
    mine, theirs = streams.segmentation, streams.image
    assert mine.b8.conv0.weight is theirs.b8.conv0.weight and mine.b4.const is theirs.b4.const
    assert mine.b8.torgb.weight is not theirs.b8.torgb.weight and mine.b16.conv0.weight is not theirs.b16.conv0.weight
    apart, single = TwoStream(generator.synthesis, 0), TwoStream(generator.synthesis, image=False)
    assert apart.image is not None and apart.segmentation.b4.const is not apart.image.b4.const and single.image is None
    together = TwoStream(generator.synthesis, QUICK["segmentation"].shared)
    assert together.image is not None and together.shared == 32
    assert together.segmentation.b32.conv1.weight is together.image.b32.conv1.weight
    assert together.segmentation.b32.torgb.weight is not together.image.b32.torgb.weight
    codes = generator.codes(torch.randn(2, 8))
    for stream in (mine, theirs, apart.image, single.segmentation, together.segmentation):
        assert torch.equal(stream(codes), generator.synthesis(codes))
    with pytest.raises(ValueError, match="shared=12: expected 0 or the side of a block, 4, 8, 16, 32"):
        TwoStream(generator.synthesis, 12)


def test_colours_are_far_apart() -> None:
    for classes in (2, 8, 34):
        palette = spread_palette(classes).astype(float)
        apart = np.linalg.norm(palette[:, None] - palette, axis=2) + 1e9 * np.eye(classes)
        assert palette.shape == (classes, 3) and not palette[0].any()
        assert apart.min() >= {2: 440, 8: 255, 34: 95}[classes]


def test_label_images_and_interpolation() -> None:
    palette = torch.tensor([[-1.0, -1, -1], [1, 0, 0.5]])
    images, known = label_image(torch.tensor([[[0, 1], [255, 1]]]), palette)
    assert images[0, :, 0, 1].tolist() == [1, 0, 0.5] and known[0, 0].tolist() == [[1, 1], [0, 1]]
    assert images[0, :, 1, 0].tolist() == [0, 0, 0]
    mixed = interpolated(torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2), 0.1)
    assert mixed.unique().tolist() == pytest.approx([0.1])
    assert resized_masks(torch.arange(16).view(1, 4, 4), 2)[0].tolist() == [[5, 7], [13, 15]]


def test_algorithm_1_trains_what_it_says(generator: Generator) -> None:
    program = tuning(generator)
    assert program.program.steps == 9 and program.streams.image is not None
    seen = []
    for stage in range(3):
        before = state(program.streams)
        for i in range(3):
            losses = program.program.step(3 * stage + i)
        assert set(losses) == {"loss", "segmentation", "image"}
        seen.append(changed(before, state(program.streams)))
    for stage in (0, 2):
        assert seen[stage] and all("torgb" in name for name in seen[stage])
        assert {name.split(".")[0] for name in seen[stage]} == {"segmentation", "image"}
    assert {"segmentation.b32.conv1.weight", "image.b32.conv1.weight", "image.b8.conv0.weight"} <= seen[1]
    # What comes out of the shared blocks is the same for both; the generator itself is untouched.
    assert torch.equal(program.streams.segmentation.b8.conv0.weight, program.streams.image.b8.conv0.weight)
    assert not torch.equal(program.streams.segmentation.b8.conv0.weight, generator.synthesis.b8.conv0.weight)


def test_the_streams_learn_their_targets(generator: Generator) -> None:
    program = tuning(generator, replace(RECIPE, stages="v", steps=60, lr=0.01))
    losses = [program.program.step(i)["segmentation"] for i in range(60)]
    assert losses[-1] < 0.3 * losses[0]
    stopped = tuning(generator, replace(RECIPE, stages="", steps=60))
    assert stopped.program.steps == 0 and stopped.program.state_dict()["stage"] == -1


def test_ignored_pixels_say_nothing(generator: Generator) -> None:
    program = tuning(generator, replace(RECIPE, stages="3", batch_size=1, image_stream=False))
    x = program.labelled
    program.labelled = Labelled(x.codes[:1], x.images[:1], x.targets[:1], torch.zeros_like(x.known[:1]))
    before = state(program.streams)
    assert program.program.step(0)["segmentation"] == 0 and not changed(before, state(program.streams))


def test_images_are_compared_at_one_side() -> None:
    sides = []

    class Recorded(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            sides.append(x.shape[-1])
            return (x - y).square().mean((1, 2, 3))

    x = torch.rand(2, 3, 32, 32, requires_grad=True)
    for side in (8, 32, 64):
        distance = ResizedDistance(Recorded(), side)(x, torch.zeros_like(x))
        assert distance.shape == (2,) and torch.autograd.grad(distance.sum(), x)[0].abs().sum() > 0
    assert sides == [8, 32, 64]
    # Averaging keeps a constant image, and the mean of every other one.
    half = ResizedDistance(Squared(), 1)(torch.eye(4).expand(1, 3, 4, 4), torch.zeros(1, 3, 4, 4))
    assert half.item() == pytest.approx(1 / 16)


PALETTE = torch.tensor([[-1.0, -1, -1], [1, 0, 1], [-1, 1, 1]])


def test_the_fit_of_label_images() -> None:
    masks = torch.tensor([[[0, 1], [255, 1]], [[1, 1], [0, 0]]], dtype=torch.uint8)
    learned, _ = label_image(masks, PALETTE)

    class Stream(nn.Module):
        """Returns stored images, a little off the colours."""

        def __init__(self, images: Tensor):
            super().__init__()
            self.images = images

        def forward(self, codes: Tensor) -> Tensor:
            return self.images[codes[:, 0, 0].long()] + 0.1

    codes = torch.arange(2.0).view(2, 1, 1)
    perfect: Any = Stream(learned)
    assert label_fit(perfect, codes, masks, PALETTE) == {"label accuracy": 1.0, "label mIoU": 1.0}
    # Class 2 where class 1 is: 4 of 7 labelled pixels wrong. IoU of class 0 is 1, of class 1 it is 0; class 2 is in no
    # mask and does not count.
    swapped: Any = Stream(label_image(torch.where(masks == 1, 2, masks), PALETTE)[0])
    assert label_fit(swapped, codes, masks, PALETTE) == pytest.approx({"label accuracy": 3 / 7, "label mIoU": 0.5})


def with_masks(program: Tuning) -> Labelled:
    """Let a program measure its fit; its two label images have two classes."""
    masks = torch.zeros(2, 32, 32, dtype=torch.uint8)
    masks[:, 8:24, 8:20], masks[1, :4] = 1, 255
    return replace(program.labelled, masks=masks, palette=PALETTE[:2])


def test_a_stage_ends_at_the_wanted_fit(generator: Generator) -> None:
    long = replace(RECIPE, stages="v", steps=200, lr=0.01, fit=0.6)
    program = tuning(generator, long)
    program.labelled = with_masks(program)
    losses = [program.program.step(i) for i in range(200)]
    assert losses[0]["label mIoU"] < 0.6 <= losses[-1]["label mIoU"]
    first = next(i for i, x in enumerate(losses) if x["label mIoU"] >= 0.6)
    assert first < 199 and (first + 1) % 20 == 0 and all(x == losses[first] for x in losses[first:])
    # A run that resumes after the end of the training goes on doing nothing.
    again = tuning(generator, long)
    again.labelled = with_masks(again)
    again.program.load_state_dict(program.program.state_dict())
    before = state(again.streams)
    assert again.program.step(199) == losses[-1] and not changed(before, state(again.streams))


def test_the_image_stream_learns_the_labelled_image(generator: Generator) -> None:
    """Equation 4's second term. Without support images of its own, it is all that the image stream learns from."""
    program = tuning(generator, replace(RECIPE, stages="v", shared=0))
    program.labelled = replace(program.labelled, images=program.labelled.images - 0.5)
    assert program.streams.image is not None

    def error() -> float:
        shown = program.streams.image(program.labelled.codes)  # type: ignore[misc]
        return (shown - program.labelled.images).square().mean().item()

    before = error()
    for i in range(3):
        program.program.step(i)
    assert error() < 0.95 * before


def test_tuning_resumes_exactly(generator: Generator, tmp_path: Path) -> None:
    straight, stopped = tuning(generator), tuning(generator)
    for i in range(9):
        straight.program.step(i)
    for i in range(4):
        stopped.program.step(i)
    torch.save(stopped.program.state_dict(), tmp_path / "c.pt")
    resumed = tuning(generator)
    resumed.program.load_state_dict(torch.load(tmp_path / "c.pt", weights_only=True))
    for i in range(4, 9):
        resumed.program.step(i)
    assert not changed(state(straight.streams), state(resumed.streams))


def test_unknown_stages() -> None:
    with pytest.raises(ValueError, match="stages='14': expected some of '1', '2', '3', 'v'"):
        replace(RECIPE, stages="14")


def refined(generator: Generator, start: Tensor, wanted: Tensor) -> Tensor:
    """Codes after thirty steps."""
    program = Refining(generator.synthesis, start.clone(), wanted, Squared())
    for index in range(30):
        program.step(index)
    return program.codes


def test_codes_are_refined_image_by_image(generator: Generator) -> None:
    codes = generator.codes(torch.randn(3, 8)).detach()
    wanted = images_of(generator.synthesis, codes).detach()
    start = generator.mapping.w_avg.expand_as(codes)
    found = refined(generator, start, wanted)
    error = [(images_of(generator.synthesis, c) - wanted).square().mean().item() for c in (start, found)]
    assert error[1] < 0.5 * error[0]
    alone = refined(generator, start[:1], wanted[:1])
    torch.testing.assert_close(alone, found[:1], rtol=1e-3, atol=1e-3)


class Noise:
    side = 40

    def __len__(self) -> int:
        return 8

    def __getitem__(self, indices: Tensor) -> Tensor:
        draws = torch.Generator().manual_seed(int(indices[0]))
        return torch.randint(255, (len(indices), 3, 40, 40), generator=draws, dtype=torch.uint8)


@pytest.mark.slow
def test_an_encoder_learns_the_generators_codes(generator: Generator) -> None:
    torch.manual_seed(0)
    # Not narrower: with 4 channels oneDNN (torch 2.14, AVX2) writes past the gradient of a convolution.
    encoder = InversionEncoder(InversionSize(32, SIZE.codes, 8, 8), generator.mapping.w_avg)
    recipe = replace(INVERSION_MINI, batch_size=8, bfloat16=False, lr=3e-3, codes=1.0, l2=0.0, lpips=0.0, deltas=0.0)
    program = Inverting(Noise(), generator, encoder, Squared(), recipe, 80, torch.device("cpu"))
    before = state(generator)
    losses = [program.step(i) for i in range(80)]
    assert sum(x["codes"] for x in losses[-10:]) < 0.6 * sum(x["codes"] for x in losses[:10])
    assert set(losses[0]) == {"l2", "lpips", "codes", "deltas"} and not changed(before, state(generator))


def generator_file(generator: Generator, path: Path) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in generator.state_dict().items()}, path)
    return path


def test_pretraining_an_encoder(generator: Generator, tmp_path: Path) -> None:
    file = generator_file(generator, tmp_path / "g.safetensors")
    again = load_generator(file)
    codes = generator.codes(torch.randn(1, 8))
    assert again.size.resolution == 32 and torch.equal(again.synthesis(codes), generator.synthesis(codes))
    settings: dict[str, Any] = {"steps": 1, "batch_size": 2, "pool": tmp_path, "progress": False}
    out = tmp_path / "e.safetensors"
    facekit.pretrain("inversion", "generated:4", weights=file, out=out, **settings)
    held = load_file(out)
    assert torch.equal(held["latent_avg"].float(), generator.mapping.w_avg.half().float().expand(SIZE.codes, -1))
    with pytest.raises(ValueError, match="expected the file of the generator"):
        facekit.pretrain("inversion", "generated:4", out=out, **settings)
    with pytest.raises(FileNotFoundError, match="no such file"):
        facekit.pretrain("inversion", "generated:4", weights=tmp_path / "x.pkl", out=out, **settings)


def test_pretraining_goes_on_with_the_encoder_of_a_generators_file(tmp_path: Path) -> None:
    out = tmp_path / "pair.safetensors"
    source = find_backbone("pftgan").files.embedded("pftgan")
    losses: list[dict[str, float]] = []
    facekit.pretrain(
        "inversion", "generated:4", weights="embedded", out=out, steps=1, batch_size=2, lr=1e-9, generated=0,
        keep_generator=True, fitted_codes=4, pool=tmp_path, progress=lambda done, steps, found: losses.append(found),
    )  # fmt: skip
    assert set(losses[0]) == {"l2", "lpips", "deltas"}, "no images of the generator, whose codes are known"
    (before, first), (after, second) = read_pair(source, None), read_pair(out, None)
    assert first.state_dict().keys() == second.state_dict().keys()
    weight = "styles.0.linear.weight"
    torch.testing.assert_close(first.state_dict()[weight], second.state_dict()[weight], rtol=1e-2, atol=1e-4)
    assert not changed(state(before.synthesis), state(after.synthesis))
    assert before.distribution is not None
    assert after.distribution is not None
    basis = after.distribution.basis
    assert int((basis.abs().amax((1, 2)) > 1e-4).sum()) == 3, "four codes have three directions"
    assert not torch.equal(before.distribution.mean, after.distribution.mean)
