"""The network that places five points on a face which the face finder found.

The finder's own points are coarse, because it sees all faces at once. This network sees one upright crop.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

SIDE = 64
"""Side of the crop, pixels."""

MARGIN = 1.5
"""Side of the crop relative to the square root of the box's area."""

POINTS = 5
_CHANNELS = (3, 24, 48, 64, 96)
_HIDDEN = 64


class PointNetwork(nn.Module):
    """Predict the eyes, the tip of the nose and the corners of the mouth."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(_CHANNELS):
            layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        cells = (SIDE // 2 ** (len(_CHANNELS) - 1)) ** 2
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Linear(_CHANNELS[-1] * cells, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, 2 * POINTS))

    def forward(self, crops: Tensor) -> Tensor:
        """Predict the points.

        Args:
            crops: (N,3,SIDE,SIDE) uint8 or float32 RGB in [0, 255].

        Returns:
            (N,5,2) in pixels of the crop: left and right eye in the image, nose, left and right corner of the mouth.
        """
        x = self.features(crops.float() / 127.5 - 1)
        places = self.head(torch.flatten(x, 1)).unflatten(1, (POINTS, 2))
        return (places + 1) * (SIDE / 2) - 0.5
