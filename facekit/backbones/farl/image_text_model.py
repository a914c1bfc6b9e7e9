"""The pretrained model of images and texts: image tower, text tower, temperature.

FaRL: https://arxiv.org/abs/2112.03109
"""

from __future__ import annotations

import math
import os

import torch
from torch import Tensor, nn

from ...core.global_state import seeded_random
from ...core.tensor_arguments import check_image_tensor
from ...core.weight_files import first_names, likely_network, read_weights
from ..image_tower import ImageTower, Level, TowerSize, clip_names, spread_layers, tower_from_clip
from .contrastive_loss import TEMPERATURE
from .text_tower import TextSize, TextTower, cosine_logits, text_tower_from_clip

# Sizes of both towers. "mini" is that of the embedded weights, with a thirtieth of the paper's parameters.
PRESETS: dict[str, tuple[TowerSize, TextSize]] = {
    "base": (TowerSize(), TextSize()),
    "mini": (
        TowerSize(input_size=96, patch=8, width=192, layers=6, heads=3, embed_dim=128),
        TextSize(width=128, layers=4, heads=4, vocabulary=4096, embed_dim=128),
    ),
}
# Tensors of the masked image model, which checkpoints of the released code may hold.
_MASKED = ("mask_token", "lm_transformer.", "ln_lm.", "lm_head.")


class ImageTextModel(nn.Module):
    """Image tower E_I, text tower E_T and log(1/sigma)."""

    def __init__(self, image: ImageTower, text: TextTower | None):
        """Combine two towers.

        Args:
            image: The image tower.
            text: The text tower, or None if a file holds the image tower only.
        """
        super().__init__()
        self.image, self.text = image, text
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / TEMPERATURE)))

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the maps (N, D, h, w) of blocks 4, 6, 8 and 12 (of 12), before the final normalisation.

        Args:
            x: RGB images (N, 3, S, S) in [0, 1]. S is a multiple of the patch size.
        """
        return [m for _, m in self.levels(check_image_tensor(x))]

    def levels(self, x: Tensor) -> list[Level]:
        """Return what ``features`` returns, with each block's class token (N, D) before its map."""
        return self.image.levels(x, spread_layers(self.image.depth))

    def encode(self, x: Tensor) -> Tensor:
        """Return the embeddings (N, E), of length 1, of RGB images (N, 3, S, S) in [0, 1]."""
        return self.image.encode(check_image_tensor(x))

    def encode_text(self, texts: str | list[str]) -> Tensor:
        """Return the embeddings (N, E), of length 1, of texts.

        Raises:
            ValueError: If there is no text tower.
        """
        if self.text is None:
            raise ValueError("these weights hold no text tower: take a file with both, or the embedded ones")
        return self.text.encode(texts)

    def match(self, x: Tensor, texts: str | list[str]) -> Tensor:
        """Compute the probability of each text, given that one of them belongs to the image.

        Args:
            x: Images (N, 3, S, S), RGB in [0, 1].
            texts: M texts, or one.

        Returns:
            Probabilities (N, M).
        """
        return cosine_logits(self.encode(x), self.encode_text(texts), self.logit_scale).softmax(-1)


def new_pair(preset: str, seed: int) -> ImageTextModel:
    """Build a model with random weights.

    Args:
        preset: "mini" or "base".
        seed: Seed of the weights.

    Raises:
        ValueError: If there is no such preset.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset={preset!r}: expected one of {', '.join(map(repr, PRESETS))}")
    image, text = PRESETS[preset]
    with seeded_random(seed):
        return ImageTextModel(ImageTower(image), TextTower(text)).eval()


def to_clip(pair: ImageTextModel) -> dict[str, Tensor]:
    """Return the tensors of both towers by CLIP's names."""
    state = {f"visual.{k}": v for k, v in clip_names(pair.image).items()} | {"logit_scale": pair.logit_scale}
    if pair.text is not None:
        state |= dict(pair.text.clip.state_dict())
    return {k: v.detach().cpu().contiguous() for k, v in state.items()}


def from_clip(state: dict[str, Tensor], heads: dict[str, int] | None = None) -> ImageTextModel:
    """Build a model from tensors with CLIP's names, as official files hold them.

    Args:
        state: Tensors. Those of the text tower may be missing.
        heads: Attention heads of "image" and "text". By default one per 64 channels.

    Raises:
        ValueError: If tensors are missing, left over or of other shapes.
    """
    heads = heads or {}
    visual = {k.removeprefix("visual."): v for k, v in state.items() if k.startswith("visual.")}
    visual = {k: v for k, v in visual.items() if not k.startswith(_MASKED)}
    # open_clip stores the causal mask, which is computed here.
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
    """Read a model from a file with CLIP's names.

    Args:
        path: Our .safetensors, FaRL's or open_clip's checkpoint, or one of OpenAI's own files (TorchScript).

    Returns:
        The model in evaluation mode. Its text tower is None if the file holds the image tower only.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds something else.
    """
    instead = "pass 'auto', 'embedded', 'official' or 'none'"
    file = read_weights(path, "a CLIP model such as FaRL's", instead, ["visual.conv1.weight", "visual.proj"])
    if not any(k.startswith("visual.") for k in file.tensors):
        raise ValueError(
            f"{path}: expected an image tower in CLIP's naming (visual.conv1.weight, ...), got tensors "
            f"{first_names(file.tensors)}{likely_network(file.tensors)}"
        )
    if any(k.startswith("fpns.") for k in file.tensors):
        raise ValueError(
            f"{path}: expected weights of a tower, got one of facer's released models; pass it to facekit.load"
        )
    # The number of attention heads does not follow from shapes. Our files store it.
    noted = {k.removeprefix("heads_"): v for k, v in file.about.items() if k.startswith("heads_")}
    try:
        return from_clip(file.tensors, {k: int(v) for k, v in noted.items()})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
