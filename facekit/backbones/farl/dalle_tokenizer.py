"""Encoder of DALL-E's discrete VAE, the paper's visual tokenizer (section 3.3), read from OpenAI's ``encoder.pkl``.

The file is a pickled module. Only its tensors are read; nothing in it is executed.
DALL-E: https://arxiv.org/abs/2102.12092
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.weight_files import check_names, first_names, likely_network

# Images are mapped to [EPSILON, 1 - EPSILON].
EPSILON = 0.1


class _Block(nn.Module):
    """Residual block of four convolutions."""

    def __init__(self, channels_in: int, channels: int, layers: int):
        """Build a block whose residual is divided by the square of the number of layers."""
        super().__init__()
        hidden = channels // 4
        self.gain = 1 / layers**2
        self.id_path = nn.Conv2d(channels_in, channels, 1) if channels_in != channels else nn.Identity()
        steps: list[tuple[str, nn.Module]] = []
        for i, (a, b) in enumerate(pairwise((channels_in, hidden, hidden, hidden, channels)), 1):
            kernel = 1 if i == 4 else 3
            steps += [(f"relu_{i}", nn.ReLU()), (f"conv_{i}", nn.Conv2d(a, b, kernel, padding=kernel // 2))]
        self.res_path = nn.Sequential(OrderedDict(steps))

    def forward(self, x: Tensor) -> Tensor:
        return self.id_path(x) + self.gain * self.res_path(x)


class DalleTokens(nn.Module):
    """Four groups of residual blocks, with one token per 8 x 8 pixels."""

    def __init__(self, width: int = 256, blocks: int = 2, vocabulary: int = 8192):
        """Build the encoder with random weights.

        Args:
            width: Channels of the first group.
            blocks: Blocks per group.
            vocabulary: Number of tokens.
        """
        super().__init__()
        self.vocabulary = vocabulary
        channels = (width, width, 2 * width, 4 * width, 8 * width)
        groups: list[tuple[str, nn.Module]] = [("input", nn.Conv2d(3, width, 7, padding=3))]
        for g, (a, b) in enumerate(pairwise(channels), 1):
            parts: list[tuple[str, nn.Module]] = [
                (f"block_{i + 1}", _Block(b if i else a, b, 4 * blocks)) for i in range(blocks)
            ]
            groups.append((f"group_{g}", nn.Sequential(OrderedDict(parts + [("pool", nn.MaxPool2d(2))] * (g < 4)))))
        output = nn.Sequential(OrderedDict(relu=nn.ReLU(), conv=nn.Conv2d(channels[-1], vocabulary, 1)))
        self.blocks = nn.Sequential(OrderedDict([*groups, ("output", output)]))

    @torch.no_grad()
    def ids(self, x: Tensor, side: int) -> Tensor:
        """Compute the token ids of images, which are resized to 8 * side px as in BEiT.

        Args:
            x: RGB images (N, 3, S, S) in [0, 1].
            side: Tokens per row.

        Returns:
            Int64 of shape (N, side * side), row by row.
        """
        x = F.interpolate(x, (8 * side,) * 2, mode="bicubic", align_corners=False, antialias=True).clamp(0, 1)
        return self.blocks((1 - 2 * EPSILON) * x + EPSILON).argmax(1).flatten(1)


def is_dalle(state: Mapping[str, Tensor]) -> bool:
    """Return whether tensors have the names of DALL-E's encoder."""
    return any(_renamed(name) == "blocks.input.bias" for name in state)


def dalle_tokens(path: str | os.PathLike[str], tensors: Mapping[str, Tensor]) -> DalleTokens:
    """Build the encoder from its tensors.

    Args:
        path: The file, for messages.
        tensors: Tensors by name.

    Raises:
        ValueError: If they are other tensors.
    """
    state = {_renamed(k): v for k, v in tensors.items()}
    first, last = state.get("blocks.input.bias"), state.get("blocks.output.conv.bias")
    if first is None or last is None or first.ndim != 1 or last.ndim != 1:
        raise ValueError(
            f"{path}: expected DALL-E's encoder.pkl, got tensors {first_names(tensors)}{likely_network(tensors)}"
        )
    blocks = sum(".group_1." in k and "conv_1.bias" in k for k in state)
    with torch.device("meta"):
        expected = DalleTokens(len(first), blocks, len(last)).state_dict()
    check_names(path, state, expected, "DALL-E's encoder")
    tokens = DalleTokens(len(first), blocks, len(last))
    tokens.load_state_dict(state)
    return tokens.eval().requires_grad_(False)


def _renamed(name: str) -> str:
    """Return the torch name of a tensor: "weight" for "w", "bias" for "b"."""
    stem, _, last = name.rpartition(".")
    full = {"w": "weight", "b": "bias"}.get(last, last)
    return f"{stem}.{full}"
