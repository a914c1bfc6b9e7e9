"""Image tower of FaRL and CLIP: a vision transformer built by timm (FaRL section 3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..core.weight_files import check_names
from ..training.adapted_network import Level
from .normalisation import Normalise

# Mean and standard deviation of RGB in [0, 1] over CLIP's images.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class TowerSize:
    """Size of an image tower. The defaults are ViT-B/16 as in section 3.4.

    Attributes:
        input_size: Side of the square input in pixels.
        patch: Side of a patch in pixels.
        width: Channels.
        layers: Number of blocks.
        heads: Attention heads.
        embed_dim: Length of the embedding that images and texts share.
    """

    input_size: int = 224
    patch: int = 16
    width: int = 768
    layers: int = 12
    heads: int = 12
    embed_dim: int = 512


def spread_layers(layers: int) -> tuple[int, ...]:
    """Return the blocks that heads read, counted from 1: (4, 6, 8, 12) of 12 (section 4.1), and alike for others."""
    return tuple(max(1, layers * k // 12) for k in (4, 6, 8, 12))


class ImageTower(nn.Module):
    """The image tower E_I.

    Images are RGB in [0, 1] of shape (N, 3, S, S). S is a multiple of the patch size. If it is not
    ``size.input_size``, the position embedding is resized bicubically, as in the paper for 448 px.
    """

    def __init__(self, size: TowerSize):
        """Build the tower with random weights."""
        super().__init__()
        self.size = size
        # In timm, class token and position embedding may be missing. Here they exist.
        self.vit: Any = VisionTransformer(
            img_size=size.input_size,
            patch_size=size.patch,
            embed_dim=size.width,
            depth=size.layers,
            num_heads=size.heads,
            num_classes=size.embed_dim,
            pre_norm=True,
            act_layer="quick_gelu",
            norm_layer=partial(nn.LayerNorm, eps=1e-5),
            dynamic_img_size=True,
        )
        # The projection of CLIP has no bias.
        self.vit.head = nn.Linear(size.width, size.embed_dim, bias=False)
        nn.init.normal_(self.vit.head.weight, std=size.width**-0.5)
        self.checkpointing = False  # recompute blocks in the backward pass instead of storing them
        self.normalise = Normalise(CLIP_MEAN, CLIP_STD)

    @property
    def input_size(self) -> int:
        """Side of the square input in pixels."""
        return self.size.input_size

    @property
    def depth(self) -> int:
        """Number of blocks."""
        return len(self.vit.blocks)

    @property
    def width(self) -> int:
        """Channels."""
        return self.size.width

    @property
    def patch(self) -> int:
        """Side of a patch in pixels."""
        return self.size.patch

    def to_dict(self) -> dict[str, Any]:
        """Return the sizes as plain data."""
        return asdict(self.size)

    def resized(self, input_size: int) -> ImageTower:
        """Return this tower for another input size, with a resized position embedding.

        Args:
            input_size: Side of the input in pixels.

        Raises:
            ValueError: If it is no multiple of the patch size.
        """
        if input_size == self.size.input_size:
            return self
        if input_size % self.size.patch:
            raise ValueError(f"input_size={input_size}: expected a multiple of the patch size, {self.size.patch} px")
        other = ImageTower(TowerSize(**{**vars(self.size), "input_size": input_size}))
        side = input_size // self.size.patch
        with torch.no_grad():
            other.load_state_dict({**self.state_dict(), "vit.pos_embed": self.positions((side, side))})
        return other.train(self.training)

    def positions(self, grid: tuple[int, int]) -> Tensor:
        """Return the position embedding (1, 1 + h*w, D) for a grid of (h, w) patches, the class token's first."""
        known = self.vit.pos_embed
        side = self.size.input_size // self.size.patch
        if grid == (side, side):
            return known
        patches = known[:, 1:].transpose(1, 2).reshape(1, -1, side, side)
        moved = F.interpolate(patches.float(), grid, mode="bicubic", align_corners=False).to(known.dtype)
        return torch.cat([known[:, :1], moved.flatten(2).transpose(1, 2)], 1)

    def patches(self, x: Tensor) -> Tensor:
        """Return the patch embeddings (N, h, w, D) of images, without positions."""
        return self.vit.patch_embed(self.normalise(x))

    def tokens(self, patches: Tensor, selected: Sequence[int] = ()) -> tuple[Tensor, list[Level]]:
        """Run all blocks.

        Args:
            patches: Patch embeddings (N, h, w, D).
            selected: Blocks whose outputs are returned, too, counted from 1.

        Returns:
            Tokens (N, 1 + h*w, D) of the last block, the class token first, and the levels of the selected blocks.
        """
        n, h, w, d = patches.shape
        y = torch.cat([self.vit.cls_token.expand(n, -1, -1).to(patches), patches.view(n, h * w, d)], 1)
        y = self.vit.norm_pre(y + self.positions((h, w)).to(y))
        levels: dict[int, Level] = {}
        for i, block in enumerate(self.vit.blocks, 1):
            y = checkpoint(block, y, use_reentrant=False) if self.checkpointing and self.training else block(y)
            if i in selected:
                levels[i] = y[:, 0], y[:, 1:].transpose(1, 2).reshape(n, d, h, w)
        return y, [levels[i] for i in selected]

    def embedding(self, tokens: Tensor) -> Tensor:
        """Return the shared embedding (N, E), not normalised, of the last block's tokens (N, 1 + P, D)."""
        return self.vit.head(self.vit.norm(tokens[:, 0]))

    def levels(self, x: Tensor, selected: Sequence[int]) -> list[Level]:
        """Compute the outputs of selected blocks before the final normalisation.

        Args:
            x: Images (N, 3, S, S), RGB in [0, 1].
            selected: Numbers of the blocks, counted from 1.

        Returns:
            Per block the class token (N, D) and the maps of the patches (N, D, h, w).
        """
        return self.tokens(self.patches(x), selected)[1]

    def encode(self, x: Tensor) -> Tensor:
        """Return the embeddings (N, E), of length 1, of images."""
        return F.normalize(self.embedding(self.tokens(self.patches(x))[0]), dim=-1)

    forward = encode


