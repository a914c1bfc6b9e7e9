"""A bank of tileable noise for skin, hair, cloth, shadows and backgrounds. Each face samples it at its own position."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

SIZE = 256
WHITE, FINE, CLOUD, COARSE, STRANDS, BLOTCH = range(6)
"""Kinds of noise: white, fine grain, clouds (1/f), smooth shapes, hair-like strands along y, blotches."""


def _filtered(rng: np.random.Generator, spectrum: np.ndarray) -> np.ndarray:
    """Return white noise (SIZE, SIZE) filtered by a spectrum, with zero mean and unit deviation."""
    field = np.fft.ifft2(np.fft.fft2(rng.standard_normal((SIZE, SIZE))) * spectrum).real
    return (field - field.mean()) / field.std()


@lru_cache(maxsize=1)
def noise_bank() -> Tensor:
    """Build the noise. The last row and column repeat the first, so that sampling wraps around.

    Returns:
        (1, 6, 257, 257) float32 on the CPU, zero mean and unit deviation, in the order of the constants above.
    """
    rng = np.random.Generator(np.random.PCG64(20210419))
    fy, fx = np.meshgrid(np.fft.fftfreq(SIZE) * SIZE, np.fft.fftfreq(SIZE) * SIZE, indexing="ij")
    f = np.hypot(fx, fy)
    spectra = (
        np.ones_like(f),
        np.exp(-((f / 60.0) ** 2)),
        np.where(f > 0, 1.0 / np.maximum(f, 1.0) ** 1.6, 0.0) * np.exp(-((f / 50.0) ** 2)),
        np.exp(-((f / 5.0) ** 2)) * (f > 0),
        np.exp(-((fx / 70.0) ** 2) - (fy / 7.0) ** 2) * (np.abs(fx) > 3),
        np.exp(-((f / 14.0) ** 2)) * (f > 1),
    )
    bank = np.stack([_filtered(rng, s) for s in spectra]).astype(np.float32)
    return F.pad(torch.from_numpy(bank)[None], (0, 1, 0, 1), mode="circular")


def sample_noise(bank: Tensor, x: Tensor, y: Tensor, kinds: tuple[int, ...]) -> Tensor:
    """Sample the noise by bilinear interpolation.

    Args:
        bank: From ``noise_bank``.
        x: (N, ...) in tiles: 1 is the whole width of the bank.
        y: Same shape.
        kinds: Which noises, for example ``(FINE, CLOUD)``.

    Returns:
        (len(kinds), N, ...).
    """
    first, last = min(kinds), max(kinds)
    grid = torch.stack((x - torch.floor(x), y - torch.floor(y)), -1).reshape(1, -1, 1, 2) * 2 - 1
    out = F.grid_sample(bank[:, first : last + 1], grid, mode="bilinear", align_corners=True)
    return out.reshape(last - first + 1, *x.shape)[[k - first for k in kinds]]
