"""What PFTGAN is compared with: frozen features of tiny random networks, and pixel classifiers on them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

import facekit
from facekit.backbones.pftgan.compared import ComparedFitting, ComparedNetwork, features_from_dict
from facekit.backbones.pftgan.diffusion import DiffusionFeatures
from facekit.backbones.pftgan.features import FaRLFeatures, FrozenFeatures, ViTFeatures
from facekit.labels import landmark_set, segmentation_set
from facekit.recipes.pftgan import PFTGANAdaptation
from facekit.tasks import LandmarkTask, SegmentationTask

TINY = "vit_tiny_patch16_224"
KINDS = ("vit", "farl", "diffusion")
CPU = torch.device("cpu")
RECIPE = PFTGANAdaptation(
    steps=1, views=3, least_views=1, members=2, classifier_epochs=6, classifier_optimiser="adam", classifier_lr=1e-2,
    pixels=3000,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A DDPM of two levels with two blocks each, as diffusers writes it."""
    diffusers = pytest.importorskip("diffusers", reason='needs pip install "facekit[diffusion]"')
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=16, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, attention_head_dim=8,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    unet.save_pretrained(tmp_path / "ddpm")
    diffusers.DDPMScheduler(num_train_timesteps=400, beta_end=0.05).save_pretrained(tmp_path / "ddpm")
    return tmp_path / "ddpm"


def features_of(kind: str, request: pytest.FixtureRequest) -> FrozenFeatures:
    torch.manual_seed(0)
    if kind == "vit":
        return ViTFeatures(TINY, (2, 4), 32, patch=8)
    if kind == "farl":
        return FaRLFeatures(facekit.load_backbone("farl").image.resized(32), (1, 3, 6))
    return DiffusionFeatures.from_folder(request.getfixturevalue("folder"), (0, 1, 3), (50, 150), seed=3)


def pictures(features: FrozenFeatures, count: int = 2) -> Tensor:
    return torch.rand(count, 3, *[features.input_size] * 2, generator=torch.Generator().manual_seed(1))


SHAPES = {
    "vit": [(192, 4)] * 2,
    "farl": [(192, 4)] * 3,
    "diffusion": [(16, 8), (16, 16), (8, 16)] * 2,
}


@pytest.mark.parametrize("kind", KINDS)
def test_maps(kind: str, request: pytest.FixtureRequest) -> None:
    features = features_of(kind, request)
    x = pictures(features)
    maps = features(x)
    assert [tuple(m.shape) for m in maps] == [(2, c, side, side) for c, side in SHAPES[kind]]
    assert features.channels == tuple(m.shape[1] for m in maps)
    # Each picture by itself, the same each time: nothing is drawn anew.
    for one, two in zip(maps, features(x[1:]), strict=True):
        torch.testing.assert_close(one[1:], two)
    # The maps tell the pictures and each other apart.
    assert all(not torch.allclose(m[0], m[1]) for m in maps)
    assert len({float(m.sum()) for m in maps}) == len(maps)


@pytest.mark.parametrize("kind", KINDS)
def test_frozen(kind: str, request: pytest.FixtureRequest) -> None:
    features = features_of(kind, request)
    network = ComparedNetwork(features, 3).train()
    assert network.heads.training and not any(part.training for part in features.modules())
    maps = features(pictures(features).requires_grad_())
    assert not any(m.requires_grad for m in maps)
    assert not any(p.requires_grad for p in features.parameters())
    trained = {id(p) for p in network.parameters() if p.requires_grad}
    assert trained == {id(p) for p in network.new_parameters()}


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_rebuilt(kind: str, members: int, request: pytest.FixtureRequest) -> None:
    network = ComparedNetwork(features_of(kind, request), 3, members, stride=2).eval()
    settings = network.to_dict()
    plain = json.loads(json.dumps(settings))
    assert plain == settings
    torch.manual_seed(7)
    other = ComparedNetwork.from_dict(plain).eval()
    x = pictures(network.features)
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
    x = pictures(features)
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
    with pytest.raises(ValueError, match=r"pictures of shape \(1, 3, 16, 16\): expected \(N,3,32,32\)"):
        ViTFeatures(TINY, (1,), 32)(torch.zeros(1, 3, 16, 16))
    tensors = {"blocks.0.norm1.weight": torch.ones(192)}
    files: dict[str, Any] = {"other.pth": tensors, "empty.pth": {}, "number.pth": {"model": 3}, "code.pth": Path}
    for name, held in files.items():
        torch.save(held, tmp_path / name)
        with pytest.raises(ValueError, match=name):
            ViTFeatures(TINY, None, 32, tmp_path / name)
    (tmp_path / "cut.safetensors").write_bytes(b"\x10")
    with pytest.raises(ValueError, match="not a whole .safetensors file"):
        ViTFeatures(TINY, None, 32, tmp_path / "cut.safetensors")


