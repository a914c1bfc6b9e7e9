"""Frozen features of tiny random networks, PFTGAN's baselines, train pixel classifiers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from helpers.pftgan_frozen import ddpm_folder, images
from safetensors.torch import save_file
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor

import facekit
from facekit.backbones.pftgan.baselines import BaselineNetwork, baseline_adaptation, features_from_dict
from facekit.backbones.pftgan.config import PFTGANAdaptation
from facekit.backbones.pftgan.diffusion_features import DiffusionFeatures
from facekit.backbones.pftgan.frozen_features import FaRLFeatures, FrozenFeatures, ViTFeatures
from facekit.labels import landmark_set, segmentation_set
from facekit.tasks import LandmarkTask, SegmentationTask
from facekit.training.loop import train
from facekit.training.sequence import StagedProgram
from facekit.training.views import TrainingData

TINY = "vit_tiny_patch16_224"
KINDS = ("vit", "farl", "diffusion")
CPU = torch.device("cpu")
RECIPE = PFTGANAdaptation(
    steps=1,
    views=3,
    least_views=1,
    members=2,
    classifier_epochs=6,
    classifier_optimiser="adam",
    classifier_lr=1e-2,
    pixels=3000,
)


def features_of(kind: str, request: pytest.FixtureRequest) -> FrozenFeatures:
    torch.manual_seed(0)
    if kind == "vit":
        return ViTFeatures(TINY, (2, 4), 32, patch=8)
    if kind == "farl":
        return FaRLFeatures(facekit.load_backbone("farl").image.resized(32), (1, 3, 6))
    return DiffusionFeatures.from_folder(ddpm_folder(request.getfixturevalue("tmp_path")), (0, 1, 3), (50, 150), seed=3)


SHAPES = {
    "vit": [(192, 4)] * 2,
    "farl": [(192, 4)] * 3,
    "diffusion": [(16, 8), (16, 16), (8, 16)] * 2,
}


@pytest.mark.parametrize("kind", KINDS)
def test_maps(kind: str, request: pytest.FixtureRequest) -> None:
    features = features_of(kind, request)
    x = images(features)
    maps = features(x)
    assert [tuple(m.shape) for m in maps] == [(2, c, side, side) for c, side in SHAPES[kind]]
    assert features.channels == tuple(m.shape[1] for m in maps)
    # Each image by itself, the same each time: nothing is drawn anew.
    for one, two in zip(maps, features(x[1:]), strict=True):
        torch.testing.assert_close(one[1:], two)
    # The maps tell the images and each other apart.
    assert all(not torch.allclose(m[0], m[1]) for m in maps)
    assert len({float(m.sum()) for m in maps}) == len(maps)


@pytest.mark.parametrize("kind", KINDS)
def test_frozen(kind: str, request: pytest.FixtureRequest) -> None:
    features = features_of(kind, request)
    network = BaselineNetwork(features, 3).train()
    assert network.heads.training and not any(part.training for part in features.modules())
    maps = features(images(features).requires_grad_())
    assert not any(m.requires_grad for m in maps)
    assert not any(p.requires_grad for p in features.parameters())
    trained = {id(p) for p in network.parameters() if p.requires_grad}
    assert trained == {id(p) for p in network.new_parameters()}


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_rebuilt(kind: str, members: int, request: pytest.FixtureRequest) -> None:
    network = BaselineNetwork(features_of(kind, request), 3, members, stride=2).eval()
    settings = network.to_dict()
    plain = json.loads(json.dumps(settings))
    assert plain == settings
    torch.manual_seed(7)
    other = BaselineNetwork.from_dict(plain).eval()
    x = images(network.features)
    logits = network(x)
    assert logits.shape == (2, 3, network.input_size // 2, network.input_size // 2)
    assert not torch.equal(other(x), logits)
    other.load_state_dict(network.state_dict())
    torch.testing.assert_close(other(x), logits, rtol=0, atol=0)


def test_vit_blocks() -> None:
    """Blocks are counted from 1, normalised by the model's own colours, and not by its final layer."""
    torch.manual_seed(0)
    vit = timm.create_model(TINY, img_size=32, num_classes=0).eval()
    features = ViTFeatures(TINY, (12, 3), 32)
    features.vit.load_state_dict(vit.state_dict(), strict=False)
    outputs: list[Tensor] = []
    for i in (2, 11):
        vit.blocks[i].register_forward_hook(lambda module, inputs, out: outputs.append(out))
    x = images(features)
    with torch.no_grad():
        vit(2 * x - 1)
    for tokens, found in zip(outputs, features(x), strict=True):
        torch.testing.assert_close(found.flatten(2).transpose(1, 2), tokens[:, 1:])
    assert ViTFeatures(TINY, input_size=32).blocks == tuple(range(1, 13))
    colours = ViTFeatures("vit_small_patch16_224.dino", (1,), 32).normalise
    assert colours.mean.flatten().tolist() == pytest.approx(IMAGENET_DEFAULT_MEAN)
    assert colours.std.flatten().tolist() == pytest.approx(IMAGENET_DEFAULT_STD)


