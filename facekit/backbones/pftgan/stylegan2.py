"""StyleGAN2's generator in plain PyTorch, with the names of NVIDIA's stylegan2-ada-pytorch.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (CVPR 2020): mapping, modulated convolutions with
demodulation, noise, skip connections of colours. Images are (N,3,S,S) RGB, about [-1, 1], as its files have them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from .filters import binomial_filter, blur, double

Noise = Literal["random", "const", "none"]


@dataclass(frozen=True)
class GeneratorSize:
    """A generator's measures; the defaults are those of NVIDIA's FFHQ file but for the side of its images, 1024 px.

    channel_base, channel_max: a block of side s has channel_base / s channels, at most channel_max.
    """

    resolution: int = 256
    z_dim: int = 512
    w_dim: int = 512
    channel_base: int = 32768
    channel_max: int = 512
    mapping_layers: int = 8

    def __post_init__(self) -> None:
        if self.resolution < 8 or self.resolution & (self.resolution - 1):
            raise ValueError(f"resolution={self.resolution}: expected a power of two of at least 8 px")
        if self.channel_base < self.resolution:
            raise ValueError(
                f"channel_base={self.channel_base}: no channel would be left at {self.resolution} px; expected at "
                f"least {self.resolution}"
            )

    @property
    def sides(self) -> tuple[int, ...]:
        """Sides of the blocks' maps, px: 4, 8, ... resolution."""
        return tuple(4 << i for i in range(self.resolution.bit_length() - 2))

    @property
    def codes(self) -> int:
        """L, how many style codes an image has: two a block, the last one's toRGB layer included."""
        return 2 * len(self.sides)

    def channels(self, side: int) -> int:
        return min(self.channel_base // side, self.channel_max)


class Linear(nn.Module):
    """A linear layer whose weights are kept at unit variance and scaled as they are used ("equalised learning rate");
    with lr_multiplier they also learn that much more slowly."""

    def __init__(self, inputs: int, outputs: int, bias: float = 0.0, lr_multiplier: float = 1.0, lrelu: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_multiplier)
        self.bias = nn.Parameter(torch.full([outputs], bias))
        self.gain, self.lr_multiplier, self.lrelu = lr_multiplier / math.sqrt(inputs), lr_multiplier, lrelu

    @override
    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(x, self.weight * self.gain, self.bias * self.lr_multiplier)
        return activated(x) if self.lrelu else x


def activated(x: Tensor, gain: float = 1.0) -> Tensor:
    """Leaky ReLU (0.2) times sqrt(2), which keeps the variance, and gain."""
    return F.leaky_relu(x, 0.2) * (math.sqrt(2) * gain)


class Mapping(nn.Module):
    """Codes z (N,z_dim) of normal numbers to w (N,w_dim); `w_avg` is their running mean."""

    def __init__(self, size: GeneratorSize):
        super().__init__()
        for i in range(size.mapping_layers):
            layer = Linear(size.z_dim if i == 0 else size.w_dim, size.w_dim, lr_multiplier=0.01, lrelu=True)
            setattr(self, f"fc{i}", layer)
        self.count = size.mapping_layers
        self.register_buffer("w_avg", torch.zeros(size.w_dim))
        self.w_avg: Tensor

    @override
    def forward(self, z: Tensor) -> Tensor:
        x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for i in range(self.count):
            x = getattr(self, f"fc{i}")(x)
        return x


class ModulatedConv(nn.Module):
    """A convolution whose input channels are scaled by a style, and its output channels back to unit variance.

    The style scales what flows through, not the weights: the numbers are the same, and one convolution serves the whole
    batch instead of one per image.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, w_dim: int):
        super().__init__()
        self.affine = Linear(w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))


class SynthesisLayer(ModulatedConv):
    """A 3 x 3 convolution, noise, bias and leaky ReLU; with `up` to twice the side."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, side: int, up: bool):
        super().__init__(inputs, outputs, 3, w_dim)
        self.up, self.side = up, side
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", torch.randn(side, side))
        self.register_buffer("resample_filter", binomial_filter())
        self.noise_const: Tensor
        self.resample_filter: Tensor

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """x: (N,I,s,s), w: (N,w_dim), noise: (N,1,side,side) or (side,side), or None. Returns (N,O,side,side)."""
        style = self.affine(w)
        # 1 over the norm of each output channel's modulated weights.
        scale = (style.square() @ self.weight.square().sum((2, 3)).T + 1e-8).rsqrt()
        x = x * style.to(x.dtype)[:, :, None, None]
        if self.up:
            x = F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)
            x = blur(x, 4 * self.resample_filter, pad=1)
        else:
            x = F.conv2d(x, self.weight, padding=1)
        x = x * scale.to(x.dtype)[:, :, None, None]
        if noise is not None:
            x = x + (noise * self.noise_strength).to(x.dtype)
        return activated(x + self.bias.to(x.dtype)[:, None, None])


class ToRGB(ModulatedConv):
    """The colours of one block's maps; not demodulated."""

    def __init__(self, inputs: int, w_dim: int):
        super().__init__(inputs, 3, 1, w_dim)

    @override
    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w) / math.sqrt(self.weight.shape[1])
        colours = F.conv2d(x * style.to(x.dtype)[:, :, None, None], self.weight)
        return colours + self.bias.to(colours.dtype)[:, None, None]


