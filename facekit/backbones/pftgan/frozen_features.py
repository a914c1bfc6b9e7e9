"""Frozen features of PFTGAN's baselines (section 4.1): those of a vision transformer and of FaRL's image tower.

The third baseline is in `diffusion_features`. All are used by the same pixel classifiers, see `baselines`. The choices
are those of the paper's reference [4], "Label-Efficient Semantic Segmentation with Diffusion Models"
(https://arxiv.org/abs/2112.03126), and of its code, yandex-research/ddpm-segmentation.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import override

from ..normalisation import Normalise
from ..timm_vit import new_vit

if TYPE_CHECKING:
    from ..image_tower import ImageTower

# The MAE baseline of ddpm-segmentation (src/feature_extractors.py: num_blocks=12) uses the last 12 blocks of a ViT-L.
LAST_BLOCKS = 12


class FrozenFeatures(nn.Module, ABC):
    """Frozen network that maps images to feature maps. It has no gradients and is always in evaluation mode.

    Attributes:
        kind: Name of the class in files.
        channels: Channels of each map.
        input_size: Side of the input, px.
    """

    kind: ClassVar[str]
    channels: tuple[int, ...]
    input_size: int

    @override
    def train(self, mode: bool = True) -> FrozenFeatures:
        super().train(False)
        return self

    @torch.no_grad()
    def forward(self, x: Tensor) -> list[Tensor]:
        """Compute feature maps.

        Args:
            x: Images (N,3,S,S), RGB in [0, 1], S = ``input_size``.

        Returns:
            Maps (N,C_i,H_i,W_i), where C_i are ``channels``.

        Raises:
            ValueError: If the images have another shape.
        """
        side = self.input_size
        if x.ndim != 4 or x.shape[1:] != (3, side, side):
            raise ValueError(f"images of shape {tuple(x.shape)}: expected (N,3,{side},{side}), resize them first")
        return self.maps(x)

    @abstractmethod
    def maps(self, x: Tensor) -> list[Tensor]:
        """Compute the feature maps of images whose shape was checked."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return settings for `baselines.features_from_dict`, without weights."""

    @classmethod
    @abstractmethod
    def from_dict(cls, settings: dict[str, Any]) -> FrozenFeatures:
        """Build the module of ``to_dict``'s settings, with random weights."""


class ViTFeatures(FrozenFeatures):
    """Outputs of a vision transformer's blocks, before the final normalisation, as maps of its patches."""

    kind: ClassVar[str] = "vit"

    def __init__(
        self,
        name: str = "vit_base_patch16_224.mae",
        blocks: Sequence[int] | None = None,
        input_size: int | None = None,
        weights: str | os.PathLike[str] | None = None,
        patch: int | None = None,
    ):
        """Build the network.

        Args:
            name: A vision transformer of timm. The paper's kind is MAE: "vit_base_patch16_224.mae" or
                "vit_large_patch16_224.mae".
            blocks: Numbers of the blocks, counted from 1. None: the last 12.
            input_size: Side of the input, px, a multiple of the patch size. None: that of the model. The positional
                embeddings are resized to it.
            weights: None (random), a .safetensors or .pth file of tensors (also MAE's own, with or without decoder),
                or "pretrained": timm downloads them.
            patch: Side of a patch, px, if it is not that of the name. The FFHQ checkpoint of ddpm-segmentation is
                "vit_large_patch16_224.mae" with ``patch=8`` at 256 px.

        Raises:
            ValueError: If timm has no such vision transformer, the model has no such blocks or sizes, or the file has
                other contents.
            FileNotFoundError: If there is no such file.
        """
        super().__init__()
        self.name, self.patch = name, patch
        self.vit, mean, std, known = _timm_vit(name, input_size, patch, weights)
        self.input_size = input_size or known
        own = self.vit.patch_embed.patch_size[0]
        if self.input_size % own:
            raise ValueError(f"input_size={self.input_size}: expected a multiple of the patch size, {own} px")
        self.blocks = _chosen_blocks(blocks, len(self.vit.blocks), name)
        self._indices = self.vit.prune_intermediate_layers([i - 1 for i in self.blocks], prune_norm=True)
        self.channels = (self.vit.embed_dim,) * len(self.blocks)
        self.normalise = Normalise(mean, std)
        self.requires_grad_(False).eval()

    @override
    def maps(self, x: Tensor) -> list[Tensor]:
        return self.vit.forward_intermediates(self.normalise(x), indices=self._indices, intermediates_only=True)

    @override
    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "name": self.name,
            "blocks": list(self.blocks),
            "input_size": self.input_size,
            "patch": self.patch,
        }

    @classmethod
    @override
    def from_dict(cls, settings: dict[str, Any]) -> ViTFeatures:
        # No weights: a file must not name other files, and must not start a download.
        return cls(settings["name"], settings["blocks"], settings["input_size"], None, settings["patch"])


class FaRLFeatures(FrozenFeatures):
    """Outputs of the blocks of FaRL's image tower, as maps of its patches.

    Example:
        >>> features = FaRLFeatures(facekit.load_backbone("farl").image)
    """

    kind: ClassVar[str] = "farl"

    def __init__(self, tower: ImageTower, blocks: Sequence[int] | None = None):
        """Use a tower.

        Args:
            tower: FaRL's image tower. For another input size pass ``tower.resized(px)``.
            blocks: Numbers of the blocks, counted from 1. None: the last 12.

        Raises:
            ValueError: If the tower has no such blocks.
        """
        super().__init__()
        self.tower, self.input_size = tower, tower.size.input_size
        self.blocks = _chosen_blocks(blocks, tower.depth, "this tower")
        self.channels = (tower.width,) * len(self.blocks)
        self.requires_grad_(False).eval()

    @override
    def maps(self, x: Tensor) -> list[Tensor]:
        return [m for _, m in self.tower.levels(x, self.blocks)]

    @override
    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "size": asdict(self.tower.size), "blocks": list(self.blocks)}

    @classmethod
    @override
    def from_dict(cls, settings: dict[str, Any]) -> FaRLFeatures:
        # Imported here, because the import takes seconds.
        from ..image_tower import ImageTower, TowerSize

        return cls(ImageTower(TowerSize(**settings["size"])), settings["blocks"])


def _chosen_blocks(blocks: Sequence[int] | None, depth: int, name: str) -> tuple[int, ...]:
    """Return the numbers of the blocks in order, counted from 1. Raise ValueError if there is no such block."""
    if blocks is None:
        return tuple(range(max(1, depth - LAST_BLOCKS + 1), depth + 1))
    chosen = tuple(sorted(set(blocks)))
    if not chosen or not 1 <= chosen[0] <= chosen[-1] <= depth:
        raise ValueError(f"blocks={list(blocks)}: expected some of 1 to {depth}, which {name} has; None is its last 12")
    return chosen


def _timm_vit(
    name: str, input_size: int | None, patch: int | None, weights: str | os.PathLike[str] | None
) -> tuple[Any, Sequence[float], Sequence[float], int]:
    """Return a model of timm, mean and standard deviation of its inputs, and its default input size."""
    from timm.data import resolve_model_data_config

    vit = new_vit(name, "name", weights, img_size=input_size, patch_size=patch)
    data = resolve_model_data_config(vit)
    # They would keep the tensors of the file in memory a second time.
    vit.pretrained_cfg = vit.default_cfg = {}
    return vit, data["mean"], data["std"], data["input_size"][-1]
