"""Known latent codes of the labelled images, for images that the generator made itself."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def read_codes(path: str | os.PathLike[str], images: int, layers: int, w_dim: int) -> Tensor:
    """Read latent codes.

    Args:
        path: A .npy file of float numbers: (N, L, w_dim), or (N, w_dim) for codes in W.
        images: Number of labelled images N.
        layers: Number of codes of an image, L.
        w_dim: Length of a code.

    Returns:
        Codes (N, L, w_dim), float32.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds something else.
    """
    expected = f"codes ({images}, {layers}, {w_dim}) or ({images}, {w_dim}), one per labelled image"
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: expected {expected}, got no such file; save them by numpy.save")
    try:
        with Path(path).open("rb") as file:
            codes = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: expected {expected}, got another file; save them by numpy.save") from error
    if codes.dtype.kind != "f":
        raise ValueError(f"{path}: expected float numbers, got {codes.dtype}; save the codes as float32")
    with np.errstate(over="ignore"):
        codes = codes.astype(np.float32)
    if codes.shape == (images, w_dim):
        codes = np.repeat(codes[:, None], layers, 1)
    if codes.shape != (images, layers, w_dim) or not np.isfinite(codes).all():
        got = f"shape {codes.shape}" if codes.shape != (images, layers, w_dim) else "NaN or infinity"
        raise ValueError(f"{path}: expected finite {expected}, got {got}; save those of all labelled images")
    return torch.from_numpy(codes)
