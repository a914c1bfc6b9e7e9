"""Layers of StyleGAN2 with the parameter names of NVIDIA's stylegan2-ada-pytorch.

StyleGAN2: https://arxiv.org/abs/1912.04958
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from .filters import binomial_filter, blur


class Linear(nn.Module):
    """A linear layer with equalised learning rate: weights have unit variance and are scaled when they are used."""

    def __init__(self, inputs: int, outputs: int, bias: float = 0.0, lr_multiplier: float = 1.0, lrelu: bool = False):
        """Build the layer.

        Args:
            inputs: Number of inputs.
            outputs: Number of outputs.
            bias: Initial bias.
            lr_multiplier: Factor of the learning rate.
            lrelu: Whether a leaky ReLU follows.
        """
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_multiplier)
        self.bias = nn.Parameter(torch.full([outputs], bias))
        self.gain, self.lr_multiplier, self.lrelu = lr_multiplier / math.sqrt(inputs), lr_multiplier, lrelu

    @override
    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(x, self.weight * self.gain, self.bias * self.lr_multiplier)
        return activated(x) if self.lrelu else x


def activated(x: Tensor, gain: float = 1.0) -> Tensor:
    """Apply a leaky ReLU (0.2), times sqrt(2), which keeps the variance, and a gain.

    Args:
        x: Any shape.
        gain: Factor of the result.

    Returns:
        Same shape.
    """
    return F.leaky_relu(x, 0.2) * (math.sqrt(2) * gain)


class ModulatedConv(nn.Module):
    """A convolution whose input channels are scaled by a style, and whose output channels are scaled to unit variance.

    Activations are scaled instead of weights. The result is the same with one convolution for the whole batch.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, w_dim: int):
        """Build the weights for a square kernel."""
        super().__init__()
        self.affine = Linear(w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))


class SynthesisLayer(ModulatedConv):
    """A 3x3 convolution with noise, bias and leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, side: int, up: bool):
        """Build the layer for maps of a side; ``up`` doubles the side of its input."""
        super().__init__(inputs, outputs, 3, w_dim)
        self.up, self.side = up, side
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", torch.randn(side, side))
        self.register_buffer("resample_filter", binomial_filter())
        self.noise_const: Tensor
        self.resample_filter: Tensor

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """Compute maps (N, O, side, side).

        Args:
            x: Maps (N, I, s, s).
            w: Style codes (N, w_dim).
            noise: Shape (N, 1, side, side) or (side, side), or None.
        """
        style = self.affine(w)
        # The inverse norm of the modulated weights of each output channel.
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
    """A 1x1 convolution from a block's maps to colours, without demodulation."""

    def __init__(self, inputs: int, w_dim: int):
        """Build the layer."""
        super().__init__(inputs, 3, 1, w_dim)

    @override
    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Compute a block's contribution to the image.

        Args:
            x: Maps (N, C, s, s).
            w: Style codes (N, w_dim).

        Returns:
            RGB (N, 3, s, s), of any range.
        """
        style = self.affine(w) / math.sqrt(self.weight.shape[1])
        colours = F.conv2d(x * style.to(x.dtype)[:, :, None, None], self.weight)
        return colours + self.bias.to(colours.dtype)[:, None, None]
