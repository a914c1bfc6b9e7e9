"""Any timm vision transformer in the place of FaRL's tower: Tables 1 and 2 compare them under the same heads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
from timm.data import resolve_model_data_config
from torch import Tensor, nn

from ...core.global_state import own_random
from ..image_tower import Level
from ..normalisation import Normalise
from ..timm_vit import new_vit

# What models of timm raise that do not give maps as its plain vision transformers do.
_NO_MAPS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NameError, RuntimeError, TypeError, ValueError
)  # fmt: skip


class StandInTower(nn.Module):
    """A timm ViT by name, with the tower's `levels`. Images are RGB in [0, 1]; the model's own mean and standard
    deviation are applied inside."""

    def __init__(self, name: str, input_size: int | None = None, weights: str | os.PathLike[str] | None = None):
        """Build the tower and try it on one black image.

        Args:
            name: Of a timm model.
            input_size: Side of its images, px; None is the model's own.
            weights: None (random), "pretrained" (timm downloads them) or a file.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If timm has no such model, if it does not give one map a block, or if weights do not fit.
        """
        super().__init__()
        self.name = name
        self.vit: Any = new_vit(name, "tower", weights, img_size=input_size)
        data = resolve_model_data_config(self.vit)
        self.input_size: int = input_size or data["input_size"][-1]
        self.normalise = Normalise(data["mean"], data["std"])
        self.patch = self._measured_patch()

    @torch.no_grad()
    def _measured_patch(self) -> int:
        """Pixels of the input per pixel of the blocks' maps."""
        side, width = self.input_size, getattr(self.vit, "embed_dim", 0)
        try:
            maps = [m for _, m in self.eval().levels(torch.zeros(1, 3, side, side), (1, self.depth))]
        except _NO_MAPS as error:
            raise ValueError(
                f"tower={self.name!r} gives no maps of its blocks ({type(error).__name__}), expected a plain vision "
                "transformer; timm.list_models('vit*') lists some"
            ) from error
        shapes = [tuple(m.shape[1:]) for m in maps]
        if len(set(shapes)) > 1 or len(shapes[0]) != 3 or shapes[0][0] != width or shapes[0][1] != shapes[0][2]:
            raise ValueError(
                f"tower={self.name!r} gives maps of {shapes}, expected one shape ({width},h,h) for all blocks; "
                "timm.list_models('vit*') lists some that do"
            )
        return side // shapes[0][1]

    @property
    def depth(self) -> int:
        return len(self.vit.blocks)

    @property
    def width(self) -> int:
        return self.vit.embed_dim

    def levels(self, x: Tensor, selected: Sequence[int]) -> list[Level]:
        """Images (N,3,S,S) to (class token (N,D), map (N,D,h,w)) of the selected blocks, counted from 1. Without a
        class token, the mean of the patch tokens stands for it."""
        found = self.vit.forward_intermediates(
            self.normalise(x), indices=[i - 1 for i in selected], return_prefix_tokens=True,
            intermediates_only=True,
        )  # fmt: skip
        pairs = [(m, None) if isinstance(m, Tensor) else m for m in found]
        return [(m.mean((2, 3)) if token is None else token[:, 0], m) for m, token in pairs]


def stand_in(name: str, weights: str | os.PathLike[str], input_size: int | None, seed: int) -> StandInTower:
    """The tower `name` of timm. weights: "none" (random), "official" (timm downloads them) or a file for it.

    Raises ValueError for a name that timm does not know or that is no ViT, and for "embedded" or "auto": there are
    none of it.
    """
    if weights in ("auto", "embedded"):
        raise ValueError(f"tower={name!r} has no embedded weights: pass weights='none', 'official' or a file for it")
    with own_random(seed):
        if weights in ("none", "official"):
            return StandInTower(name, input_size, "pretrained" if weights == "official" else None).eval()
        return StandInTower(name, input_size, weights).eval()
