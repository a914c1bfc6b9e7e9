"""Features of a diffusion UNet come from the right noise and blocks, and diffusers' folders are read."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from helpers.pftgan_frozen import ddpm_folder, images
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from facekit.backbones.pftgan.diffusion_features import DiffusionFeatures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return ddpm_folder(tmp_path)


def test_diffusion_noise(folder: Path) -> None:
    """The noised images follow the folder's schedule, with the seed's noise."""
    from diffusers import DDPMScheduler

    features = DiffusionFeatures.from_folder(folder, (2,), (350, 10), seed=4)
    assert features.steps == (10, 350)
    shown: list[Tensor] = []
    features.unet.conv_in.register_forward_pre_hook(lambda module, inputs: shown.append(inputs[0]))
    x = images(features)
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
    maps = features(images(features))
    for place, found in enumerate(maps):
        assert torch.equal(found, outputs[place])
    # In order, whatever order they were asked for in.
    some = DiffusionFeatures.from_folder(folder, (3, 1, 1), (50,))
    assert some.blocks == (1, 3)
    for one, two in zip(some(images(features)), (maps[1], maps[3]), strict=True):
        torch.testing.assert_close(one, two)


def test_diffusion_counts_as_guided_diffusion() -> None:
    """ddpm-segmentation's UNet has six levels, channels (1, 1, 2, 2, 4, 4) x 256 at 256 px; its blocks 5, 6, 7, 8 and
    12 have 2816 channels (8448 in three steps) and sides of 1/8, 1/8, 1/8, 1/4 and 1/2."""
    diffusers = pytest.importorskip("diffusers", reason="needs the extra 'diffusion'")
    unet = diffusers.UNet2DModel(
        sample_size=64,
        block_out_channels=(8, 8, 16, 16, 32, 32),
        layers_per_block=2,
        norm_num_groups=4,
        down_block_types=("DownBlock2D",) * 4 + ("AttnDownBlock2D",) * 2,
        up_block_types=("AttnUpBlock2D",) * 2 + ("UpBlock2D",) * 4,
    )
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
    grey = UNet2DModel(
        16,
        1,
        1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2,
    )
    with pytest.raises(ValueError, match="in_channels=1.*expected square RGB images"):
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
    with pytest.raises(ImportError, match=r'pip install -e "\.\[diffusion\]"'):
        DiffusionFeatures.from_folder(tmp_path)
