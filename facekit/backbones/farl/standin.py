"""Any timm vision transformer in the place of FaRL's tower: Tables 1 and 2 compare them under the same heads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
from timm.data import resolve_model_data_config
from torch import Tensor, nn

from ...global_state import own_random
from ..normalise import Normalise
from .vision import Level


class StandInTower(nn.Module):
    """A timm ViT by name, with the tower's `levels`. Pictures are RGB in [0, 1]; the model's own mean and standard
    deviation are applied inside."""

    def __init__(self, name: str, input_size: int | None = None, pretrained: bool = False, file: str = ""):
        super().__init__()
        settings: dict[str, Any] = {} if input_size is None else {"img_size": input_size}
        self.name = name
        self.vit: Any = timm.create_model(name, pretrained=pretrained, checkpoint_path=file, num_classes=0, **settings)
        if not hasattr(self.vit, "forward_intermediates") or not hasattr(self.vit, "blocks"):
            raise ValueError(f"tower={name!r}: expected a vision transformer; timm.list_models('vit*') lists some")
        data = resolve_model_data_config(self.vit)
        self.input_size: int = input_size or data["input_size"][-1]
        self.normalise = Normalise(data["mean"], data["std"])

    @property
    def depth(self) -> int:
        return len(self.vit.blocks)

    @property
    def width(self) -> int:
        return self.vit.embed_dim

    @property
    def patch(self) -> int:
        return self.vit.patch_embed.patch_size[0]

    def levels(self, x: Tensor, selected: Sequence[int]) -> list[Level]:
        """Pictures (N,3,S,S) to (class token (N,D), map (N,D,h,w)) of the selected blocks, counted from 1. Without a
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
    if not timm.is_model(name):
        raise ValueError(f"tower={name!r}: timm has no such model; timm.list_models('vit*') lists some")
    if weights in ("none", "official"):
        with own_random(seed):
            return StandInTower(name, input_size, pretrained=weights == "official").eval()
    if weights in ("auto", "embedded"):
        raise ValueError(f"tower={name!r} has no embedded weights: pass weights='none', 'official' or a file for it")
    if not Path(weights).is_file():
        raise FileNotFoundError(f"weights={str(weights)!r}: no such file; or pass 'none' or 'official'")
    with own_random(seed):
        return StandInTower(name, input_size, file=os.fspath(weights)).eval()
