"""A discriminator on frozen features: "Projected GANs Converge Faster" (https://arxiv.org/abs/2111.01007).

StyleGAN2's discriminator learns its features from millions of images. On features of a network that was trained on
faces, far fewer images suffice. So a generator can be trained on two CPU cores.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from typing_extensions import override

from ...training.adapted_network import AdaptedNetwork

# Side of the frozen network's input, px. Its maps have a quarter to a thirty-second of it.
INPUT_SIDE = 96
CHANNELS = 64
LEAST_SIDE = 4  # Heads shrink a map to this side, px, before their last layer.


def _fixed(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """Build a convolution with fixed random weights of unit gain."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    nn.init.normal_(layer.weight, std=(inputs * kernel**2) ** -0.5)
    return layer.requires_grad_(False)


class RandomProjection(nn.Module):
    """Fixed random projections of feature maps (section 3.2 of the paper).

    The channels of each map are mixed, then coarser maps are added to finer ones. So no head can rely on a few
    features only.
    """

    def __init__(self, channels: list[int]):
        """Draw the projections for maps of these channels, finest first."""
        super().__init__()
        self.across = nn.ModuleList(_fixed(count, CHANNELS, 1) for count in channels)
        self.down = nn.ModuleList(_fixed(CHANNELS, CHANNELS, 3) for _ in channels[1:])

    @override
    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Project maps (N,c,h,w), finest first, to as many maps of CHANNELS channels."""
        mixed = [layer(x) for layer, x in zip(self.across, maps, strict=True)]
        for i in range(len(mixed) - 2, -1, -1):
            coarser = F.interpolate(mixed[i + 1], mixed[i].shape[-2:], mode="bilinear", align_corners=False)
            mixed[i] = (mixed[i] + self.down[i](coarser)) * 0.5**0.5
        return mixed


def _head(side: int) -> nn.Sequential:
    """Build a head that maps (N,CHANNELS,side,side) to logits (N,1,1,1)."""
    layers: list[nn.Module] = []
    inputs = outputs = CHANNELS
    while side > LEAST_SIDE:
        layers += [
            spectral_norm(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)),
            nn.BatchNorm2d(outputs),
            nn.LeakyReLU(0.2),
        ]
        inputs, outputs, side = outputs, 2 * outputs, side // 2
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(inputs, 1, side)))


class ProjectedDiscriminator(nn.Module):
    """Map images to the logits of five heads, one per feature map.

    The frozen network is the encoder of the ready parser, a MobileNetV2 that was pretrained on ImageNet. Its maps have
    a quarter to a thirty-second of INPUT_SIDE px. Colour augmentation made it insensitive to colours; so the shrunk
    image itself is a further map.
    """

    def __init__(self, network: AdaptedNetwork):
        """Draw the fixed projections and the heads.

        Args:
            network: Network of the ready parser. It is copied to the CPU, where the layers are drawn; ``to`` moves all.
        """
        super().__init__()
        self.network: Any = network.requires_grad_(False).eval().to("cpu")
        with torch.no_grad():
            shapes = [x.shape for x in self.maps(torch.zeros(1, 3, INPUT_SIDE, INPUT_SIDE))]
        self.mixed = RandomProjection([shape[1] for shape in shapes])
        self.heads = nn.ModuleList(_head(shape[2]) for shape in shapes)
        self.to(memory_format=torch.channels_last)

    def maps(self, x: Tensor) -> list[Tensor]:
        """Compute the maps that are projected.

        Args:
            x: Images (N,3,S,S) in about [-1, 1].

        Returns:
            The images, shrunk to a quarter of INPUT_SIDE, then the network's maps (N,c,h,h).
        """
        x = x.float()
        resized = x
        if x.shape[-1] != INPUT_SIDE:
            resized = F.interpolate(x, INPUT_SIDE, mode="bilinear", align_corners=False)
        # In bfloat16, gradients of depthwise convolutions are five times slower on a CPU.
        with torch.autocast(x.device.type, enabled=False):
            features = self.network.features((resized + 1) / 2)[1:]
        return [F.adaptive_avg_pool2d(x, features[0].shape[-1]), *features]

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N,5) of images (N,3,S,S) in about [-1, 1]."""
        pairs = zip(self.heads, self.mixed(self.maps(x)), strict=True)
        return torch.cat([head(maps).flatten(1) for head, maps in pairs], 1)
