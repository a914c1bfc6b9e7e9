"""Pixel classifiers as one network, so that all members of an ensemble are trained at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from .pixel_classifier import PixelClassifier


class _StackedLinear(nn.Module):
    """M linear layers."""

    def __init__(self, layers: Sequence[nn.Linear]):
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))

    @override
    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias[:, None], x, self.weight.transpose(1, 2))


class _StackedNorm(nn.Module):
    """M BatchNorms in training mode."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, layers: Sequence[nn.BatchNorm1d]):
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, torch.stack([getattr(layer, name) for layer in layers]))
        assert layers[0].momentum is not None
        self.momentum, self.eps = layers[0].momentum, layers[0].eps

    @override
    def forward(self, x: Tensor) -> Tensor:
        self.num_batches_tracked += 1
        members, pixels, channels = x.shape
        normed = F.batch_norm(
            x.transpose(0, 1).flatten(1),
            self.running_mean.view(-1),
            self.running_var.view(-1),
            self.weight.view(-1),
            self.bias.view(-1),
            True,
            self.momentum,
            self.eps,
        )
        return normed.view(pixels, members, channels).transpose(0, 1)


class StackedClassifiers(nn.Module):
    """Copies of M pixel classifiers of equal size in training mode.

    A member computes what the classifier itself does. M small products of matrices are one batched product, which is
    faster than one after the other (`python -m benchmarks.speed.classifier_training`).
    """

    def __init__(self, members: Sequence[PixelClassifier]):
        """Copy the classifiers' tensors.

        Args:
            members: The classifiers.
        """
        super().__init__()
        layers: list[nn.Module] = []
        for same in zip(*(member.layers for member in members), strict=True):
            if isinstance(same[0], nn.Linear):
                layers.append(_StackedLinear(same))
            else:
                layers.append(_StackedNorm(same) if isinstance(same[0], nn.BatchNorm1d) else same[0])
        self.layers = nn.Sequential(*layers)

    @override
    def forward(self, pixels: Tensor) -> Tensor:
        """Compute logits (M, P, classes) of stacked pixels (M, P, channels), P of them for each member."""
        logits: Tensor = self.layers(pixels)
        return logits

    @torch.no_grad()
    def copy_member(self, number: int, classifier: PixelClassifier) -> None:
        """Write the tensors of a member into a classifier."""
        own = self.state_dict()
        for name, tensor in classifier.state_dict().items():
            tensor.copy_(own[name][number])
