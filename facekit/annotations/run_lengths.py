"""Run lengths: a mask as JSON, small and readable from any language."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def runs_of_mask(mask: NDArray[np.integer]) -> list[list[int]]:
    """[id, length] of each run of equal ids, row after row: what a mask is in JSON."""
    flat = np.asarray(mask).reshape(-1)
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]])) if flat.size else np.zeros(0, int)
    lengths = np.diff(np.append(starts, flat.size))
    return [[int(i), int(n)] for i, n in zip(flat[starts], lengths, strict=True)]


def mask_of_runs(runs: Sequence[Sequence[int]], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The mask (H,W) uint8 that `runs_of_mask` came from. Raises ValueError where the runs do not fill the size."""
    pairs = np.asarray(runs, dtype=np.int64).reshape(-1, 2)
    flat = np.repeat(pairs[:, 0], pairs[:, 1]).astype(np.uint8)
    if flat.size != size[0] * size[1]:
        raise ValueError(f"runs of {flat.size} pixels came for a mask of {size[0]} x {size[1]}")
    return flat.reshape(size)
