"""Normalise images for pretrained networks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from typing_extensions import override


class Normalise(nn.Module):
    """Subtract a mean colour from RGB (N, 3, S, S) in [0, 1] and divide by a standard deviation."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        """Store mean and standard deviation of the three channels."""
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    @override
    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean.to(x)) / self.std.to(x)