@pytest.mark.parametrize("name", ["encoder.pth", "whole.pth", "plain.pth", "timm.safetensors"])
def test_vit_files(name: str, tmp_path: Path) -> None:
    """MAE's file of the encoder and the one with its decoder, a plain state dict and timm's with its classes."""
    torch.manual_seed(1)
    state = timm.create_model(TINY, img_size=32, num_classes=0).state_dict()
    path = tmp_path / name
    if name == "timm.safetensors":
        save_file(state | {"head.weight": torch.ones(5, 192), "head.bias": torch.ones(5)}, path)
    elif name == "whole.pth":
        more = {"mask_token": torch.ones(1, 1, 8), "decoder_embed.weight": torch.ones(8, 192)}
        torch.save({"model": state | more}, path)
    else:
        torch.save({"model": state} if name == "encoder.pth" else state, path)
    features = ViTFeatures(TINY, (1, 5), 32, weights=path)
    for key, tensor in features.vit.state_dict().items():
        torch.testing.assert_close(tensor, state[key], rtol=0, atol=0)
    # Only the positions are of another size, and are resized.
    larger = ViTFeatures(TINY, (1, 5), 48, weights=path).vit.state_dict()
    assert larger["pos_embed"].shape == (1, 10, 192)
    torch.testing.assert_close(larger["blocks.4.attn.qkv.weight"], state["blocks.4.attn.qkv.weight"])
    assert larger["pos_embed"].std() > 0.5 * state["pos_embed"].std()


def test_vit_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="name='vit_tinny'.*timm.list_models"):
        ViTFeatures("vit_tinny")
    with pytest.raises(ValueError, match="name='resnet18': expected a vision transformer"):
        ViTFeatures("resnet18", input_size=32)
    with pytest.raises(ValueError, match="name='resnet18': expected a vision transformer"):
        ViTFeatures("resnet18")
    for blocks in ((0, 3), (3, 13), ()):
        with pytest.raises(ValueError, match="expected some of 1 to 12"):
            ViTFeatures(TINY, blocks, 32)
    with pytest.raises(ValueError, match="input_size=40: expected a multiple of the patch size, 16 px"):
        ViTFeatures(TINY, None, 40)
    with pytest.raises(FileNotFoundError, match="nowhere.pth.*'pretrained'"):
        ViTFeatures(TINY, None, 32, tmp_path / "nowhere.pth")
    with pytest.raises(ValueError, match=r"images of shape \(1, 3, 16, 16\): expected \(N,3,32,32\)"):
        ViTFeatures(TINY, (1,), 32)(torch.zeros(1, 3, 16, 16))
    tensors = {"blocks.0.norm1.weight": torch.ones(192)}
    files: dict[str, Any] = {"other.pth": tensors, "empty.pth": {}, "number.pth": {"model": 3}, "code.pth": Path}
    for name, held in files.items():
        torch.save(held, tmp_path / name)
        with pytest.raises(ValueError, match=name):
            ViTFeatures(TINY, None, 32, tmp_path / name)
    (tmp_path / "cut.safetensors").write_bytes(b"\x10")
    with pytest.raises(ValueError, match="cut.safetensors: expected .*got a file of an unknown kind"):
        ViTFeatures(TINY, None, 32, tmp_path / "cut.safetensors")


def test_nothing_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise AssertionError("asked for the network")

    for name in ("load_state_dict_from_hf", "load_state_dict_from_url"):
        monkeypatch.setattr(f"timm.models._builder.{name}", refuse)
    ViTFeatures(TINY, (1,), 32)
    torch.save({}, tmp_path / "empty.pth")
    with pytest.raises(ValueError, match="holds no tensors .nothing."):
        ViTFeatures(TINY, (1,), 32, tmp_path / "empty.pth")
    with pytest.raises(AssertionError, match="asked for the network"):
        ViTFeatures(TINY, (1,), 32, "pretrained")


