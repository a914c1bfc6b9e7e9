"""Frozen features of augmented views, computed once and stored in half precision."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..core.large_arrays import large_array


class FeatureCache:
    """Features of numbered views in half precision, in memory or in a temporary file."""

    def __init__(self, count: int, limit: int):
        """Prepare an empty cache.

        Args:
            count: Number of views.
            limit: Bytes. More features than that are kept in a temporary file.
        """
        self.count, self.limit = count, limit
        self._stores: list[np.ndarray] = []

    def write(self, start: int, features: list[Tensor]) -> None:
        """Store the features of consecutive views in half precision.

        Args:
            start: Number of the first view.
            features: Tensors (n, ...), the same number and shapes at every call.
        """
        if not self._stores:
            shapes = [(self.count, *f.shape[1:]) for f in features]
            fits = sum(2 * math.prod(shape) for shape in shapes) <= self.limit
            self._stores = [large_array(shape, np.float16, self.limit if fits else 0) for shape in shapes]
        for store, f in zip(self._stores, features, strict=True):
            store[start : start + len(f)] = f.half().cpu().numpy()

    def read(self, indices: Tensor, device: torch.device) -> list[Tensor]:
        """Return the features of views.

        Args:
            indices: Numbers of the views, int64 (n,) on the CPU.
            device: Where to put them.

        Returns:
            Float32 tensors (n, ...).
        """
        return [torch.from_numpy(store[indices.numpy()]).to(device).float() for store in self._stores]
