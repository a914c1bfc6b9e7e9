"""Base class of the networks that adaptation trains: a frozen part and a trained part."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import Self

# The class token (N, D) and the feature map (N, D, h, w) of one transformer block.
Level = tuple[Tensor, Tensor]


class AdaptedNetwork(nn.Module, ABC):
    """A network whose frozen part runs once per augmented image and whose other part is trained.

    Attributes:
        channels: Number of output channels.
        stride: Input pixels per output pixel.
        paints: Whether the first three output channels are an RGB image in [0, 1].
        frozen: Whether ``frozen_features`` computes anything. If False, all of the network is trained.
        averages: Whether predictions are averaged with those of the mirrored image.
        starts: Embedded models that the trained layers may start from, by the name of the task.
    """

    channels: int
    stride: int
    paints: bool = False
    frozen: bool = True
    averages: ClassVar[bool] = True
    starts: ClassVar[dict[str, str]] = {}

    @property
    @abstractmethod
    def input_size(self) -> int:
        """Side of the square input image in pixels."""

    @abstractmethod
    def frozen_features(self, x: Tensor) -> list[Tensor]:
        """Compute the part that is never trained.

        Args:
            x: RGB images in [0, 1], shape (N, 3, S, S).

        Returns:
            Tensors whose first dimension is N. ``[x]`` if nothing is frozen.
        """

    @abstractmethod
    def from_features(self, features: list[Tensor]) -> Tensor:
        """Compute the trained part.

        Args:
            features: What ``frozen_features`` returned.

        Returns:
            Output maps (N, C, S/stride, S/stride), or (N, C) for tasks without maps.
        """

    @abstractmethod
    def new_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that train at the configuration's learning rate."""

    def tuned_parameters(self) -> list[nn.Parameter]:
        """Return pretrained parameters that train at a learning rate of their own."""
        return []

    def forward(self, x: Tensor) -> Tensor:
        """Compute the output maps of RGB images (N, 3, S, S) in [0, 1]."""
        return self.from_features(self.frozen_features(x))

    def folded(self) -> AdaptedNetwork:
        """Return a network with the same outputs that predicts fastest. It may be this one."""
        return self

    @property
    def can_warm_start(self) -> bool:
        """Whether ``start_from`` is implemented."""
        return False

    def matches(self, other: Self) -> bool:
        """Return whether the trained layers of another network of this class fit into this one."""
        return False

    def start_from(self, other: Self, mixing: Tensor) -> None:
        """Copy the trained layers of a network that ``matches``.

        Args:
            other: The network to copy from.
            mixing: Weights of shape (C, C_other). Output channel c starts as the mixture ``mixing[c]`` of the
                other network's output channels.

        Raises:
            ValueError: If this network has no warm start.
        """
        raise ValueError(f"{type(self).__name__} has no warm start, expected start='none'; leave start out")

    @property
    def trunk_id(self) -> str | None:
        """Identifier of the frozen trunk. Networks with the same one share what ``trunk`` returns."""
        return None

    def trunk(self, x: Tensor) -> list[Level]:
        """Compute the levels of the frozen trunk. Only for networks with a ``trunk_id``."""
        raise ValueError(f"{type(self).__name__} shares no trunk, expected a network with a trunk_id")

    def read(self, levels: list[Level]) -> list[Tensor]:
        """Return what ``from_features`` needs of the levels of the trunk."""
        raise ValueError(f"{type(self).__name__} shares no trunk, expected a network with a trunk_id")

    @property
    def members(self) -> int:
        """Number of classifiers that vote. 1 if the network is no ensemble."""
        return 1

    def divergence(self, x: Tensor) -> Tensor:
        """Compute how much the classifiers of an ensemble disagree.

        Args:
            x: RGB images in [0, 1], shape (N, 3, S, S).

        Returns:
            Jensen-Shannon divergence in nats, shape (N, S, S).

        Raises:
            ValueError: If the network is no ensemble.
        """
        raise ValueError(
            f"{type(self).__name__} is no ensemble, expected several classifiers; pass members=10 to adapt"
        )

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which the backbone builds the same network. Weights are not included."""


@torch.no_grad()
def same_pretrained_weights(network: nn.Module, other: nn.Module) -> bool:
    """Return whether two networks have the same pretrained weights, going by their first parameter.

    Args:
        network: A network.
        other: The network to compare with.
    """
    first, other_first = next(network.parameters()), next(other.parameters())
    return first.shape == other_first.shape and torch.equal(first.cpu(), other_first.cpu())
