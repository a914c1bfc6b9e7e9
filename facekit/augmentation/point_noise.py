"""Noise on the five points by which faces are aligned (FaRL, appendix "Face attributes recognition")."""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry.tanh_warp import MEAN_FACE, MEAN_FACE_SIDE

_SIDE = 224


def point_noise_matrices(n: int, std: float, generator: torch.Generator) -> Tensor:
    """Draw the transforms of faces that were aligned by noisy points.

    An aligned face has the five points of the mean face. With noise on them, the same alignment is the similarity that
    takes the noisy points closest to the mean face.

    Args:
        n: Number of transforms.
        std: Standard deviation of each coordinate, in pixels of an image of 224 px.
        generator: A CPU generator.

    Returns:
        (n,2,3) from the coordinates of the new image to those of the aligned one, where both span [-1, 1].
    """
    mean = torch.as_tensor((MEAN_FACE + 0.5) * (2 / MEAN_FACE_SIDE) - 1, dtype=torch.float32)
    noisy = mean + std * (2 / _SIDE) * torch.randn(n, len(mean), 2, generator=generator)
    # Points as complex numbers: the alignment is mean = c noisy + d, by least squares. Its inverse has a = 1 / c.
    target, points = torch.view_as_complex(mean.contiguous()), torch.view_as_complex(noisy.contiguous())
    centred, centre = points - points.mean(1, keepdim=True), target.mean()
    a = centred.abs().square().sum(1) / ((target - centre) * centred.conj()).sum(1)
    b = points.mean(1) - a * centre
    return torch.stack([torch.stack([a.real, -a.imag, b.real], 1), torch.stack([a.imag, a.real, b.imag], 1)], 1)


def compose(outer: Tensor, inner: Tensor) -> Tensor:
    """Return the transforms (n,2,3) that apply `inner` first and then `outer`, both (n,2,3)."""
    linear = outer[:, :, :2] @ inner[:, :, :2]
    offset = outer[:, :, :2] @ inner[:, :, 2:] + outer[:, :, 2:]
    return torch.cat([linear, offset], 2)
