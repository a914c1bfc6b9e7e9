"""DALL-E's discrete VAE, the paper's tokenizer (section 3.3): its encoder, read from OpenAI's `encoder.pkl`.

The file is a pickled module. It is read with torch's restricted unpickler, and the module's own classes are replaced by
empty ones: only tensors come out, nothing of the file is executed.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Its pictures lie in [EPSILON, 1 - EPSILON].
EPSILON = 0.1


class _Block(nn.Module):
    def __init__(self, channels_in: int, channels: int, layers: int):
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
    """The encoder: four groups of residual blocks, a token for 8 x 8 pixels."""

    def __init__(self, width: int = 256, blocks: int = 2, vocabulary: int = 8192):
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
        """Pictures (N,3,S,S) in [0, 1] to ids (N,side*side) int64, row by row; the picture is resized to 8 * side px,
        as BEiT does (112 px for 14 x 14 patches)."""
        x = F.interpolate(x, (8 * side,) * 2, mode="bicubic", align_corners=False, antialias=True).clamp(0, 1)
        return self.blocks((1 - 2 * EPSILON) * x + EPSILON).argmax(1).flatten(1)


class _Shell(nn.Module):
    """Stands for any class of the file: takes its attributes, has no behaviour."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


_CLASSES = ("dall_e.encoder.Encoder", "dall_e.encoder.EncoderBlock", "dall_e.utils.Conv2d")
_TORCH = (nn.Sequential, nn.ReLU, nn.MaxPool2d, nn.Identity, OrderedDict)


def load_dalle(path: str | os.PathLike[str]) -> DalleTokens:
    """The encoder from OpenAI's `encoder.pkl` (or a file of its state dict). Raises ValueError for anything else."""
    shells = [(type(name, (_Shell,), {}), name) for name in _CLASSES]
    try:
        with torch.serialization.safe_globals([*shells, *_TORCH]):
            held = torch.load(path, map_location="cpu", weights_only=True)
        state = dict(_tensors(held)) if isinstance(held, nn.Module) else held
        state = {_renamed(k): v.float() for k, v in state.items()}
        width, blocks = len(state["blocks.input.bias"]), sum(".group_1." in k and "conv_1.bias" in k for k in state)
        made = DalleTokens(width, blocks, len(state["blocks.output.conv.bias"]))
        made.load_state_dict(state)
    except Exception as error:  # torch raises half a dozen kinds for files that are none of its own
        raise ValueError(
            f"{path}: not DALL-E's encoder.pkl ({error}); expected that or a .safetensors"
        ) from error
    return made.eval().requires_grad_(False)


def _tensors(module: nn.Module, prefix: str = "") -> list[tuple[str, Tensor]]:
    found = [(prefix + k, p.data) for k, p in module.__dict__["_parameters"].items() if p is not None]
    for name, child in module.__dict__["_modules"].items():
        found += _tensors(child, f"{prefix}{name}.")
    return found


def _renamed(name: str) -> str:
    stem, _, last = name.rpartition(".")
    return f"{stem}.{dict(w='weight', b='bias').get(last, last)}"