# Names of CLIP and of timm. In this order they can be replaced in both directions.
_NAMES = (
    ("transformer.resblocks.", "blocks."),
    ("attn.in_proj_weight", "attn.qkv.weight"),
    ("attn.in_proj_bias", "attn.qkv.bias"),
    ("attn.out_proj", "attn.proj"),
    ("mlp.c_fc", "mlp.fc1"),
    ("mlp.c_proj", "mlp.fc2"),
    ("ln_pre", "norm_pre"),
    ("ln_1", "norm1"),
    ("ln_2", "norm2"),
    ("ln_post", "norm"),
    ("conv1", "patch_embed.proj"),
    ("class_embedding", "cls_token"),
    ("positional_embedding", "pos_embed"),
)


def clip_names(tower: ImageTower) -> dict[str, Tensor]:
    """Return the tensors of a tower by CLIP's names."""
    named = {}
    for name, tensor in tower.vit.state_dict().items():
        if name == "head.weight":
            name, tensor = "proj", tensor.T
        elif name in ("cls_token", "pos_embed"):
            tensor = tensor.flatten() if name == "cls_token" else tensor[0]
        for clip_part, timm_part in _NAMES:
            name = name.replace(timm_part, clip_part)
        named[name] = tensor
    return named


def tower_from_clip(state: dict[str, Tensor], heads: int | None = None) -> ImageTower:
    """Build an image tower from tensors with CLIP's names.

    Args:
        state: Tensors, such as ``conv1.weight`` and ``transformer.resblocks.0...``, without ``visual.``. The sizes of
            the tower follow from their shapes.
        heads: Attention heads. None is one per 64 channels, as in CLIP.

    Raises:
        ValueError: If tensors are missing, left over or of other shapes.
    """
    try:
        width, patch = state["conv1.weight"].shape[0], state["conv1.weight"].shape[-1]
        side = round((len(state["positional_embedding"]) - 1) ** 0.5)
        layers = 1 + max(int(k.split(".")[2]) for k in state if k.startswith("transformer.resblocks."))
        if layers > len(state):
            raise ValueError(f"{layers} blocks")
        embed_dim = state["proj"].shape[1]
        size = TowerSize(side * patch, patch, width, layers, heads or max(1, width // 64), embed_dim)
        with torch.device("meta"):
            expected = ImageTower(size).vit.state_dict()
    except (KeyError, ValueError, IndexError, TypeError, AssertionError, ZeroDivisionError) as error:
        raise ValueError(
            f"expected a vision transformer in CLIP's naming (visual.conv1.weight, ...), got other tensors ({error!r})"
        ) from None
    renamed = {}
    for name, tensor in state.items():
        for clip_part, timm_part in _NAMES:
            name = name.replace(clip_part, timm_part)
        if name == "proj":
            name, tensor = "head.weight", tensor.T
        shape = {"cls_token": (1, 1, -1), "pos_embed": (1, *tensor.shape)}.get(name)
        renamed[name] = tensor.float().reshape(shape) if shape else tensor.float()
    check_names("image tower", renamed, expected, "a vision transformer in CLIP's naming")
    tower = ImageTower(size)
    tower.vit.load_state_dict(renamed)
    return tower.eval()