def test_farl_tower() -> None:
    backbone = facekit.load_backbone("farl")
    features = FaRLFeatures(backbone.image, (2, 3, 4, 6))
    x = images(features)
    with torch.no_grad():
        expected = backbone.features(x)
    for one, two in zip(features(x), expected, strict=True):
        torch.testing.assert_close(one, two)
    assert FaRLFeatures(backbone.image).blocks == (1, 2, 3, 4, 5, 6)
    with pytest.raises(ValueError, match="expected some of 1 to 6, which this tower has"):
        FaRLFeatures(backbone.image, (7,))


def two_parts(side: int, column: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """An image (side,side,3) that is reddish left of a column and greenish right of it, and its mask."""
    image = np.random.default_rng(seed).integers(0, 60, (side, side, 3), dtype=np.uint8)
    mask = np.zeros((side, side), np.uint8)
    mask[:, column:] = 1
    image[:, :column, 0] += 150
    image[:, column:, 1] += 150
    return image, mask


def fitting(
    features: FrozenFeatures, recipe: PFTGANAdaptation = RECIPE, seed: int = 0
) -> tuple[BaselineNetwork, StagedProgram]:
    torch.manual_seed(seed)
    network = BaselineNetwork(features, 2, recipe.members)
    image, mask = two_parts(64, 28, 0)
    crops, labels = torch.from_numpy(image).permute(2, 0, 1)[None], torch.from_numpy(mask)[None]
    task, data = SegmentationTask(segmentation_set(None, 2)), TrainingData(crops, labels)
    return network, baseline_adaptation(network, task, data, recipe, CPU, seed)


@pytest.mark.parametrize("kind", KINDS)
def test_learns_from_one_image(kind: str, request: pytest.FixtureRequest) -> None:
    features = features_of(kind, request)
    network, program = fitting(features)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    losses = train(program, program.steps, progress=False)
    assert program.steps == 6 and losses["loss"] < 0.3
    changed = {k for k, v in network.state_dict().items() if not torch.equal(v, before[k])}
    assert changed and all(k.startswith("heads.") for k in changed)
    # Of the other proportions, and with the sides exchanged.
    for column, flipped in ((40 * features.input_size // 64, False), (features.input_size // 2, True)):
        image, mask = two_parts(features.input_size, column, 9)
        x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
        truth = torch.from_numpy(mask)[None]
        if flipped:
            x, truth = x.flip(-1), truth.flip(-1)
        found = network.eval()(x).argmax(1)
        assert float((found == truth).float().mean()) > 0.85


def test_resumes(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Stopped and resumed: the weights of a run that was never stopped."""
    whole_network, whole = fitting(features_of("vit", request))
    train(whole, whole.steps, progress=False)
    _, stopped = fitting(features_of("vit", request))
    train(stopped, 4, checkpoint=tmp_path / "run.pt", progress=False)
    network, resumed = fitting(features_of("vit", request))
    train(resumed, resumed.steps, checkpoint=tmp_path / "run.pt", progress=False)
    expected = whole_network.state_dict()
    for key, tensor in network.state_dict().items():
        assert torch.equal(tensor, expected[key]), key
    assert fitting(features_of("vit", request))[1].state_dict()["program"] is None


def test_fitting_errors(request: pytest.FixtureRequest) -> None:
    features = features_of("vit", request)
    crops, labels = torch.zeros(1, 3, 64, 64, dtype=torch.uint8), torch.zeros(1, 2, 2)
    with pytest.raises(ValueError, match="expected task 'segmentation', got 'landmarks'"):
        baseline_adaptation(
            BaselineNetwork(features, 2), LandmarkTask(landmark_set(None, 2)), TrainingData(crops, labels), RECIPE, CPU
        )
    with pytest.raises(ValueError, match="expected a network of members=2 classifiers, got 1"):
        baseline_adaptation(
            BaselineNetwork(features, 2, 1),
            SegmentationTask(segmentation_set(None, 2)),
            TrainingData(crops, labels),
            RECIPE,
            CPU,
        )
    with pytest.raises(ValueError, match="training mode"):
        BaselineNetwork(features, 2).train()(images(features))


def test_every_kind_is_in_the_table(request: pytest.FixtureRequest) -> None:
    for kind in KINDS:
        features = features_of(kind, request)
        assert type(features_from_dict(features.to_dict())) is type(features) and features.kind == kind
