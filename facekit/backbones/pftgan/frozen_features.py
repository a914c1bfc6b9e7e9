"""Frozen features that PFTGAN is compared with (section 4.1): a ViT's and FaRL's tower's; `diffusion` has the third.

What each gives goes to the same pixel classifiers, see `compared`. The choices are those of the paper's reference [4],
"Label-Efficient Semantic Segmentation with Diffusion Models", and of its code, yandex-research/ddpm-segmentation.
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

# ddpm-segmentation's MAE baseline (src/feature_extractors.py: num_blocks=12) reads its ViT-L's last 12 blocks.
LAST_BLOCKS = 12


class FrozenFeatures(nn.Module, ABC):
    """Images (N,3,S,S) RGB in [0, 1], S = `input_size` px, to maps [(N,C_i,H_i,W_i)] with C_i = `channels`.

    It never trains: no gradients, always in eval mode.
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
        """Raises ValueError for images of another shape."""
        side = self.input_size
        if x.ndim != 4 or x.shape[1:] != (3, side, side):
            raise ValueError(f"images of shape {tuple(x.shape)}: expected (N,3,{side},{side}), resize them first")
        return self.maps(x)

    @abstractmethod
    def maps(self, x: Tensor) -> list[Tensor]:
        """`forward` of checked images."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Plain data that `compared.features_from_dict` builds the same module from; weights travel in the state
        dict."""

    @classmethod
    @abstractmethod
    def from_dict(cls, settings: dict[str, Any]) -> FrozenFeatures:
        """Undo `to_dict`; the weights are random."""


class ViTFeatures(FrozenFeatures):
    """Outputs of a vision transformer's blocks, before the final normalisation, as maps of its patches.

    name: any timm ViT's; the paper's kind is MAE's, "vit_base_patch16_224.mae" or "vit_large_patch16_224.mae". blocks:
    counted from 1 as in `recipes`; None: the last 12. input_size: px, a multiple of the patch size; None: the model's
    own; positions are resized to it. weights: None (random), a .safetensors file or .pth of tensors, among them MAE's
    own with or without its decoder, or "pretrained", upon which timm downloads them. patch: px, where it is not the
    name's: ddpm-segmentation's FFHQ checkpoint is "vit_large_patch16_224.mae" with patch=8 at 256 px.

    Raises ValueError for a name that timm does not know or that is no ViT, for blocks and sizes that it has not, and
    for a file that holds something else; FileNotFoundError where there is none.
    """

    kind: ClassVar[str] = "vit"

    def __init__(
        self,
        name: str = "vit_base_patch16_224.mae",
        blocks: Sequence[int] | None = None,
        input_size: int | None = None,
        weights: str | os.PathLike[str] | None = None,
        patch: int | None = None,
    ):
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
            "kind": self.kind, "name": self.name, "blocks": list(self.blocks), "input_size": self.input_size,
            "patch": self.patch,
        }  # fmt: skip

    @classmethod
    @override
    def from_dict(cls, settings: dict[str, Any]) -> ViTFeatures:
        # Nothing else: a file must not name other files, or have weights downloaded.
        return cls(settings["name"], settings["blocks"], settings["input_size"], None, settings["patch"])


class FaRLFeatures(FrozenFeatures):
    """The same of FaRL's image tower, e.g. `FaRLFeatures(facekit.load_backbone("farl").image)`; for another input size
    pass `tower.resized(px)`. blocks: as of `ViTFeatures`; raises ValueError for ones that it has not."""

    kind: ClassVar[str] = "farl"

    def __init__(self, tower: ImageTower, blocks: Sequence[int] | None = None):
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
        # Here, as with timm: importing it takes seconds that others need not wait for.
        from ..image_tower import ImageTower, TowerSize

        return cls(ImageTower(TowerSize(**settings["size"])), settings["blocks"])


def _chosen_blocks(blocks: Sequence[int] | None, depth: int, name: str) -> tuple[int, ...]:
    """Counted from 1, in order."""
    if blocks is None:
        return tuple(range(max(1, depth - LAST_BLOCKS + 1), depth + 1))
    chosen = tuple(sorted(set(blocks)))
    if not chosen or not 1 <= chosen[0] <= chosen[-1] <= depth:
        raise ValueError(f"blocks={list(blocks)}: expected some of 1 to {depth}, which {name} has; None is its last 12")
    return chosen


def _timm_vit(
    name: str, input_size: int | None, patch: int | None, weights: str | os.PathLike[str] | None
) -> tuple[Any, Sequence[float], Sequence[float], int]:
    """The model, the mean and standard deviation of its images and its own input size."""
    from timm.data import resolve_model_data_config

    vit = new_vit(name, "name", weights, img_size=input_size, patch_size=patch)
    data = resolve_model_data_config(vit)
    # It would hold the file's tensors a second time.
    vit.pretrained_cfg = vit.default_cfg = {}
    return vit, data["mean"], data["std"], data["input_size"][-1]
