"""A normal distribution of the style codes that an encoder finds for real images."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from typing_extensions import override


class CodeDistribution(nn.Module):
    """Normal distribution of the codes of all layers, from which samples are drawn instead of the mapping network's.

    A generator that has seen few images shows faces for the codes of real images, which differ between layers, but
    broken faces for many codes of its mapping network. The paper's generators need no such distribution.
    """

    def __init__(self, z_dim: int, layers: int, w_dim: int):
        """Create both tensors, filled with zeros.

        Args:
            z_dim: Length of the random numbers of an image.
            layers: Number L of style codes of an image.
            w_dim: Length of a style code.
        """
        super().__init__()
        self.mean: Tensor
        self.basis: Tensor
        self.register_buffer("mean", torch.zeros(layers, w_dim))
        self.register_buffer("basis", torch.zeros(z_dim, layers, w_dim))

    @override
    def forward(self, z: Tensor) -> Tensor:
        """Return codes (N, L, w_dim) of normal random numbers (N, z_dim): mean + z basis."""
        return self.mean + torch.einsum("nz,zlw->nlw", z, self.basis)


def fitted_distribution(codes: Tensor, z_dim: int) -> dict[str, Tensor]:
    """Fit a normal distribution to codes.

    Args:
        codes: Codes (N, L, w_dim) of real images, N at least 2.
        z_dim: Number of principal components to keep, those of largest variance. Fewer codes give fewer, and zeros.

    Returns:
        "mean" (L, w_dim) and "basis" (z_dim, L, w_dim) of `CodeDistribution`.

    Raises:
        ValueError: If there are fewer than two codes.
    """
    if len(codes) < 2:
        raise ValueError(f"codes: expected those of at least 2 images, got {len(codes)}; pass more faces")
    mean = codes.mean(0)
    _, deviations, directions = torch.linalg.svd((codes - mean).flatten(1), full_matrices=False)
    basis = codes.new_zeros(z_dim, mean.numel())
    kept = (deviations[:, None] * directions)[:z_dim] / math.sqrt(len(codes) - 1)
    basis[: len(kept)] = kept
    return {"mean": mean, "basis": basis.view(z_dim, *mean.shape)}
