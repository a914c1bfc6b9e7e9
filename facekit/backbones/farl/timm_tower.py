"""Vision transformers of timm instead of FaRL's image tower, as compared in Tables 1 and 2."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
from timm.data import resolve_model_data_config
from torch import Tensor, nn

from ...core.global_state import seeded_random
from ..image_tower import Level
from ..normalisation import Normalise
from ..timm_vit import new_vit

# Exceptions of timm models whose blocks do not return maps.
_NO_MAPS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
)


class StandInTower(nn.Module):
    """A vision transformer of timm with the methods of `ImageTower`.

    Images are RGB in [0, 1]. They are normalised with the model's own mean and standard deviation.
    """

    def __init__(self, name: str, input_size: int | None = None, weights: str | os.PathLike[str] | None = None):
        """Build the tower and run it on one black image.

        Args:
            name: Name of a timm model.
            input_size: Side of the input in pixels. None is the model's own.
            weights: None (random), "pretrained" (timm downloads them) or a file.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If timm has no such model, if its blocks do not return one map each, or if weights do not fit.
        """
        super().__init__()
        self.name = name
        self.vit: Any = new_vit(name, "tower", weights, img_size=input_size)
        data = resolve_model_data_config(self.vit)
        self.input_size: int = input_size or data["input_size"][-1]
        own = getattr(getattr(self.vit, "patch_embed", None), "patch_size", 1)
        own = own if isinstance(own, int) else own[0]
        if self.input_size % own:
            raise ValueError(f"input_size={self.input_size}: expected a multiple of the patch size, {own} px")
        self.normalise = Normalise(data["mean"], data["std"])
        self.patch = self._measured_patch()

    @torch.no_grad()
    def _measured_patch(self) -> int:
        """Return the input pixels per pixel of the blocks' maps."""
        side, width = self.input_size, getattr(self.vit, "embed_dim", 0)
        try:
            maps = [m for _, m in self.eval().levels(torch.zeros(1, 3, side, side), (1, self.depth))]
        except _NO_MAPS as error:
            raise ValueError(
                f"tower={self.name!r} returns no maps of its blocks ({type(error).__name__}), expected a plain vision "
                "transformer; timm.list_models('vit*') lists some"
            ) from error
        shapes = [tuple(m.shape[1:]) for m in maps]
        if len(set(shapes)) > 1 or len(shapes[0]) != 3 or shapes[0][0] != width or shapes[0][1] != shapes[0][2]:
            raise ValueError(
                f"tower={self.name!r} returns maps of {shapes}, expected one shape ({width},h,h) for all blocks; "
                "timm.list_models('vit*') lists some that do"
            )
        return side // shapes[0][1]

    @property
    def depth(self) -> int:
        """Number of blocks."""
        return len(self.vit.blocks)

    @property
    def width(self) -> int:
        """Channels."""
        return self.vit.embed_dim

    def to_dict(self) -> dict[str, Any]:
        """Return name and input size as plain data."""
        return {"name": self.name, "input_size": self.input_size}

    def levels(self, x: Tensor, selected: Sequence[int]) -> list[Level]:
        """Return the outputs of selected blocks, counted from 1.

        If the model has no class token, the mean of the patch tokens is returned instead.

        Args:
            x: RGB images (N, 3, S, S) in [0, 1].
            selected: The blocks.
        """
        found = self.vit.forward_intermediates(
            self.normalise(x),
            indices=[i - 1 for i in selected],
            return_prefix_tokens=True,
            intermediates_only=True,
        )
        pairs = [(m, None) if isinstance(m, Tensor) else m for m in found]
        return [(m.mean((2, 3)) if token is None else token[:, 0], m) for m, token in pairs]


def stand_in(name: str, weights: str | os.PathLike[str], input_size: int | None, seed: int) -> StandInTower:
    """Build a tower of timm in evaluation mode.

    Args:
        name: Name of a timm model.
        weights: "none" (random), "official" (timm downloads them), or a file.
        input_size: Side of the input in pixels. None is the model's own.
        seed: Seed of random weights.

    Raises:
        ValueError: If timm has no such vision transformer, or for "embedded" and "auto", which do not exist for it.
    """
    if weights in ("auto", "embedded"):
        raise ValueError(f"tower={name!r} has no embedded weights: pass weights='none', 'official' or a file for it")
    with seeded_random(seed):
        if weights in ("none", "official"):
            return StandInTower(name, input_size, "pretrained" if weights == "official" else None).eval()
        return StandInTower(name, input_size, weights).eval()
