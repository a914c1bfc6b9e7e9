"""The network of the toy backbone."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facekit.training.adapted_network import AdaptedNetwork


class PixelEncoder(nn.Module):
    """Colours, blurred colours and positions of each pixel."""

    def features(self, x: Tensor) -> list[Tensor]:
        """Map RGB (N, 3, S, S) in [0, 1] to one map (N, 8, S, S)."""
        blurred = F.avg_pool2d(x, 9, 1, 4, count_include_pad=False)
        line = torch.linspace(-1, 1, x.shape[-1], device=x.device)
        grid = torch.stack(torch.meshgrid(line, line, indexing="ij")).expand(len(x), -1, -1, -1)
        return [torch.cat([x, blurred, grid], 1)]


class PixelNetwork(AdaptedNetwork):
    """A perceptron on the frozen features of each pixel."""

    input_size = 64

    def __init__(self, channels: int, stride: int, width: int):
        super().__init__()
        self.channels, self.stride, self.width = channels, stride, width
        self.encoder = PixelEncoder()
        self.head = nn.Sequential(nn.Conv2d(8, width, 1), nn.ReLU(), nn.Conv2d(width, channels, 1))

    def frozen_features(self, x: Tensor) -> list[Tensor]:
        return self.encoder.features(x)

    def from_features(self, features: list[Tensor]) -> Tensor:
        return F.avg_pool2d(self.head(features[0]), self.stride)

    def new_parameters(self) -> list[nn.Parameter]:
        return list(self.head.parameters())

    def to_dict(self) -> dict[str, Any]:
        return {"channels": self.channels, "stride": self.stride, "width": self.width}