def test_nothing_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise AssertionError("asked for the network")

    for name in ("load_state_dict_from_hf", "load_state_dict_from_url"):
        monkeypatch.setattr(f"timm.models._builder.{name}", refuse)
    ViTFeatures(TINY, (1,), 32)
    torch.save({}, tmp_path / "empty.pth")
    with pytest.raises(ValueError, match="holds no tensors"):
        ViTFeatures(TINY, (1,), 32, tmp_path / "empty.pth")
    with pytest.raises(AssertionError, match="asked for the network"):
        ViTFeatures(TINY, (1,), 32, "pretrained")


def test_farl_tower() -> None:
    backbone = facekit.load_backbone("farl")
    features = FaRLFeatures(backbone.image, (2, 3, 4, 6))
    x = pictures(features)
    with torch.no_grad():
        expected = backbone.features(x)
    for one, two in zip(features(x), expected, strict=True):
        torch.testing.assert_close(one, two)
    assert FaRLFeatures(backbone.image).blocks == (1, 2, 3, 4, 5, 6)
    with pytest.raises(ValueError, match="expected some of 1 to 6, which this tower has"):
        FaRLFeatures(backbone.image, (7,))


def test_diffusion_noise(folder: Path) -> None:
    """The noised pictures follow the folder's schedule, with the seed's noise."""
    from diffusers import DDPMScheduler

    features = DiffusionFeatures.from_folder(folder, (2,), (350, 10), seed=4)
    assert features.steps == (10, 350)
    shown: list[Tensor] = []
    features.unet.conv_in.register_forward_pre_hook(lambda module, inputs: shown.append(inputs[0]))
    x = pictures(features)
    first = features(x)
    schedule = DDPMScheduler(num_train_timesteps=400, beta_end=0.05)
    noise = features.noise.expand(2, -1, -1, -1)
    for step, noised in zip((10, 350), shown, strict=True):
        torch.testing.assert_close(noised, schedule.add_noise(2 * x - 1, noise, torch.tensor([step, step])))
    assert abs(float(features.noise.std()) - 1) < 0.1
    again = DiffusionFeatures.from_folder(folder, (2,), (10, 350), seed=4)(x)
    other = DiffusionFeatures.from_folder(folder, (2,), (10, 350), seed=5)(x)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    # Without a schedule in the folder, DDPM's.
    (folder / "scheduler_config.json").unlink()
    plain = DiffusionFeatures.from_folder(folder, (2,), (10, 999))
    torch.testing.assert_close(torch.tensor(plain.signal), DDPMScheduler().alphas_cumprod[[10, 999]])


def test_diffusion_blocks(folder: Path) -> None:
    """A block is a resnet with its attention; the last of a level ends with the level's upsampling."""
    features = DiffusionFeatures.from_folder(folder, None, (50,))
    assert features.blocks == (0, 1, 2, 3)
    up = features.unet.up_blocks
    outputs: dict[int, Tensor] = {}

    def keep(place: int, module: nn.Module) -> None:
        module.register_forward_hook(lambda m, inputs, out: outputs.update({place: out}))

    for place, module in enumerate((up[0].attentions[0], up[0].upsamplers[0], up[1].resnets[0], up[1].resnets[1])):
        keep(place, module)
    maps = features(pictures(features))
    for place, found in enumerate(maps):
        assert torch.equal(found, outputs[place])
    # In order, whatever order they were asked for in.
    some = DiffusionFeatures.from_folder(folder, (3, 1, 1), (50,))
    assert some.blocks == (1, 3)
    for one, two in zip(some(pictures(features)), (maps[1], maps[3]), strict=True):
        torch.testing.assert_close(one, two)