class Block(nn.Module):
    """One side's layers: two, of which the first doubles the side (one on a learned constant at 4 px), and colours."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, side: int):
        super().__init__()
        if inputs == 0:
            self.const = nn.Parameter(torch.randn(outputs, side, side))
        else:
            self.conv0 = SynthesisLayer(inputs, outputs, w_dim, side, up=True)
        self.conv1 = SynthesisLayer(outputs, outputs, w_dim, side, up=False)
        self.torgb = ToRGB(outputs, w_dim)
        self.register_buffer("resample_filter", binomial_filter())
        self.resample_filter: Tensor

    @property
    def layers(self) -> list[SynthesisLayer]:
        return [self.conv1] if hasattr(self, "const") else [self.conv0, self.conv1]


@dataclass(frozen=True)
class State:
    """Where a synthesis has come to: maps (N,C,s,s), or None at the beginning, and the image so far (N,3,s,s)."""

    maps: Tensor | None = None
    image: Tensor | None = None


class Synthesis(nn.Module):
    """Codes (N,L,w_dim) to an image, block by block."""

    def __init__(self, size: GeneratorSize):
        super().__init__()
        self.size = size
        inputs = 0
        for side in size.sides:
            setattr(self, f"b{side}", Block(inputs, size.channels(side), size.w_dim, side))
            inputs = size.channels(side)
        self.to(memory_format=torch.channels_last)

    def block(self, side: int) -> Block:
        found: Block = getattr(self, f"b{side}")
        return found

    def run(
        self,
        ws: Tensor,
        sides: Sequence[int],
        start: State | None = None,
        noise: Noise = "const",
        draws: torch.Generator | None = None,
        kept: list[Tensor] | None = None,
        colours: bool = False,
    ) -> State:
        """The blocks of the given sides, in order, after what came before them.

        ws: (N,L,w_dim). noise: "random" (from `draws`), "const" (each layer's own) or "none". kept: a list to which the
        maps of every layer are added, (N,C,s,s), and with `colours` each block's image so far, (N,3,s,s).
        """
        state = start or State()
        x, image = state.maps, state.image
        for side in sides:
            block = self.block(side)
            if x is None:
                x = block.const.expand(len(ws), -1, -1, -1).to(memory_format=torch.channels_last)
            # Two codes a block; a block's colours use the code of the next one's first layer, as in the paper's code.
            place = 2 * self.size.sides.index(side) - (side > 4)
            for layer in block.layers:
                x = layer(x, ws[:, place], self._noise(layer, noise, len(ws), draws))
                place += 1
                if kept is not None:
                    kept.append(x)
            painted = block.torgb(x, ws[:, place]).float()
            image = painted if image is None else double(image, block.resample_filter) + painted
            if kept is not None and colours:
                kept.append(image)
        return State(x, image)

    def _noise(self, layer: SynthesisLayer, kind: Noise, count: int, draws: torch.Generator | None) -> Tensor | None:
        if kind == "none":
            return None
        if kind == "const":
            return layer.noise_const
        shape = (count, 1, layer.side, layer.side)
        return torch.randn(shape, generator=draws).to(layer.noise_const)

    @override
    def forward(self, ws: Tensor, noise: Noise = "const", draws: torch.Generator | None = None) -> Tensor:
        image = self.run(ws, self.size.sides, noise=noise, draws=draws).image
        assert image is not None
        return image

    def features(self, ws: Tensor, noise: Noise = "const", colours: bool = False) -> list[Tensor]:
        """The maps of every layer, from the coarsest: L - 1 of (N,C,s,s). colours: after each block's maps also the
        image so far, which its toRGB layer is the last to change, (N,3,s,s)."""
        kept: list[Tensor] = []
        self.run(ws, self.size.sides, noise=noise, kept=kept, colours=colours)
        return kept


class Generator(nn.Module):
    """Mapping and synthesis."""

    def __init__(self, size: GeneratorSize):
        super().__init__()
        self.size = size
        self.mapping = Mapping(size)
        self.synthesis = Synthesis(size)

    def codes(self, z: Tensor, truncation: float = 1.0, cutoff: int | None = None) -> Tensor:
        """z (N,z_dim) to the same w for all layers (N,L,w_dim); truncated, to w_avg + truncation (w - w_avg).

        cutoff: truncate the codes of the first so many layers only.
        """
        ws = self.mapping(z)[:, None].repeat(1, self.size.codes, 1)
        if truncation == 1:
            return ws
        near = torch.lerp(self.mapping.w_avg, ws, truncation)
        return near if cutoff is None else torch.cat([near[:, :cutoff], ws[:, cutoff:]], 1)

    def forward(self, z: Tensor, truncation: float = 1.0, noise: Noise = "const") -> Tensor:
        """z: (N,z_dim) of normal numbers. Returns (N,3,S,S), about [-1, 1]."""
        image: Tensor = self.synthesis(self.codes(z, truncation), noise)
        return image
