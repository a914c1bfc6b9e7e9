"""The trunk of the inversion encoders: improved residual blocks with squeeze-and-excitation, in three or four stages.

pSp, e4e and ReStyle start from ArcFace's IR-SE50. Parameter names are those of their released files (`input_layer`,
`body.N.res_layer.N`, `body.N.shortcut_layer.N`), so that these load strictly.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from typing_extensions import override


@dataclass(frozen=True)
class TrunkSize:
    """Sizes of one trunk; the defaults are IR-SE50's."""

    channels_in: int = 3  # 6 in ReStyle: an image and what its codes show so far
    stem: int = 64  # channels of the first convolution
    stem_stride: int = 1
    channels: tuple[int, ...] = (64, 128, 256, 512)  # a stage; each halves height and width
    blocks: tuple[int, ...] = (3, 4, 14, 3)  # a stage
    squeeze: int = 16  # channels over the squeeze's channels


class SqueezeExcite(nn.Module):
    """Scales each channel by a gate that is computed from the means of all channels."""

    def __init__(self, channels: int, squeeze: int):
        super().__init__()
        hidden = max(1, channels // squeeze)
        self.fc1 = nn.Conv2d(channels, hidden, 1, bias=False)
        self.fc2 = nn.Conv2d(hidden, channels, 1, bias=False)

    @override
    def forward(self, x: Tensor) -> Tensor:
        gate = torch.relu(self.fc1(x.mean(dim=(2, 3), keepdim=True)))
        return x * torch.sigmoid(self.fc2(gate))


class IRBlock(nn.Module):
    """(N,C,H,W) -> (N,channels,H/stride,W/stride). ArcFace's residual block: it normalises before the first convolution
    and has no activation after the sum; the stride sits in the second convolution."""

    def __init__(self, channels_in: int, channels: int, stride: int, squeeze: int):
        super().__init__()
        # A window of one pixel: takes every `stride`-th pixel and has no weights.
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
        return self.shortcut_layer(x) + self.res_layer(x)


class Trunk(nn.Module):
    """Images to the maps that a pyramid stands on. The encoders inherit from it instead of holding one, because the
    released files name its parts without a prefix."""

    def __init__(self, size: TrunkSize):
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
        """x: (N,C,H,W) normalised images. Returns the ends of the last three stages, largest first: in IR-SE50
        (N,128,H/4,W/4), (N,256,H/8,W/8), (N,512,H/16,W/16)."""
        x = self.input_layer(x)
        maps = []
        for i, block in enumerate(self.body):
            x = block(x)
            if i in self.taps:
                maps.append(x)
        return maps
