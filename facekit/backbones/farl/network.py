"""Heads on FaRL's image tower: one for maps, one for attributes (section 4.1)."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from ...training.adapted_network import AdaptedNetwork
from ..image_tower import ImageTower, Level
from .timm_tower import StandInTower
from .upernet import Pyramid, UperHead


class DenseHead(nn.Module):
    """A feature pyramid and UperNet, from four levels (N, D, h, w) to maps (N, C, S/4, S/4)."""

    def __init__(self, width: int, patch: int, channels: int, classes: int, pyramid_channels: int | None = None):
        """Build the head.

        Args:
            width: Channels of the levels.
            patch: Side of the tower's patches in pixels.
            channels: Channels inside UperNet.
            classes: Number of output channels.
            pyramid_channels: Channels of the levels that the pyramid enlarges. None is ``width``, as in the paper.
        """
        super().__init__()
        self.pyramid = Pyramid(width, patch, pyramid_channels)
        self.uper = UperHead(self.pyramid.widths, channels, classes)

    @override
    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        return self.uper(self.pyramid(levels))


class TokenHead(nn.Module):
    """Normalised vectors (N, V, D), mixed by learned weights, and one linear layer to logits (N, A)."""

    def __init__(self, width: int, vectors: int, classes: int):
        """Build the head.

        Args:
            width: Length of the vectors.
            vectors: Number of vectors, three per level.
            classes: Number of logits.
        """
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(vectors))
        self.mix = nn.Parameter(torch.full((vectors,), 1 / vectors))
        self.fc = nn.Linear(width, classes)

    @override
    def forward(self, vectors: Tensor) -> Tensor:
        normal = torch.stack([norm(v) for norm, v in zip(self.norms, vectors.unbind(1), strict=True)], 1)
        return self.fc(torch.einsum("nvd,v->nd", normal, self.mix))


class RegionHead(nn.Module):
    """Normalised vectors (N, V, D) side by side, and one linear layer to logits (N, A). Ours.

    The mixed vectors of `TokenHead` do not tell where something is: glasses and a necktie weigh the same.
    """

    def __init__(self, width: int, vectors: int, classes: int):
        """Build the head; arguments as in `TokenHead`."""
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(vectors))
        self.fc = nn.Linear(width * vectors, classes)

    @override
    def forward(self, vectors: Tensor) -> Tensor:
        return self.fc(torch.cat([norm(v) for norm, v in zip(self.norms, vectors.unbind(1), strict=True)], 1))


class FaRLNetwork(AdaptedNetwork):
    """An image tower with one head. The tower is frozen (FaRL), or trained too (FaRL_ft)."""

    def __init__(
        self,
        tower: ImageTower | StandInTower,
        channels: int,
        stride: int = 1,
        dense: bool = True,
        layers: Sequence[int] = (4, 6, 8, 12),
        head_channels: int | None = None,
        paints: bool = False,
        frozen: bool = True,
        pyramid_channels: int | None = None,
        map_side: int | None = None,
        regions: int | None = None,
    ):
        """Build the head.

        Args:
            tower: The pretrained tower.
            channels: Number of output channels.
            stride: Input pixels per output pixel.
            dense: Whether the outputs are maps.
            layers: The four blocks that the head reads, counted from 1. Any number of them if ``dense`` is False.
            head_channels: Channels inside UperNet. None is the tower's width, as in the paper.
            paints: Whether the first three maps are an image in [0, 1].
            frozen: Whether the tower is frozen.
            pyramid_channels: Channels of the levels that the pyramid enlarges. None is the tower's width, as in the
                paper.
            map_side: Side of the maps in pixels. None is that of the input over the stride.
            regions: If ``dense`` is False, the head reads means over regions x regions parts of each level, side by
                side. None is the paper's head, which mixes means and maxima of whole levels.

        Raises:
            ValueError: If the tower has no such blocks.
        """
        super().__init__()
        self.layers = check_layers(layers, tower.depth, dense)
        self.channels, self.stride, self.dense, self.paints, self.frozen = channels, stride, dense, paints, frozen
        self.head_channels, self.map_side = head_channels or tower.width, map_side
        self.pyramid_channels, self.regions = pyramid_channels, None if dense else regions
        self.tower = tower.requires_grad_(not frozen).eval()
        self.head: nn.Module
        if dense:
            self.head = DenseHead(tower.width, tower.patch, self.head_channels, channels, pyramid_channels)
        elif regions:
            self.head = RegionHead(tower.width, (1 + regions**2) * len(self.layers), channels)
        else:
            self.head = TokenHead(tower.width, 3 * len(self.layers), channels)

    @property
    @override
    def input_size(self) -> int:
        return self.tower.input_size

    def new_parameters(self) -> list[nn.Parameter]:
        """Return the head's parameters."""
        return list(self.head.parameters())

    def tuned_parameters(self) -> list[nn.Parameter]:
        """Return the tower's parameters unless it is frozen."""
        return [] if self.frozen else [p for p in self.tower.parameters() if p.requires_grad]

    @override
    def train(self, mode: bool = True) -> FaRLNetwork:
        super().train(mode)
        if self.frozen:
            self.tower.eval()
        return self

    @functools.cached_property
    def trunk_id(self) -> str | None:
        """Hash of the frozen tower and the blocks that are read, None if the tower is trained."""
        if not self.frozen:
            return None
        digest = hashlib.sha1(repr(self.layers).encode())
        for tensor in self.tower.state_dict().values():
            digest.update(tensor.cpu().contiguous().view(torch.uint8).numpy())
        return digest.hexdigest()

    def trunk(self, x: Tensor) -> list[Level]:
        """Return the levels of the tower for RGB images (N, 3, S, S) in [0, 1]."""
        return self.tower.levels(x, self.layers)

    @torch.no_grad()
    def frozen_features(self, x: Tensor) -> list[Tensor]:
        """Return what ``read`` makes of the tower's levels, or ``[x]`` if nothing is frozen."""
        return self.read(self.trunk(x)) if self.frozen else [x]

    def read(self, levels: list[Level]) -> list[Tensor]:
        """Return the head's input: the maps of the levels, or one tensor (N, V, D) for attributes.

        The latter holds for each level the class token, and mean and maximum of the patch tokens or their means over
        regions.
        """
        if self.dense:
            return [m for _, m in levels]
        if self.regions:
            means = [F.adaptive_avg_pool2d(m, self.regions).flatten(2).transpose(1, 2) for _, m in levels]
            return [torch.cat([v for (token, _), m in zip(levels, means, strict=True) for v in (token[:, None], m)], 1)]
        return [torch.stack([v for token, m in levels for v in (token, m.mean((2, 3)), m.amax((2, 3)))], 1)]

    def from_features(self, features: list[Tensor]) -> Tensor:
        """Compute the head, and the tower if it is trained."""
        if not self.frozen:
            features = self.read(self.trunk(features[0]))
        if not self.dense:
            return self.head(features[0])
        side = self.map_side or self.input_size // self.stride
        maps = F.interpolate(self.head(features), (side, side), mode="bilinear", align_corners=False)
        return torch.cat([maps[:, :3].sigmoid(), maps[:, 3:]], 1) if self.paints else maps

    @override
    def to_dict(self) -> dict[str, Any]:
        return {
            "tower": self.tower.to_dict(),
            "channels": self.channels,
            "stride": self.stride,
            "dense": self.dense,
            "layers": list(self.layers),
            "head_channels": self.head_channels,
            "paints": self.paints,
            "frozen": self.frozen,
            "pyramid_channels": self.pyramid_channels,
            **({} if self.map_side is None else {"map_side": self.map_side}),
            **({} if self.regions is None else {"regions": self.regions}),
        }


def check_layers(layers: Sequence[int], depth: int, dense: bool) -> tuple[int, ...]:
    """Check the blocks that a head reads and return them.

    Args:
        layers: Blocks, counted from 1. One may come several times, as in Figure 4.
        depth: Number of the tower's blocks.
        dense: Whether the head outputs maps.

    Raises:
        ValueError: If the tower has no such block, or a head for maps gets another number than four.
    """
    chosen = tuple(int(i) for i in layers)
    if not chosen or any(not 1 <= i <= depth for i in chosen):
        raise ValueError(f"layers={chosen}: expected blocks from 1 to {depth}")
    if dense and len(chosen) != 4:
        raise ValueError(f"layers={chosen}: the pyramid reads four blocks (one may come several times)")
    return chosen
