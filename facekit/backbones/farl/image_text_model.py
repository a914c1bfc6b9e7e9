"""The pre-trained pair: image tower, text tower, temperature; `facekit.load_backbone("farl")`."""

from __future__ import annotations

import math
import os

import torch
from torch import Tensor, nn

from ...core.global_state import own_random
from ...core.weight_files import read_weights, seems, some
from ..image_tower import ImageTower, Level, TowerSize, clip_names, spread_layers, tower_from_clip
from .contrastive_loss import TEMPERATURE
from .text_tower import TextSize, TextTower, cosine_logits, text_tower_from_clip

# (image tower, text tower). "mini" is the embedded one: a thirtieth of the paper's parameters, the same code.
PRESETS: dict[str, tuple[TowerSize, TextSize]] = {
    "base": (TowerSize(), TextSize()),
    "mini": (
        TowerSize(input_size=96, patch=8, width=192, layers=6, heads=3, embed_dim=128),
        TextSize(width=128, layers=4, heads=4, vocabulary=4096, embed_dim=128),
    ),
}
# What the released code's checkpoints may hold besides the towers: the masked image model.
_MASKED = ("mask_token", "lm_transformer.", "ln_lm.", "lm_head.")


class ImageTextModel(nn.Module):
    """E_I, E_T and log(1/sigma); text is None where a file holds the image tower only."""

    def __init__(self, image: ImageTower, text: TextTower | None):
        super().__init__()
        self.image, self.text = image, text
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / TEMPERATURE)))

    def features(self, x: Tensor) -> list[Tensor]:
        """x: (N,3,S,S) RGB in [0, 1], S a multiple of the patch size. Returns the maps (N,D,h,w) of blocks 4, 6, 8 and
        12 (of 12), before the final normalisation."""
        return [m for _, m in self.levels(x)]

    def levels(self, x: Tensor) -> list[Level]:
        """As `features`, with each block's class token (N,D) before its map."""
        return self.image.levels(x, spread_layers(self.image.depth))

    def encode(self, x: Tensor) -> Tensor:
        """x: (N,3,S,S) RGB in [0, 1]. Returns embeddings (N,E) of length 1."""
        return self.image.encode(x)

    def encode_text(self, texts: str | list[str]) -> Tensor:
        """Embeddings (N,E) of length 1. Raises ValueError where these weights have no text tower."""
        if self.text is None:
            raise ValueError("these weights hold no text tower: take a file with both, or the embedded ones")
        return self.text.encode(texts)

    def match(self, x: Tensor, texts: str | list[str]) -> Tensor:
        """(N,M): the probability of each of M texts, given that one of them belongs to the image."""
        return cosine_logits(self.encode(x), self.encode_text(texts), self.logit_scale).softmax(-1)


def new_pair(preset: str, seed: int) -> ImageTextModel:
    """Random weights. Raises ValueError for an unknown preset."""
    if preset not in PRESETS:
        raise ValueError(f"preset={preset!r}: expected one of {', '.join(map(repr, PRESETS))}")
    image, text = PRESETS[preset]
    with own_random(seed):
        return ImageTextModel(ImageTower(image), TextTower(text)).eval()


def to_clip(pair: ImageTextModel) -> dict[str, Tensor]:
    """The pair's tensors in CLIP's naming, as `from_clip` reads them."""
    state = {f"visual.{k}": v for k, v in clip_names(pair.image).items()} | {"logit_scale": pair.logit_scale}
    if pair.text is not None:
        state |= {k: v for k, v in pair.text.clip.state_dict().items()}
    return {k: v.detach().cpu().contiguous() for k, v in state.items()}


def from_clip(state: dict[str, Tensor], heads: dict[str, int] | None = None) -> ImageTextModel:
    """A pair from tensors in CLIP's naming, as the official files hold them; the text tower may be missing.

    heads: attention heads of "image" and "text", default one for 64 channels. Raises ValueError when tensors are
    missing, left over or of other shapes.
    """
    heads = heads or {}
    visual = {k.removeprefix("visual."): v for k, v in state.items() if k.startswith("visual.")}
    visual = {k: v for k, v in visual.items() if not k.startswith(_MASKED)}
    # open_clip stores the causal mask, which the text tower computes itself.
    left_out = ("visual.", *_MASKED)
    rest = {k: v for k, v in state.items() if not k.startswith(left_out) and not k.endswith("attn_mask")}
    scale = rest.pop("logit_scale", None)
    # OpenAI's own files also store these three numbers.
    for name in ("input_resolution", "context_length", "vocab_size"):
        rest.pop(name, None)
    image = tower_from_clip(visual, heads.get("image"))
    text = text_tower_from_clip(rest, heads.get("text")) if rest else None
    pair = ImageTextModel(image, text)
    if scale is not None:
        pair.logit_scale.data.copy_(scale.float())
    return pair.eval()


def read_pair(path: str | os.PathLike[str]) -> ImageTextModel:
    """Read a pair from a file in CLIP's naming.

    Args:
        path: Our .safetensors, FaRL's or open_clip's checkpoint, or one of OpenAI's own files (TorchScript).

    Returns:
        The pair in eval mode; its text tower is None where the file holds the image tower only.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds something else.
    """
    instead = "pass 'auto', 'embedded', 'official' or 'none'"
    file = read_weights(path, "a CLIP model such as FaRL's", instead, ["visual.conv1.weight", "visual.proj"])
    if not any(k.startswith("visual.") for k in file.tensors):
        raise ValueError(
            f"{path}: tensors {some(file.tensors)} came, expected an image tower in CLIP's naming "
            f"(visual.conv1.weight, ...){seems(file.tensors)}"
        )
    # Attention heads cannot be read off shapes; our files note them.
    noted = {k.removeprefix("heads_"): v for k, v in file.about.items() if k.startswith("heads_")}
    try:
        return from_clip(file.tensors, {k: int(v) for k, v in noted.items()})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