def test_diffusion_counts_as_guided_diffusion() -> None:
    """ddpm-segmentation's UNet has six levels, channels (1, 1, 2, 2, 4, 4) x 256 at 256 px; its blocks 5, 6, 7, 8 and
    12 have 2816 channels (8448 in three steps) and sides of 1/8, 1/8, 1/8, 1/4 and 1/2."""
    diffusers = pytest.importorskip("diffusers", reason='needs pip install "facekit[diffusion]"')
    unet = diffusers.UNet2DModel(
        sample_size=64, block_out_channels=(8, 8, 16, 16, 32, 32), layers_per_block=2, norm_num_groups=4,
        down_block_types=("DownBlock2D",) * 4 + ("AttnDownBlock2D",) * 2,
        up_block_types=("AttnUpBlock2D",) * 2 + ("UpBlock2D",) * 4,
    )  # fmt: skip
    features = DiffusionFeatures(unet, [0.9, 0.5, 0.1])
    assert features.blocks == (5, 6, 7, 8, 12) and sum(features.channels) * 256 // 8 == 8448
    maps = features(torch.rand(1, 3, 64, 64))
    assert [m.shape[-1] for m in maps] == [8, 8, 8, 16, 32] * 3
    assert tuple(m.shape[1] for m in maps) == features.channels


def test_diffusion_folder_of_pipeline(folder: Path, tmp_path: Path) -> None:
    """DDPMPipeline's layout: unet/ and scheduler/."""
    x = torch.rand(1, 3, 16, 16)
    flat = DiffusionFeatures.from_folder(folder, (1,), (50,))(x)
    for name in ("unet", "scheduler"):
        (tmp_path / "pipeline" / name).mkdir(parents=True)
    for file in folder.iterdir():
        file.rename(tmp_path / "pipeline" / ("scheduler" if "scheduler" in file.name else "unet") / file.name)
    for one, two in zip(flat, DiffusionFeatures.from_folder(tmp_path / "pipeline", (1,), (50,))(x), strict=True):
        assert torch.equal(one, two)


def test_diffusion_errors(folder: Path, tmp_path: Path) -> None:
    from diffusers import UNet2DModel

    with pytest.raises(FileNotFoundError, match="no such folder.*downloaded beforehand"):
        DiffusionFeatures.from_folder("google/ddpm-celebahq-256")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no config.json in it"):
        DiffusionFeatures.from_folder(tmp_path / "empty")
    # The paper's blocks are of a larger UNet.
    for blocks in ((5, 6, 7, 8, 12), (-1,), ()):
        with pytest.raises(ValueError, match="expected some of 0 to 3"):
            DiffusionFeatures.from_folder(folder, blocks)
    for steps in ((400,), (-1, 3), ()):
        with pytest.raises(ValueError, match="expected time steps from 0 to 399"):
            DiffusionFeatures.from_folder(folder, (1,), steps)
    grey = UNet2DModel(16, 1, 1, block_out_channels=(8, 16), norm_num_groups=4, down_block_types=("DownBlock2D",) * 2,
                       up_block_types=("UpBlock2D",) * 2)  # fmt: skip
    with pytest.raises(ValueError, match="in_channels=1.*expected square RGB pictures"):
        DiffusionFeatures(grey, [0.5], (1,), (50,))
    about = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(about | {"_class_name": "UNet2DConditionModel"}))
    with pytest.raises(ValueError, match="holds a UNet2DConditionModel, expected a UNet2DModel"):
        DiffusionFeatures.from_folder(folder, (1,))
    (folder / "config.json").write_text(json.dumps(about | {"layers_per_block": 2}))
    with pytest.raises(ValueError, match="the weights are not of the UNet that config.json describes"):
        DiffusionFeatures.from_folder(folder, (1,))
    (folder / "config.json").write_text(json.dumps(about))
    weights = folder / "diffusion_pytorch_model.safetensors"
    save_file({k: v for k, v in load_file(weights).items() if k != "conv_in.weight"}, weights)
    with pytest.raises(ValueError, match="its weights lack conv_in.weight"):
        DiffusionFeatures.from_folder(folder, (1,))


