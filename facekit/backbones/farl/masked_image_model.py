"""Masked image modelling (FaRL section 3.3, equations 2 and 3)."""

from __future__ import annotations

import math

import torch
from open_clip.transformer import QuickGELU, Transformer
from torch import Tensor, nn

# "At most 75 patches" of 196 are masked.
MOST_MASKED = 75 / 196
# Masked blocks of BEiT: smallest part of all patches, and smallest ratio of the sides.
LEAST_BLOCK = 16 / 196
ASPECT = 0.3


class MaskedImageModel(nn.Module):
    """Mask token m, transformer E_MIM and the classifier of visual tokens.

    Parameters have the names of the released code.
    """

    def __init__(self, width: int, heads: int, vocabulary: int, layers: int = 1):
        """Build the model with random weights.

        Args:
            width: Channels of the image tower.
            heads: Attention heads.
            vocabulary: Number of visual tokens.
            layers: Blocks of E_MIM: 1 in FaRL, 6 in MIM_6 of Table 3.
        """
        super().__init__()
        self.mask_token = nn.Parameter(torch.empty(width))
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        self.lm_transformer = Transformer(width, layers, heads, act_layer=QuickGELU)
        self.ln_lm = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocabulary)
        nn.init.trunc_normal_(self.lm_head.weight, std=0.02)
        nn.init.zeros_(self.lm_head.bias)

    def hide(self, patches: Tensor, masked: Tensor) -> Tensor:
        """Replace masked patch embeddings by the mask token (equation 2).

        Args:
            patches: Patch embeddings (N, h, w, D).
            masked: Bool of shape (N, h*w).
        """
        is_masked = masked.view(*patches.shape[:3], 1).to(patches.dtype)
        return patches * (1 - is_masked) + self.mask_token.to(patches.dtype) * is_masked

    def logits(self, tokens: Tensor, masked: Tensor) -> Tensor:
        """Compute scores of the visual tokens of masked patches. Equation 3 is their cross-entropy.

        Args:
            tokens: The tower's tokens (N, 1 + P, D) of masked images.
            masked: Bool of shape (N, P), M of which are True.

        Returns:
            Shape (M, V).
        """
        hidden = self.ln_lm(self.lm_transformer(tokens)[:, 1:])
        return self.lm_head(hidden[masked])


def random_masks(n: int, side: int, generator: torch.Generator) -> Tensor:
    """Draw blockwise masks as in BEiT: random rectangles are added until 75/196 of the patches are masked.

    A rectangle that would exceed this number is not added.

    Args:
        n: Number of masks.
        side: Patches per row.
        generator: Source of random numbers.

    Returns:
        Bool of shape (n, side * side).
    """
    patches = side * side
    most, least = int(MOST_MASKED * patches), max(1, round(LEAST_BLOCK * patches))
    masks = torch.zeros(n, side, side, dtype=torch.bool)
    for mask in masks:
        count = 0
        while count < most:
            for _ in range(10):
                u = torch.rand(4, generator=generator).tolist()
                left = most - count
                area = min(least, left) + u[0] * (left - min(least, left))
                aspect = math.exp((2 * u[1] - 1) * math.log(1 / ASPECT))
                h = min(side, max(1, round(math.sqrt(area * aspect))))
                w = min(side, max(1, round(math.sqrt(area / aspect))))
                top, start = int(u[2] * (side - h + 1)), int(u[3] * (side - w + 1))
                block = mask[top : top + h, start : start + w]
                new = int((~block).sum())
                if 0 < new <= left:
                    block[...] = True
                    count += new
                    break
            else:
                break
    return masks.flatten(1)
