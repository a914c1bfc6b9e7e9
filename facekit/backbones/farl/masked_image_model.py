"""Masked image modelling (FaRL section 3.3, equations 2 and 3)."""

from __future__ import annotations

import math

import torch
from open_clip.transformer import QuickGELU, Transformer
from torch import Tensor, nn

# "At most 75 patches" of 196 are masked.
MOST_MASKED = 75 / 196
# BEiT's blocks: at least so many patches, height over width within a factor.
LEAST_BLOCK = 16 / 196
ASPECT = 0.3


class MaskedImageModel(nn.Module):
    """The mask token m, the small transformer E_MIM and the classifier over visual tokens.

    Names of the parts follow the released code. layers: 1 (FaRL) or 6 (Table 3's MIM_6). vocabulary: visual tokens.
    """

    def __init__(self, width: int, heads: int, vocabulary: int, layers: int = 1):
        super().__init__()
        self.mask_token = nn.Parameter(torch.empty(width))
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        self.lm_transformer = Transformer(width, layers, heads, act_layer=QuickGELU)
        self.ln_lm = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocabulary)
        nn.init.trunc_normal_(self.lm_head.weight, std=0.02)
        nn.init.zeros_(self.lm_head.bias)

    def hide(self, patches: Tensor, masked: Tensor) -> Tensor:
        """Equation 2: patch embeddings (N,h,w,D) with the mask token where masked (N,h*w) is True."""
        here = masked.view(*patches.shape[:3], 1).to(patches.dtype)
        return patches * (1 - here) + self.mask_token.to(patches.dtype) * here

    def logits(self, tokens: Tensor, masked: Tensor) -> Tensor:
        """The tower's tokens (N,1+P,D) of hidden images to scores (M,V) of the M masked patches' visual tokens;
        equation 3 is their cross-entropy."""
        hidden = self.ln_lm(self.lm_transformer(tokens)[:, 1:])
        return self.lm_head(hidden[masked])


def random_masks(n: int, side: int, generator: torch.Generator) -> Tensor:
    """BEiT's blockwise masks (n,side*side) bool: rectangles of random shape are added until 75/196 of the patches are
    reached; one that would go beyond is not, so each mask has at most that many."""
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
