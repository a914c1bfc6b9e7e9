"""StyleGAN2's low-pass filter around every change of size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def binomial_filter() -> Tensor:
    """The outer product of [1, 3, 3, 1] with itself, sum 1: (4,4)."""
    line = torch.tensor([1.0, 3.0, 3.0, 1.0])
    both = line[:, None] * line
    return both / both.sum()


def blur(x: Tensor, kernel: Tensor, pad: int, stride: int = 1) -> Tensor:
    """Each channel of (N,C,H,W), zeros around it, filtered by the symmetric kernel (4,4): (N,C,H',W') with
    H' = (H + 2 pad - 4) // stride + 1."""
    weight = kernel.to(x.dtype).expand(x.shape[1], 1, -1, -1)
    filtered = F.conv2d(x, weight, padding=pad, groups=x.shape[1])
    # Not by conv2d's own stride: oneDNN's gradient of that takes 20 times as long in bfloat16 (torch 2.13 and 2.15).
    return filtered if stride == 1 else filtered[:, :, ::stride, ::stride]


def double(x: Tensor, kernel: Tensor) -> Tensor:
    """(N,C,H,W) to (N,C,2H,2W): zeros between the pixels, then the filter at four times its weight."""
    weight = (4 * kernel).to(x.dtype).expand(x.shape[1], 1, -1, -1)
    return F.conv_transpose2d(x, weight, stride=2, padding=1, groups=x.shape[1])
