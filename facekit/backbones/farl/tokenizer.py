"""Visual tokenizer: a small vector-quantised auto-encoder whose codes are the targets of masked image modelling.

The paper uses DALL-E's discrete VAE (section 3.3), which `dalle_tokenizer` reads. This one learns a codebook by the
rules of VQ-VAE (https://arxiv.org/abs/1711.00937): each code is the running mean of the vectors assigned to it.
"""

from __future__ import annotations

import os
import re
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.weight_files import check_names, first_names, likely_network, read_weights
from .dalle_tokenizer import DalleTokens, dalle_tokens, is_dalle


class Tokens(Protocol):
    """A tokenizer for masked image modelling."""

    vocabulary: int

    def ids(self, x: Tensor, side: int) -> Tensor:
        """Return the token ids of images.

        Args:
            x: RGB images in [0, 1], shape (N, 3, S, S).
            side: Number of tokens per row and column.

        Returns:
            Int64 of shape (N, side * side), row by row.
        """


def _down(channels_in: int, channels: int) -> nn.Sequential:
    """Return layers that halve height and width."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, 4, 2, 1),
        nn.GroupNorm(8, channels),
        nn.SiLU(),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.GroupNorm(8, channels),
        nn.SiLU(),
    )


def _up(channels_in: int, channels: int) -> nn.Sequential:
    """Return layers that double height and width."""
    return nn.Sequential(
        nn.ConvTranspose2d(channels_in, channels, 4, 2, 1),
        nn.GroupNorm(8, channels),
        nn.SiLU(),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.GroupNorm(8, channels),
        nn.SiLU(),
    )


class VisualTokenizer(nn.Module):
    """An auto-encoder with one code per patch of 8 px, as in DALL-E."""

    def __init__(self, vocabulary: int = 1024, code: int = 32, widths: tuple[int, ...] = (32, 64, 128)):
        """Build the tokenizer with random weights.

        Args:
            vocabulary: Number of codes.
            code: Length of a code.
            widths: Channels of the stages. Each stage halves the image, so three make patches of 8 px.
        """
        super().__init__()
        self.vocabulary, self.code, self.patch = vocabulary, code, 2 ** len(widths)
        self.encoder = nn.Sequential(*map(_down, (3, *widths), widths), nn.Conv2d(widths[-1], code, 1))
        back = widths[::-1]
        self.decoder = nn.Sequential(
            nn.Conv2d(code, back[0], 1), *map(_up, back, (*back[1:], back[-1])), nn.Conv2d(back[-1], 3, 3, padding=1)
        )
        self.codes: Tensor
        self.register_buffer("codes", F.normalize(torch.randn(vocabulary, code), dim=-1))

    def encode(self, x: Tensor) -> Tensor:
        """Return vectors (N, S/patch, S/patch, code) of length 1 of images (N, 3, S, S) in [0, 1]."""
        return F.normalize(self.encoder(2 * x - 1).movedim(1, -1).float(), dim=-1)

    def nearest(self, vectors: Tensor) -> Tensor:
        """Return the ids (...) of the closest codes to vectors (..., code) of length 1."""
        return (vectors @ self.codes.T).argmax(-1)

    def decode(self, vectors: Tensor) -> Tensor:
        """Return images (N, 3, patch*h, patch*w), in about [0, 1], of vectors (N, h, w, code)."""
        return (self.decoder(vectors.movedim(-1, 1)) + 1) / 2

    @torch.no_grad()
    def ids(self, x: Tensor, side: int) -> Tensor:
        """Return the token ids of images, as `Tokens.ids` does."""
        x = F.interpolate(x, (side * self.patch,) * 2, mode="bilinear", align_corners=False, antialias=True)
        # With channels last, CPUs take half the time.
        return self.nearest(self.encode(x.contiguous(memory_format=torch.channels_last))).flatten(1)


def load_tokens(path: str | os.PathLike[str]) -> VisualTokenizer | DalleTokens:
    """Read a tokenizer.

    Args:
        path: A file that `facekit pretrain tokenizer` wrote, or DALL-E's ``encoder.pkl``.

    Returns:
        The tokenizer in evaluation mode.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is neither.
    """
    expected = "a tokenizer that `facekit pretrain tokenizer` wrote, or DALL-E's encoder.pkl"
    state = read_weights(path, expected, "pass 'embedded'", ["codes"]).tensors
    if is_dalle(state):
        return dalle_tokens(path, state)
    codes = state.get("codes")
    if codes is None or codes.ndim != 2:
        raise ValueError(f"{path}: expected {expected}, got tensors {first_names(state)}{likely_network(state)}")
    widths = tuple(len(v) for k, v in state.items() if re.fullmatch(r"encoder\.\d+\.0\.bias", k))
    if any(width % 8 for width in widths) or not widths:
        raise ValueError(f"{path}: expected an encoder whose channels are multiples of 8, got {widths}")
    with torch.device("meta"):
        network = VisualTokenizer(codes.shape[0], codes.shape[1], widths)
    check_names(path, state, network.state_dict(), "a tokenizer of images")
    tokenizer = VisualTokenizer(codes.shape[0], codes.shape[1], widths)
    tokenizer.load_state_dict(state)
    return tokenizer.eval().requires_grad_(False).to(memory_format=torch.channels_last)
