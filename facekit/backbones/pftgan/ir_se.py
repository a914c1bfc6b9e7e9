"""Trunk of inversion encoders: improved residual blocks with squeeze-and-excitation, in three or four stages.

pSp, e4e and ReStyle start from ArcFace's IR-SE50. Parameter names are those of their released files (`input_layer`,
`body.N.res_layer.N`, `body.N.shortcut_layer.N`), so that these files load strictly. ArcFace: https://arxiv.org/abs/1801.07698
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from typing_extensions import override


@dataclass(frozen=True)
class TrunkSize:
    """Sizes of a trunk. The defaults are those of IR-SE50.

    Attributes:
        channels_in: Channels of the input. 6 in ReStyle: an image and its present reconstruction.
        stem: Channels of the first convolution.
        stem_stride: Stride of the first convolution.
        channels: Channels per stage. Each stage halves height and width.
        blocks: Number of blocks per stage.
        squeeze: Channels divided by the channels of the squeeze.
    """

    channels_in: int = 3
    stem: int = 64
    stem_stride: int = 1
    channels: tuple[int, ...] = (64, 128, 256, 512)
    blocks: tuple[int, ...] = (3, 4, 14, 3)
    squeeze: int = 16


class SqueezeExcite(nn.Module):
    """Scale each channel by a gate that is computed from the means of all channels."""

    def __init__(self, channels: int, squeeze: int):
        """Build the gate of ``channels`` channels with ``channels // squeeze`` hidden ones."""
        super().__init__()
        hidden = max(1, channels // squeeze)
        self.fc1 = nn.Conv2d(channels, hidden, 1, bias=False)
        self.fc2 = nn.Conv2d(hidden, channels, 1, bias=False)

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Return the scaled maps (N,C,H,W)."""
        gate = torch.relu(self.fc1(x.mean(dim=(2, 3), keepdim=True)))
        return x * torch.sigmoid(self.fc2(gate))


class IRBlock(nn.Module):
    """ArcFace's residual block.

    It normalises before the first convolution and has no activation after the sum. The second convolution has the
    stride.
    """

    def __init__(self, channels_in: int, channels: int, stride: int, squeeze: int):
        """Build the block.

        Args:
            channels_in: Channels of the input.
            channels: Channels of the output.
            stride: Factor by which height and width shrink.
            squeeze: Channels divided by the channels of the squeeze.
        """
        super().__init__()
        # Pooling with a window of one pixel takes every `stride`-th pixel and has no weights.
        self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride) if stride > 1 else nn.Identity()
        if channels_in != channels:
            projection = nn.Conv2d(channels_in, channels, 1, stride, bias=False)
            self.shortcut_layer = nn.Sequential(projection, nn.BatchNorm2d(channels))
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            nn.Conv2d(channels_in, channels, 3, 1, 1, bias=False),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            SqueezeExcite(channels, squeeze),
        )

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Map (N,channels_in,H,W) to (N,channels,H/stride,W/stride)."""
        return self.shortcut_layer(x) + self.res_layer(x)


class Trunk(nn.Module):
    """Map images to the three maps of a feature pyramid.

    The encoders inherit from it instead of having one as a part, because the released files name its layers without a
    prefix.
    """

    def __init__(self, size: TrunkSize):
        """Build the trunk of a size."""
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(size.channels_in, size.stem, 3, size.stem_stride, 1, bias=False),
            nn.BatchNorm2d(size.stem),
            nn.PReLU(size.stem),
        )
        body: list[nn.Module] = []
        ends = []
        channels_in = size.stem
        for channels, blocks in zip(size.channels, size.blocks, strict=True):
            for i in range(blocks):
                body.append(IRBlock(channels_in, channels, 2 if i == 0 else 1, size.squeeze))
                channels_in = channels
            ends.append(len(body) - 1)
        self.body = nn.Sequential(*body)
        self.taps = tuple(ends[-3:])  # (6, 20, 23) in IR-SE50
        self.tap_channels = size.channels[-3:]

    def maps(self, x: Tensor) -> list[Tensor]:
        """Compute the feature maps.

        Args:
            x: Normalised images (N,C,H,W).

        Returns:
            Outputs of the last three stages, largest first. In IR-SE50 these are (N,128,H/4,W/4), (N,256,H/8,W/8) and
            (N,512,H/16,W/16).
        """
        x = self.input_layer(x)
        maps = []
        for i, block in enumerate(self.body):
            x = block(x)
            if i in self.taps:
                maps.append(x)
        return maps
