"""Feature pyramid and UperNet: from the four levels of the tower to one map (FaRL section 4.1).

Parameters have the names of the released code (mmsegmentation), so that its heads load.
UperNet: https://arxiv.org/abs/1807.10221
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

POOL_SCALES = (1, 2, 3, 6)


class Pyramid(nn.Module):
    """Resample four maps (N, C, h, w) of one size to strides of 4, 8, 16 and 32 px.

    With the paper's patches of 16 px, heights become 4h, 2h, h and h/2; with patches of 8 px, 2h, h, h/2 and h/4.
    """

    def __init__(self, width: int, patch: int = 16, channels: int | None = None):
        """Build the pyramid.

        Args:
            width: Channels of the maps.
            patch: Side of a patch in pixels. Patches up to 8 px are treated as 8, larger ones as 16.
            channels: Channels of the maps that are enlarged. None is ``width``, as in the paper.

        Attributes:
            widths: Channels of the four output maps.
        """
        super().__init__()
        channels = channels or width
        twice = nn.ConvTranspose2d(width, channels, 2, 2)
        if patch <= 8:
            self.widths = (channels, width, width, width)
            self.fpns = nn.ModuleList([twice, nn.Identity(), nn.MaxPool2d(2, 2), nn.MaxPool2d(4, 4)])
            return
        self.widths = (channels, channels, width, width)
        self.fpns = nn.ModuleList(
            [
                nn.Sequential(
                    nn.ConvTranspose2d(width, channels, 2, 2),
                    nn.BatchNorm2d(channels),
                    nn.GELU(),
                    nn.ConvTranspose2d(channels, channels, 2, 2),
                ),
                twice,
                nn.Identity(),
                nn.MaxPool2d(2, 2),
            ]
        )

    @override
    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        return [fpn(x) for fpn, x in zip(self.fpns, maps, strict=True)]


class _ConvNorm(nn.Module):
    """Convolution, BatchNorm, ReLU."""

    def __init__(self, channels_in: int, channels: int, kernel: int):
        """Build the layers for a square kernel of a given side."""
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class UperHead(nn.Module):
    """UperNet: pyramid pooling on the coarsest map, a top-down path, fusion at the finest size, and a classifier."""

    def __init__(self, widths: Sequence[int], channels: int, classes: int, dropout: float = 0.1):
        """Build the head.

        Args:
            widths: Channels of the maps, finest first.
            channels: Channels inside the head.
            classes: Number of output channels.
            dropout: Probability of dropping a channel before the classifier.
        """
        super().__init__()
        *finer, coarsest = widths
        self.psp_modules = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(scale), _ConvNorm(coarsest, channels, 1)) for scale in POOL_SCALES
        )
        self.bottleneck = _ConvNorm(coarsest + len(POOL_SCALES) * channels, channels, 3)
        self.lateral_convs = nn.ModuleList(_ConvNorm(width, channels, 1) for width in finer)
        self.fpn_convs = nn.ModuleList(_ConvNorm(channels, channels, 3) for _ in finer)
        self.fpn_bottleneck = _ConvNorm(len(widths) * channels, channels, 3)
        self.dropout = nn.Dropout2d(dropout)
        self.conv_seg = nn.Conv2d(channels, classes, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Compute logits (N, classes, h, w) of the finest map's size from maps, finest first."""
        *finer, coarsest = maps
        pooled = [_to_size(pool(coarsest), coarsest) for pool in self.psp_modules]
        levels = [lateral(x) for lateral, x in zip(self.lateral_convs, finer, strict=True)]
        levels.append(self.bottleneck(torch.cat([coarsest, *pooled], 1)))
        for i in range(len(levels) - 1, 0, -1):
            levels[i - 1] = levels[i - 1] + _to_size(levels[i], levels[i - 1])
        fused = [conv(x) for conv, x in zip(self.fpn_convs, levels, strict=False)] + levels[-1:]
        y = self.fpn_bottleneck(torch.cat([_to_size(x, fused[0]) for x in fused], 1))
        return self.conv_seg(self.dropout(y))


def _to_size(x: Tensor, like: Tensor) -> Tensor:
    """Resize a map bilinearly to the size of another."""
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)
