"""Discriminator of StyleGAN2: residual blocks and the minibatch standard deviation, with NVIDIA's parameter names."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from .filters import binomial_filter, blur
from .stylegan2 import GeneratorSize
from .stylegan2_layers import Linear, activated

# Images per group of the minibatch standard deviation.
GROUP = 4


class Conv(nn.Module):
    """A convolution with equalised learning rate, then a leaky ReLU. Without bias it is linear."""

    def __init__(self, inputs: int, outputs: int, kernel: int, down: bool = False, bias: bool = True):
        """Build the layer; ``down`` halves the side."""
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.down, self.scale = down, 1 / math.sqrt(inputs * kernel**2)
        self.register_buffer("resample_filter", binomial_filter(), persistent=down)
        self.resample_filter: Tensor

    @override
    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """Convolve, add the bias and apply the activation. A layer with ``down`` halves height and width.

        Args:
            x: Maps (N, C, H, W).
            gain: Factor of the result.

        Returns:
            Maps (N, C_out, H, W), or (N, C_out, H/2, W/2) with ``down``.
        """
        kernel, weight = self.weight.shape[-1], self.weight * self.scale
        if not self.down:
            x = F.conv2d(x, weight, padding=kernel // 2)
        elif kernel == 1:
            x = F.conv2d(blur(x, self.resample_filter, pad=1, stride=2), weight)
        else:
            x = F.conv2d(blur(x, self.resample_filter, pad=2), weight, stride=2)
        return x * gain if self.bias is None else activated(x + self.bias.to(x.dtype)[:, None, None], gain)


class Down(nn.Module):
    """A residual block of two convolutions. It halves the side."""

    def __init__(self, inputs: int, outputs: int, colours: bool):
        """Build the block. The first one starts with a convolution of colours."""
        super().__init__()
        if colours:
            self.fromrgb = Conv(3, inputs, 1)
        self.conv0 = Conv(inputs, inputs, 3)
        self.conv1 = Conv(inputs, outputs, 3, down=True)
        self.skip = Conv(inputs, outputs, 1, down=True, bias=False)

    @override
    def forward(self, x: Tensor) -> Tensor:
        x = self.fromrgb(x) if hasattr(self, "fromrgb") else x
        half = math.sqrt(0.5)  # so that the sum has unit variance
        both: Tensor = self.skip(x, half) + self.conv1(self.conv0(x), half)
        return both


class Top(nn.Module):
    """The last layers, from maps of 4 px to one logit per image."""

    def __init__(self, channels: int):
        """Build the layers."""
        super().__init__()
        self.conv = Conv(channels + 1, channels, 3)
        self.fc = Linear(channels * 16, channels, lrelu=True)
        self.out = Linear(channels, 1)

    @override
    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(torch.cat([x, spread(x)], 1))
        logits: Tensor = self.out(self.fc(x.flatten(1)))
        return logits[:, 0]


def spread(x: Tensor) -> Tensor:
    """Compute the minibatch standard deviation of maps (N, C, H, W) as one map (N, 1, H, W).

    Groups have 4 images. A batch size that is no multiple of 4 is one group.
    """
    n = len(x)
    group = GROUP if n % GROUP == 0 else n
    y = x.float().reshape(group, n // group, *x.shape[1:])
    deviation = (y.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return deviation.to(x.dtype).repeat(group)[:, None, None, None].expand(-1, 1, *x.shape[2:])


class Discriminator(nn.Module):
    """Discriminator from RGB images (N, 3, S, S) in about [-1, 1] to logits (N,) of being real."""

    def __init__(self, size: GeneratorSize):
        """Build the discriminator with random weights."""
        super().__init__()
        self.size = size
        for side in reversed(size.sides[1:]):
            block = Down(size.channels(side), size.channels(side // 2), colours=side == size.resolution)
            setattr(self, f"b{side}", block)
        self.b4 = Top(size.channels(4))
        self.to(memory_format=torch.channels_last)

    @override
    def forward(self, x: Tensor) -> Tensor:
        for side in reversed(self.size.sides[1:]):
            x = getattr(self, f"b{side}")(x)
        logits: Tensor = self.b4(x)
        return logits
