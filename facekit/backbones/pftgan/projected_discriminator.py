"""A discriminator on frozen features (Sauer et al., "Projected GANs Converge Faster", NeurIPS 2021).

StyleGAN2's discriminator has to find out by itself what a face consists of, from millions of images. One that looks
at an image through a network which knows faces already learns from far fewer: for generators that two cores train.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from typing_extensions import override

from ...training.adapted_network import AdaptedNetwork

# The side that the frozen network is shown; its maps have a quarter to a thirty-second of it.
SHOWN = 96
CHANNELS = 64
LEAST = 4  # px; up to which a map is shrunk before the last layer takes all of it


def _fixed(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """Random weights that never learn, of unit gain."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    nn.init.normal_(layer.weight, std=(inputs * kernel**2) ** -0.5)
    return layer.requires_grad_(False)


class Mixed(nn.Module):
    """Section 3.2's random projections: each map's channels are mixed, then coarser maps are added to finer ones, so
    that no head can rely on a few features only. [(N,c,h,w), ...], finest first, to as many maps of CHANNELS."""

    def __init__(self, channels: list[int]):
        super().__init__()
        self.across = nn.ModuleList(_fixed(count, CHANNELS, 1) for count in channels)
        self.down = nn.ModuleList(_fixed(CHANNELS, CHANNELS, 3) for _ in channels[1:])

    @override
    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        mixed = [layer(x) for layer, x in zip(self.across, maps, strict=True)]
        for i in range(len(mixed) - 2, -1, -1):
            coarser = F.interpolate(mixed[i + 1], mixed[i].shape[-2:], mode="bilinear", align_corners=False)
            mixed[i] = (mixed[i] + self.down[i](coarser)) * 0.5**0.5
        return mixed


def _head(side: int) -> nn.Sequential:
    """Maps (N,CHANNELS,side,side) to logits (N,1,1,1)."""
    layers: list[nn.Module] = []
    inputs = outputs = CHANNELS
    while side > LEAST:
        layers += [
            spectral_norm(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)),
            nn.BatchNorm2d(outputs),
            nn.LeakyReLU(0.2),
        ]
        inputs, outputs, side = outputs, 2 * outputs, side // 2
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(inputs, 1, side)))


class ProjectedDiscriminator(nn.Module):
    """Images (N,3,S,S) RGB, about [-1, 1], to logits (N,5), of one head a map: how real they look.

    The frozen network is the ready parser's encoder, a MobileNetV2 that began with ImageNet's weights: maps at a
    quarter to a thirty-second of SHOWN px. It learned to overlook colours, so that the small image itself is one
    map more.
    """

    def __init__(self, network: AdaptedNetwork):
        """Draw the fixed projections and the heads.

        Args:
            network: Network of the ready parser. It is copied to the CPU, where the layers are drawn; ``to`` moves all.
        """
        super().__init__()
        self.network: Any = network.requires_grad_(False).eval().to("cpu")
        with torch.no_grad():
            shapes = [x.shape for x in self.maps(torch.zeros(1, 3, SHOWN, SHOWN))]
        self.mixed = Mixed([shape[1] for shape in shapes])
        self.heads = nn.ModuleList(_head(shape[2]) for shape in shapes)
        self.to(memory_format=torch.channels_last)

    def maps(self, x: Tensor) -> list[Tensor]:
        """What the heads see before it is mixed: the image itself (N,3,S,S), shrunk to a quarter of SHOWN, then the
        network's maps (N,c,h,h), h a quarter to a thirty-second of SHOWN."""
        x = x.float()
        shown = x if x.shape[-1] == SHOWN else F.interpolate(x, SHOWN, mode="bilinear", align_corners=False)
        # bfloat16's gradients of convolutions by channel are five times slower on a CPU.
        with torch.autocast(x.device.type, enabled=False):
            found = self.network.features((shown + 1) / 2)[1:]
        return [F.adaptive_avg_pool2d(x, found[0].shape[-1]), *found]

    @override
    def forward(self, x: Tensor) -> Tensor:
        pairs = zip(self.heads, self.mixed(self.maps(x)), strict=True)
        return torch.cat([head(maps).flatten(1) for head, maps in pairs], 1)
