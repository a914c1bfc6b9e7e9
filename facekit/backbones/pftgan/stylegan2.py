"""Generator of StyleGAN2 in plain PyTorch, with the parameter names of NVIDIA's stylegan2-ada-pytorch.

Images are RGB (N, 3, S, S) in about [-1, 1]. StyleGAN2: https://arxiv.org/abs/1912.04958
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from typing_extensions import override

from .code_distribution import CodeDistribution
from .filters import binomial_filter, double
from .stylegan2_layers import Linear, SynthesisLayer, ToRGB

Noise = Literal["random", "const", "none"]


@dataclass(frozen=True)
class GeneratorSize:
    """Size of a generator. The defaults are those of NVIDIA's FFHQ file, whose images have 1024 px.

    Attributes:
        resolution: Side of the images in pixels, a power of two.
        z_dim: Length of the input codes z.
        w_dim: Length of the style codes w.
        channel_base: A block of side s has ``channel_base / s`` channels.
        channel_max: Largest number of channels.
        mapping_layers: Layers of the mapping network.

    Raises:
        ValueError: If a number is out of range.
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
        """Sides of the blocks' maps in pixels: 4, 8, ... resolution."""
        return tuple(4 << i for i in range(self.resolution.bit_length() - 2))

    @property
    def codes(self) -> int:
        """Number L of style codes of an image: two per block, with the last toRGB layer."""
        return 2 * len(self.sides)

    def channels(self, side: int) -> int:
        """Return the channels of the block of a side."""
        return min(self.channel_base // side, self.channel_max)


class Mapping(nn.Module):
    """Mapping network from codes z (N, z_dim) to w (N, w_dim). ``w_avg`` is the running mean of w."""

    def __init__(self, size: GeneratorSize):
        """Build the network with random weights."""
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


class Block(nn.Module):
    """The layers of one side: two convolutions, of which the first doubles the side, and toRGB.

    The block of 4 px has a learned constant and one convolution.
    """

    def __init__(self, inputs: int, outputs: int, w_dim: int, side: int):
        """Build the block; 0 inputs make the first one."""
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
        """The convolutions in order."""
        return [self.conv1] if hasattr(self, "const") else [self.conv0, self.conv1]


@dataclass(frozen=True)
class State:
    """Intermediate result of a synthesis.

    Attributes:
        maps: Maps (N, C, s, s), or None at the beginning.
        image: Sum of the toRGB images so far (N, 3, s, s), or None.
    """

    maps: Tensor | None = None
    image: Tensor | None = None


class Synthesis(nn.Module):
    """Synthesis network from codes (N, L, w_dim) to images, block by block."""

    def __init__(self, size: GeneratorSize):
        """Build the network with random weights."""
        super().__init__()
        self.size = size
        inputs = 0
        for side in size.sides:
            setattr(self, f"b{side}", Block(inputs, size.channels(side), size.w_dim, side))
            inputs = size.channels(side)
        self.to(memory_format=torch.channels_last)

    def block(self, side: int) -> Block:
        """Return the block of a side."""
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
        """Run the blocks of given sides in order.

        Args:
            ws: Style codes (N, L, w_dim).
            sides: The sides.
            start: Result of the blocks before, or None.
            noise: "random", "const" (constant noise of each layer) or "none".
            draws: Source of random noise.
            kept: List to which the maps (N, C, s, s) of every layer are added.
            colours: Whether the sum of toRGB images (N, 3, s, s) of each block is added to it, too.
        """
        state = start or State()
        x, image = state.maps, state.image
        for side in sides:
            block = self.block(side)
            if x is None:
                x = block.const.expand(len(ws), -1, -1, -1).to(memory_format=torch.channels_last)
            # Two codes per block. toRGB uses the code of the next block's first layer, as in the paper's code.
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
        """Return the noise of a layer."""
        if kind == "none":
            return None
        if kind == "const":
            return layer.noise_const
        shape = (count, 1, layer.side, layer.side)
        return torch.randn(shape, generator=draws).to(layer.noise_const)

    @override
    def forward(self, ws: Tensor, noise: Noise = "const", draws: torch.Generator | None = None) -> Tensor:
        """Generate images of style codes.

        Args:
            ws: Style codes (N, L, w_dim).
            noise: As for ``run``.
            draws: Source of random noise.

        Returns:
            Float32 RGB in about [-1, 1], shape (N, 3, S, S).
        """
        image = self.run(ws, self.size.sides, noise=noise, draws=draws).image
        assert image is not None
        return image

    def features(self, ws: Tensor, noise: Noise = "const", colours: bool = False) -> list[Tensor]:
        """Return the maps of every layer, coarsest first.

        Args:
            ws: Style codes (N, L, w_dim).
            noise: As for ``run``.
            colours: Whether the sum of toRGB images (N, 3, s, s) follows the maps of each block.

        Returns:
            L - 1 maps (N, C, s, s), without colours.
        """
        kept: list[Tensor] = []
        self.run(ws, self.size.sides, noise=noise, kept=kept, colours=colours)
        return kept


class Generator(nn.Module):
    """Mapping network and synthesis network.

    Attributes:
        distribution: Where codes of samples are drawn from instead of the mapping network, or None.
    """

    def __init__(self, size: GeneratorSize, fitted: bool = False):
        """Build both with random weights.

        Args:
            size: Size of the generator.
            fitted: Whether there is a `CodeDistribution`.
        """
        super().__init__()
        self.size = size
        self.mapping = Mapping(size)
        self.synthesis = Synthesis(size)
        self.distribution = CodeDistribution(size.z_dim, size.codes, size.w_dim) if fitted else None

    def codes(self, z: Tensor, truncation: float = 1.0, cutoff: int | None = None) -> Tensor:
        """Return style codes (N, L, w_dim): mean + truncation (w - mean).

        The mapping network's codes are the same for all layers. Those of a `CodeDistribution` are not.

        Args:
            z: Normal random numbers (N, z_dim).
            truncation: 1 does not truncate.
            cutoff: Number of layers whose codes are truncated. None is all.
        """
        if self.distribution is not None:
            ws, mean = self.distribution(z), self.distribution.mean
        else:
            ws, mean = self.mapping(z)[:, None].repeat(1, self.size.codes, 1), self.mapping.w_avg
        if truncation == 1:
            return ws
        near = torch.lerp(mean, ws, truncation)
        return near if cutoff is None else torch.cat([near[:, :cutoff], ws[:, cutoff:]], 1)

    def forward(self, z: Tensor, truncation: float = 1.0, noise: Noise = "const") -> Tensor:
        """Generate images of random numbers.

        Args:
            z: Normal random numbers (N, z_dim).
            truncation: As for ``codes``. 1 does not truncate.
            noise: As for ``Synthesis.run``.

        Returns:
            Float32 RGB in about [-1, 1], shape (N, 3, S, S).
        """
        image: Tensor = self.synthesis(self.codes(z, truncation), noise)
        return image
