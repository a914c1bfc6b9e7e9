"""Losses of reconstruction and of adversarial training."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

SSIM_WINDOW = 31
SSIM_SIGMA = 1.5
# Beyond 9 px the Gaussian of sigma 1.5 is below the rounding of float32, so taps further out are left out.
SSIM_REACH = 9


@functools.lru_cache(maxsize=8)
def _window_matrix(side: int, device: torch.device) -> Tensor:
    """Return a matrix (side - 18, side) whose rows hold the taps of the window at each position."""
    x = torch.arange(-SSIM_REACH, SSIM_REACH + 1, dtype=torch.float64)
    taps = torch.exp(-(x**2) / (2 * SSIM_SIGMA**2))
    rows = torch.zeros(side - 2 * SSIM_REACH, side, dtype=torch.float64)
    for i in range(len(rows)):
        rows[i, i : i + len(taps)] = taps / taps.sum()
    return rows.float().to(device)


def _blur(x: Tensor) -> Tensor:
    """Blur images (N, C, H, W) float32 with the Gaussian window, without padding: (N, C, H-18, W-18).

    Two matrix products are many times faster on a CPU than convolutions of single channels.
    """
    return _window_matrix(x.shape[-2], x.device) @ x @ _window_matrix(x.shape[-1], x.device).T


def contrast_structure(x: Tensor, y: Tensor, data_range: float = 1.0) -> Tensor:
    """Compute the contrast-structure term of SSIM with window 31 and sigma 1.5, as the L_ssim of 3FabRec.

    Args:
        x: Images (N, C, H, W) with sides of at least 31 px.
        y: Images of the same shape.
        data_range: Largest minus smallest possible value.

    Returns:
        Shape (N, C, H-30, W-30), in [-1, 1]. 1 is equal structure.

    Raises:
        ValueError: If the images are smaller than the window.
    """
    if min(x.shape[-2:]) < SSIM_WINDOW:
        raise ValueError(f"images of {x.shape[-2]}x{x.shape[-1]} px: this SSIM needs at least {SSIM_WINDOW} px a side")
    mx, my = _blur(x), _blur(y)
    # The five maps are computed apart, so that those of a target without gradient cost nothing in the backward pass.
    mxx, myy, mxy = _blur(x * x), _blur(y * y), _blur(x * y)
    c2 = (0.03 * data_range) ** 2
    cs = (2 * (mxy - mx * my) + c2) / (mxx - mx * mx + myy - my * my + c2)
    edge = SSIM_WINDOW // 2 - SSIM_REACH
    return cs[..., edge:-edge, edge:-edge]


def ssim_loss(x: Tensor, y: Tensor) -> Tensor:
    """Return L_ssim: 1 minus the mean contrast-structure term.

    Args:
        x: Images (N, C, H, W) in [0, 1], up to a constant that is added.
        y: The images to compare with, same shape.

    Returns:
        A scalar.
    """
    return 1 - contrast_structure(x, y).mean()


def gan_loss(logits: Tensor, real: bool) -> Tensor:
    """Return the mean of -log D for real images, or of -log(1 - D) for generated ones.

    Args:
        logits: Outputs of the discriminator, any shape.
        real: Whether real images are the goal.

    Returns:
        A scalar.
    """
    return F.softplus(-logits if real else logits).mean()
