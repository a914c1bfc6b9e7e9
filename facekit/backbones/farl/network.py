"""What adaptation trains on FaRL's tower (section 4.1): a dense head for maps, a token head for attributes."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import asdict
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
    """Four levels (N,D,h,w) to maps (N,C,S/4,S/4): pyramid and UperNet of `channels` channels. patch: the tower's,
    px."""

    def __init__(self, width: int, patch: int, channels: int, classes: int):
        super().__init__()
        self.pyramid = Pyramid(width, patch)
        self.uper = UperHead([width] * 4, channels, classes)

    @override
    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        return self.uper(self.pyramid(levels))


class TokenHead(nn.Module):
    """Three vectors a level, (N,3K,D), each normalised, mixed by learned weights, and one fully connected layer to
    logits (N,A)."""

    def __init__(self, width: int, vectors: int, classes: int):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(vectors))
        self.mix = nn.Parameter(torch.full((vectors,), 1 / vectors))
        self.fc = nn.Linear(width, classes)

    @override
    def forward(self, vectors: Tensor) -> Tensor:
        normal = torch.stack([norm(v) for norm, v in zip(self.norms, vectors.unbind(1), strict=True)], 1)
        return self.fc(torch.einsum("nvd,v->nd", normal, self.mix))


class FaRLNetwork(AdaptedNetwork):
    """A tower with one head. Maps (N,3,S,S) RGB in [0, 1] to (N,C,S/stride,S/stride), or to (N,C) for dense=False.

    layers: the four blocks that the head reads, counted from 1 (for dense=False any number of them). head_channels:
    inside UperNet; the paper's is the tower's width. paints: the first three maps are an image in [0, 1]. frozen:
    the tower does not train (FaRL; else FaRL_ft) and stays in eval mode.
    """

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
    ):
        super().__init__()
        self.layers = check_layers(layers, tower.depth, dense)
        self.channels, self.stride, self.dense, self.paints, self.frozen = channels, stride, dense, paints, frozen
        self.head_channels = head_channels or tower.width
        self.tower = tower.requires_grad_(not frozen).eval()
        self.head: nn.Module
        if dense:
            self.head = DenseHead(tower.width, tower.patch, self.head_channels, channels)
        else:
            self.head = TokenHead(tower.width, 3 * len(self.layers), channels)

    @property
    @override
    def input_size(self) -> int:
        return self.tower.size.input_size if isinstance(self.tower, ImageTower) else self.tower.input_size

    def new_parameters(self) -> list[nn.Parameter]:
        """What adaptation always trains: the head."""
        return list(self.head.parameters())

    def tuned_parameters(self) -> list[nn.Parameter]:
        """What it trains besides, at a rate of its own: the tower, unless frozen."""
        return [] if self.frozen else [p for p in self.tower.parameters() if p.requires_grad]

    @override
    def train(self, mode: bool = True) -> FaRLNetwork:
        super().train(mode)
        if self.frozen:
            self.tower.eval()
        return self

    @functools.cached_property
    def trunk_id(self) -> str | None:
        """Names the frozen tower and the blocks that are read: networks with the same one share `trunk`. None where the
        tower trains."""
        if not self.frozen:
            return None
        digest = hashlib.sha1(repr(self.layers).encode())
        for tensor in self.tower.state_dict().values():
            digest.update(tensor.cpu().contiguous().view(torch.uint8).numpy())
        return digest.hexdigest()

    def trunk(self, x: Tensor) -> list[Level]:
        """What the tower makes of images (N,3,S,S) in [0, 1]; `read` it, then `from_features`."""
        return self.tower.levels(x, self.layers)

    @torch.no_grad()
    def frozen_features(self, x: Tensor) -> list[Tensor]:
        """The part that never trains, of images (N,3,S,S) in [0, 1]: what `read` gives; only x for frozen=False."""
        return self.read(self.trunk(x)) if self.frozen else [x]

    def read(self, levels: list[Level]) -> list[Tensor]:
        """What the head needs of the tower's levels: their maps, or one tensor (N,3K,D) of class token, mean and
        maximum of the patch tokens, level by level."""
        if self.dense:
            return [m for _, m in levels]
        return [torch.stack([v for token, m in levels for v in (token, m.mean((2, 3)), m.amax((2, 3)))], 1)]

    def from_features(self, features: list[Tensor]) -> Tensor:
        """The trained part: `frozen_features` to (N,C,S/stride,S/stride) or (N,C)."""
        if not self.frozen:
            features = self.read(self.trunk(features[0]))
        if not self.dense:
            return self.head(features[0])
        side = self.input_size // self.stride
        maps = F.interpolate(self.head(features), (side, side), mode="bilinear", align_corners=False)
        return torch.cat([maps[:, :3].sigmoid(), maps[:, 3:]], 1) if self.paints else maps

    @override
    def to_dict(self) -> dict[str, Any]:
        tower = self.tower
        if isinstance(tower, ImageTower):
            about: dict[str, Any] = asdict(tower.size)
        else:
            about = {"name": tower.name, "input_size": tower.input_size}
        return {
            "tower": about,
            "channels": self.channels,
            "stride": self.stride,
            "dense": self.dense,
            "layers": list(self.layers),
            "head_channels": self.head_channels,
            "paints": self.paints,
            "frozen": self.frozen,
        }


def check_layers(layers: Sequence[int], depth: int, dense: bool) -> tuple[int, ...]:
    """The blocks that a head reads. Raises ValueError for ones that the tower has not, or for a dense head of not four
    (the same one may come four times: Figure 4)."""
    chosen = tuple(int(i) for i in layers)
    if not chosen or any(not 1 <= i <= depth for i in chosen):
        raise ValueError(f"layers={chosen}: expected blocks from 1 to {depth}")
    if dense and len(chosen) != 4:
        raise ValueError(f"layers={chosen}: the pyramid reads four blocks (one may come several times)")
    return chosen
