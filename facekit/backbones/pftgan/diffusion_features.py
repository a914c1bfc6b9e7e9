"""Frozen features of a diffusion UNet: the baseline "DDPM" of PFTGAN (section 4.1).

Baranchuk et al., "Label-Efficient Semantic Segmentation with Diffusion Models": https://arxiv.org/abs/2112.03126
The choices are those of its code, yandex-research/ddpm-segmentation.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import override

from ...core.global_state import isolated_import
from ...core.random_streams import generator_for
from .frozen_features import FrozenFeatures

# From experiments/ffhq_34/ddpm.json. Section 4.1 of PFTGAN says "all blocks" instead: blocks=None.
BLOCKS = (5, 6, 7, 8, 12)
STEPS = (50, 150, 250)


class DiffusionFeatures(FrozenFeatures):
    """Activations of a diffusion UNet's decoder on noised images at several time steps.

    x_t = sqrt(a_t) (2 x - 1) + sqrt(1 - a_t) noise. The noise, drawn by a seed, is the same for all images and steps
    (ddpm-segmentation's "share_noise"). The maps are ordered by step, then by block.

    A block is an "output block" of guided-diffusion: one resnet of ``unet.up_blocks`` with its attention, if there is
    one. The last one of a level includes the upsampling of the level. A UNet of L levels has
    L (layers_per_block + 1) blocks.
    """

    kind: ClassVar[str] = "diffusion"

    def __init__(
        self,
        unet: Any,
        signal: Sequence[float],
        blocks: Sequence[int] | None = BLOCKS,
        steps: Sequence[int] = STEPS,
        seed: int = 0,
    ):
        """Use a UNet.

        Args:
            unet: A ``UNet2DModel`` of diffusers.
            signal: a_t (alphas_cumprod) of each time step.
            blocks: Numbers of the blocks, counted from 0, coarsest first. None: all.
            steps: Time steps, counted from 0.
            seed: Seed of the noise.

        Raises:
            ValueError: If the UNet has no such blocks, or is not one for square RGB images of a known size, without
                classes and with DDPM's time steps.
        """
        super().__init__()
        self.input_size = _checked_unet(unet)
        if not steps or len(signal) != len(steps):
            raise ValueError(
                f"{len(signal)} values of signal for steps={list(steps)}: expected one per step, at least 1"
            )
        self.unet: Any = unet
        self.signal, self.steps, self.seed = tuple(signal), tuple(steps), seed
        unet_blocks = _decoder_blocks(unet)
        self.blocks = tuple(range(len(unet_blocks))) if blocks is None else tuple(sorted(set(blocks)))
        if not self.blocks or not 0 <= self.blocks[0] <= self.blocks[-1] < len(unet_blocks):
            raise ValueError(
                f"blocks={list(self.blocks)}: expected some of 0 to {len(unet_blocks) - 1}, which this UNet has; "
                "None is all"
            )
        self.channels = tuple(unet_blocks[i][1] for i in self.blocks) * len(self.steps)
        self.noise: Tensor
        # Not saved: the seed is enough to draw it again.
        self.register_buffer(
            "noise", torch.randn(1, 3, *[self.input_size] * 2, generator=generator_for(seed, 0, 20)), persistent=False
        )
        self.requires_grad_(False).eval()

    @classmethod
    def from_folder(
        cls,
        folder: str | os.PathLike[str],
        blocks: Sequence[int] | None = BLOCKS,
        steps: Sequence[int] = STEPS,
        seed: int = 0,
    ) -> DiffusionFeatures:
        """Load the UNet of a local folder. Nothing is downloaded.

        Args:
            folder: Folder of a ``UNet2DModel`` or a ``DDPMPipeline``. Its scheduler_config.json defines the noise;
                without one, the noise is DDPM's linear default.
            blocks: Numbers of the blocks, counted from 0, coarsest first. None: all.
            steps: Time steps, counted from 0.
            seed: Seed of the noise.

        Raises:
            ImportError: If the package diffusers is not installed.
            FileNotFoundError: If the folder has no such model.
            ValueError: If it has a model of another kind, or the schedule has no such steps.
        """
        model_class, scheduler_class = _diffusers()
        root = Path(folder)
        place = next((p for p in (root / "unet", root) if (p / "config.json").is_file()), None)
        if place is None:
            raise FileNotFoundError(
                f"folder={os.fspath(folder)!r}: {'no config.json in it' if root.is_dir() else 'no such folder'}; "
                "expected one with a diffusers UNet2DModel, downloaded beforehand (`hf download NAME --local-dir ...`)"
            )
        about = model_class.load_config(place, local_files_only=True)
        if about.get("_class_name") != "UNet2DModel":
            raise ValueError(f"{place}: holds a {about.get('_class_name')}, expected a UNet2DModel (pixels, no text)")
        try:
            # low_cpu_mem_usage=True needs the package accelerate.
            unet, loaded = model_class.from_pretrained(
                place, local_files_only=True, low_cpu_mem_usage=False, output_loading_info=True
            )
        except RuntimeError as error:
            raise ValueError(
                f"{place}: the weights are not of the UNet that config.json describes ({error})"
            ) from error
        if loaded["missing_keys"]:
            raise ValueError(f"{place}: its weights lack {loaded['missing_keys'][0]} and maybe more; fetch it anew")
        config = next((p for p in (root / "scheduler", root) if (p / "scheduler_config.json").is_file()), None)
        schedule = scheduler_class() if config is None else scheduler_class.from_pretrained(config)
        chosen, kept = sorted(set(steps)), schedule.alphas_cumprod
        if not chosen or not 0 <= chosen[0] <= chosen[-1] < len(kept):
            raise ValueError(f"steps={list(steps)}: expected time steps from 0 to {len(kept) - 1}, at least one")
        return cls(unet, kept[chosen].tolist(), blocks, chosen, seed)

    @override
    def maps(self, x: Tensor) -> list[Tensor]:
        outputs: dict[int, Tensor] = {}

        def keeps(block: int) -> Any:
            def keep(module: nn.Module, inputs: Any, out: Any) -> None:
                # Levels of the kind "skip" also return an image.
                outputs[block] = out[0] if isinstance(out, tuple) else out

            return keep

        unet_blocks, found = _decoder_blocks(self.unet), []
        with ExitStack() as hooks:
            for block in self.blocks:
                hooks.enter_context(unet_blocks[block][0].register_forward_hook(keeps(block)))
            for step, signal in zip(self.steps, self.signal, strict=True):
                noised = signal**0.5 * (2 * x - 1) + (1 - signal) ** 0.5 * self.noise
                self.unet(noised, step, return_dict=False)
                found += [outputs[block] for block in self.blocks]
        return found

    @override
    def to_dict(self) -> dict[str, Any]:
        config = {k: v for k, v in self.unet.config.items() if not k.startswith("_")}
        return {
            "kind": self.kind,
            "config": {k: list(v) if isinstance(v, tuple) else v for k, v in config.items()},
            "signal": list(self.signal),
            "blocks": list(self.blocks),
            "steps": list(self.steps),
            "seed": self.seed,
        }

    @classmethod
    @override
    def from_dict(cls, settings: dict[str, Any]) -> DiffusionFeatures:
        rest = {k: v for k, v in settings.items() if k not in ("kind", "config")}
        return cls(_diffusers()[0](**settings["config"]), **rest)


def _diffusers() -> tuple[Any, Any]:
    """Import UNet2DModel and DDPMScheduler."""
    try:
        with isolated_import():
            from diffusers import DDPMScheduler, UNet2DModel
    except ImportError as error:
        raise ImportError('diffusion features need the package diffusers: pip install -e ".[diffusion]"') from error
    return UNet2DModel, DDPMScheduler


def _decoder_blocks(unet: Any) -> list[tuple[nn.Module, int]]:
    """Return the last module of each block of the decoder, and its number of channels."""
    found: list[tuple[nn.Module, int]] = []
    for level in unet.up_blocks:
        resnets, attentions = list(level.resnets), list(getattr(level, "attentions", ()))
        ends = attentions if len(attentions) == len(resnets) else resnets
        # The last block of a level includes the upsampling, so the level itself is hooked.
        found += [(end, r.out_channels) for end, r in zip([*ends[:-1], level], resnets, strict=True)]
    return found


def _checked_unet(unet: Any) -> int:
    """Return the input size of a UNet, px. Raise ValueError if it is of an unsupported kind."""
    config = unet.config
    size = config.sample_size
    sides = {size} if isinstance(size, int) else set(size or ())
    fits = config.in_channels == 3 and len(sides) == 1 and unet.class_embedding is None
    if not fits or config.time_embedding_type == "fourier":
        raise ValueError(
            f"a UNet with sample_size={size}, in_channels={config.in_channels}, time_embedding_type="
            f"{config.time_embedding_type!r}, classes={unet.class_embedding is not None}: expected square RGB images "
            "of a known size, no classes and whole time steps, as in google/ddpm-celebahq-256"
        )
    return sides.pop()
