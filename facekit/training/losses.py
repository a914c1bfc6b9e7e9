"""Losses that several rooms share."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

SSIM_WINDOW = 31
SSIM_SIGMA = 1.5
# Beyond 9 px a Gaussian of sigma 1.5 is under float32's rounding: those taps only cost time.
SSIM_REACH = 9


@functools.lru_cache(maxsize=8)
def _window_matrix(side: int, device: torch.device) -> Tensor:
    """(side - 18, side): each row holds the window's taps at one position."""
    x = torch.arange(-SSIM_REACH, SSIM_REACH + 1, dtype=torch.float64)
    taps = torch.exp(-(x**2) / (2 * SSIM_SIGMA**2))
    rows = torch.zeros(side - 2 * SSIM_REACH, side, dtype=torch.float64)
    for i in range(len(rows)):
        rows[i, i : i + len(taps)] = taps / taps.sum()
    return rows.float().to(device)


def _blur(x: Tensor) -> Tensor:
    """Gaussian window without padding. x: (N,C,H,W) float32; returns (N,C,H-18,W-18).

    Two matrix products: on a CPU many times faster than one-channel convolutions.
    """
    return _window_matrix(x.shape[-2], x.device) @ x @ _window_matrix(x.shape[-1], x.device).T


def contrast_structure(x: Tensor, y: Tensor, data_range: float = 1.0) -> Tensor:
    """The contrast-structure term of SSIM, window 31 and sigma 1.5 without padding (facts: 3FabRec's L_ssim).

    x, y: (N,C,H,W), at least 31 px a side. Returns (N,C,H-30,W-30) in [-1, 1]; 1 where the structure agrees.
    """
    if min(x.shape[-2:]) < SSIM_WINDOW:
        raise ValueError(f"images of {x.shape[-2]}x{x.shape[-1]} px: this SSIM needs at least {SSIM_WINDOW} px a side")
    mx, my = _blur(x), _blur(y)
    # Each of the five maps by itself: those of a target without gradient then cost nothing on the way back.
    mxx, myy, mxy = _blur(x * x), _blur(y * y), _blur(x * y)
    c2 = (0.03 * data_range) ** 2
    cs = (2 * (mxy - mx * my) + c2) / (mxx - mx * mx + myy - my * my + c2)
    edge = SSIM_WINDOW // 2 - SSIM_REACH
    return cs[..., edge:-edge, edge:-edge]


def ssim_loss(x: Tensor, y: Tensor) -> Tensor:
    """L_ssim: 1 - mean contrast-structure. x, y: (N,C,H,W) in [0, 1] up to a shift. Returns a scalar in [0, 2]."""
    return 1 - contrast_structure(x, y).mean()


def gan_loss(logits: Tensor, real: bool) -> Tensor:
    """-log D for real, -log(1 - D) for fake, averaged; logits of any shape, a stable form of the log-GAN loss."""
    return F.softplus(-logits if real else logits).mean()
