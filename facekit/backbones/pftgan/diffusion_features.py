"""A diffusion UNet's frozen features: "DDPM", which PFTGAN is compared with (section 4.1).

It is Baranchuk et al., "Label-Efficient Semantic Segmentation with Diffusion Models" (ICLR 2022); what is chosen here
is what its code, yandex-research/ddpm-segmentation, chooses.
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

# experiments/ffhq_34/ddpm.json. PFTGAN's section 4.1 speaks of "all blocks" instead: that is blocks=None.
BLOCKS = (5, 6, 7, 8, 12)
STEPS = (50, 150, 250)


class DiffusionFeatures(FrozenFeatures):
    """A diffusion UNet's decoder activations while it looks at the noised image at several time steps.

    x_t = sqrt(a_t) (2 x - 1) + sqrt(1 - a_t) noise; the noise, drawn by `seed`, is the same for all images and steps
    (ddpm-segmentation's "share_noise"). The maps come step by step, of each its blocks.

    unet: diffusers' UNet2DModel. blocks: counted from 0, from the coarsest; None: all. A block is what
    guided-diffusion, whose counting the defaults follow, calls an output block: one resnet of `unet.up_blocks`, with
    its attention where there is one; a level's last one has the level's upsampling, too. A UNet of L levels has
    L (layers_per_block + 1) of them. steps: time steps, counted from 0. signal: a_t (alphas_cumprod) of each.
    Raises ValueError for blocks that it has not, and for a UNet that is not for square RGB images of a known size,
    without classes and with DDPM's noise.
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
        super().__init__()
        self.input_size = _checked_unet(unet)
        if not steps or len(signal) != len(steps):
            raise ValueError(f"{len(signal)} values of signal for steps={list(steps)}: expected one a step, at least 1")
        self.unet: Any = unet
        self.signal, self.steps, self.seed = tuple(signal), tuple(steps), seed
        there = _decoder_blocks(unet)
        self.blocks = tuple(range(len(there))) if blocks is None else tuple(sorted(set(blocks)))
        if not self.blocks or not 0 <= self.blocks[0] <= self.blocks[-1] < len(there):
            raise ValueError(
                f"blocks={list(self.blocks)}: expected some of 0 to {len(there) - 1}, which this UNet has; None is all"
            )
        self.channels = tuple(there[i][1] for i in self.blocks) * len(self.steps)
        self.noise: Tensor
        # The seed says it all.
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
        """With the UNet of a local folder, a UNet2DModel's own or a DDPMPipeline's. Nothing is downloaded.

        Its scheduler_config.json says how images are noised, or else DDPM's linear default. Raises ImportError
        without the package diffusers, FileNotFoundError for a folder that holds no such model, and ValueError for one
        of another kind, for steps that its schedule has not, and as the class does.
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
            # The low way needs the package accelerate.
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
        seen: dict[int, Tensor] = {}

        def keeps(block: int) -> Any:
            def keep(module: nn.Module, inputs: Any, out: Any) -> None:
                # Levels of the "skip" kind also hand on an image.
                seen[block] = out[0] if isinstance(out, tuple) else out

            return keep

        there, found = _decoder_blocks(self.unet), []
        with ExitStack() as hooks:
            for block in self.blocks:
                hooks.enter_context(there[block][0].register_forward_hook(keeps(block)))
            for step, signal in zip(self.steps, self.signal, strict=True):
                noised = signal**0.5 * (2 * x - 1) + (1 - signal) ** 0.5 * self.noise
                self.unet(noised, step, return_dict=False)
                found += [seen[block] for block in self.blocks]
        return found

    @override
    def to_dict(self) -> dict[str, Any]:
        config = {k: v for k, v in self.unet.config.items() if not k.startswith("_")}
        return {
            "kind": self.kind, "config": {k: list(v) if isinstance(v, tuple) else v for k, v in config.items()},
            "signal": list(self.signal), "blocks": list(self.blocks), "steps": list(self.steps), "seed": self.seed,
        }  # fmt: skip

    @classmethod
    @override
    def from_dict(cls, settings: dict[str, Any]) -> DiffusionFeatures:
        rest = {k: v for k, v in settings.items() if k not in ("kind", "config")}
        return cls(_diffusers()[0](**settings["config"]), **rest)


def _diffusers() -> tuple[Any, Any]:
    """UNet2DModel and DDPMScheduler."""
    try:
        with isolated_import():
            from diffusers import DDPMScheduler, UNet2DModel
    except ImportError as error:
        raise ImportError('diffusion features need the package diffusers: pip install -e ".[diffusion]"') from error
    return UNet2DModel, DDPMScheduler


def _decoder_blocks(unet: Any) -> list[tuple[nn.Module, int]]:
    """The modules that end the decoder's blocks, as `DiffusionFeatures` counts them, and their channels."""
    found: list[tuple[nn.Module, int]] = []
    for level in unet.up_blocks:
        resnets, attentions = list(level.resnets), list(getattr(level, "attentions", ()))
        ends = attentions if len(attentions) == len(resnets) else resnets
        # The level itself ends with its upsampling.
        found += [(end, r.out_channels) for end, r in zip([*ends[:-1], level], resnets, strict=True)]
    return found


def _checked_unet(unet: Any) -> int:
    """Its input size, px."""
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
