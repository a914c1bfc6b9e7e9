"""Low-pass filter of StyleGAN2, which is part of every change of size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def binomial_filter() -> Tensor:
    """Return the outer product of [1, 3, 3, 1] with itself, divided by its sum, shape (4, 4)."""
    line = torch.tensor([1.0, 3.0, 3.0, 1.0])
    both = line[:, None] * line
    return both / both.sum()


def blur(x: Tensor, kernel: Tensor, pad: int, stride: int = 1) -> Tensor:
    """Filter each channel by a symmetric kernel.

    Args:
        x: Maps (N, C, H, W).
        kernel: Kernel (4, 4).
        pad: Zeros around the maps.
        stride: Step between output pixels.

    Returns:
        Maps (N, C, H', W') with H' = (H + 2 pad - 4) // stride + 1.
    """
    weight = kernel.to(x.dtype).expand(x.shape[1], 1, -1, -1)
    filtered = F.conv2d(x, weight, padding=pad, groups=x.shape[1])
    # The stride of conv2d is not used: oneDNN's gradient of it takes 20 times as long in bfloat16 (torch 2.13, 2.15).
    return filtered if stride == 1 else filtered[:, :, ::stride, ::stride]


def double(x: Tensor, kernel: Tensor) -> Tensor:
    """Upsample maps by two: insert zeros and filter with four times the kernel.

    Args:
        x: Maps (N, C, H, W).
        kernel: Low-pass kernel (4, 4) that sums to 1.

    Returns:
        Maps (N, C, 2H, 2W) of the same dtype.
    """
    weight = (4 * kernel).to(x.dtype).expand(x.shape[1], 1, -1, -1)
    return F.conv_transpose2d(x, weight, stride=2, padding=1, groups=x.shape[1])