def test_without_diffusers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(ImportError, match=r'pip install "facekit\[diffusion\]"'):
        DiffusionFeatures.from_folder(tmp_path)


def two_parts(side: int, column: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture (side,side,3) that is reddish left of a column and greenish right of it, and its mask."""
    picture = np.random.default_rng(seed).integers(0, 60, (side, side, 3), dtype=np.uint8)
    mask = np.zeros((side, side), np.uint8)
    mask[:, column:] = 1
    picture[:, :column, 0] += 150
    picture[:, column:, 1] += 150
    return picture, mask


def fitting(features: FrozenFeatures, recipe: PFTGANAdaptation = RECIPE, seed: int = 0) -> ComparedFitting:
    torch.manual_seed(seed)
    network = ComparedNetwork(features, 2, recipe.members)
    picture, mask = two_parts(64, 28, 0)
    crops, labels = torch.from_numpy(picture).permute(2, 0, 1)[None], torch.from_numpy(mask)[None]
    return ComparedFitting(network, SegmentationTask(segmentation_set(None, 2)), crops, labels, recipe, CPU, seed)


@pytest.mark.parametrize("kind", KINDS)
def test_learns_from_one_picture(kind: str, request: pytest.FixtureRequest) -> None:
    features = features_of(kind, request)
    program = fitting(features)
    before = {k: v.clone() for k, v in program.network.state_dict().items()}
    losses = facekit.training.train(program, program.steps, progress=False)
    assert program.steps == 12 and losses["loss"] < 0.3
    changed = {k for k, v in program.network.state_dict().items() if not torch.equal(v, before[k])}
    assert changed and all(k.startswith("heads.") for k in changed)
    # Of the other proportions, and with the sides exchanged.
    for column, flipped in ((40 * features.input_size // 64, False), (features.input_size // 2, True)):
        picture, mask = two_parts(features.input_size, column, 9)
        x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
        truth = torch.from_numpy(mask)[None]
        if flipped:
            x, truth = x.flip(-1), truth.flip(-1)
        found = program.network.eval()(x).argmax(1)
        assert float((found == truth).float().mean()) > 0.85


def test_resumes(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Stopped in the second classifier and resumed: the weights of a run that was never stopped."""
    whole = fitting(features_of("vit", request))
    facekit.training.train(whole, whole.steps, progress=False)
    stopped = fitting(features_of("vit", request))
    facekit.training.train(stopped, 8, checkpoint=tmp_path / "run.pt", progress=False)
    resumed = fitting(features_of("vit", request))
    facekit.training.train(resumed, resumed.steps, checkpoint=tmp_path / "run.pt", progress=False)
    expected = whole.network.state_dict()
    for key, tensor in resumed.network.state_dict().items():
        assert torch.equal(tensor, expected[key]), key
    assert fitting(features_of("vit", request)).state_dict() == {"heads": None}


def test_fitting_errors(request: pytest.FixtureRequest) -> None:
    features = features_of("vit", request)
    crops, labels = torch.zeros(1, 3, 64, 64, dtype=torch.uint8), torch.zeros(1, 2, 2)
    with pytest.raises(ValueError, match="task 'landmarks' came.*'segmentation' only"):
        ComparedFitting(
            ComparedNetwork(features, 2), LandmarkTask(landmark_set(None, 2)), crops, labels, RECIPE, CPU
        )  # fmt: skip
    with pytest.raises(ValueError, match="1 classifiers came for a recipe with members=2"):
        ComparedFitting(
            ComparedNetwork(features, 2, 1), SegmentationTask(segmentation_set(None, 2)), crops, labels, RECIPE, CPU
        )  # fmt: skip
    with pytest.raises(ValueError, match="training mode"):
        ComparedNetwork(features, 2).train()(pictures(features))


def test_every_kind_is_in_the_table(request: pytest.FixtureRequest) -> None:
    for kind in KINDS:
        features = features_of(kind, request)
        assert type(features_from_dict(features.to_dict())) is type(features) and features.kind == kind
