"""Digests of arrays and tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from torch import Tensor


def array_digest(array: Any) -> str:
    """Return the SHA-256 digest of an array's values, type and shape, in hexadecimal.

    Args:
        array: A numpy array, or what becomes one.
    """
    values = np.ascontiguousarray(array)
    return hashlib.sha256(f"{values.dtype}{values.shape}".encode() + values.tobytes()).hexdigest()


def sequence_digest(arrays: Iterable[Any]) -> str:
    """Return the SHA-256 digest of arrays in their order, in hexadecimal. One array at a time is in memory.

    Args:
        arrays: Numpy arrays of any sizes.
    """
    return hashlib.sha256("".join(map(array_digest, arrays)).encode()).hexdigest()


def tensor_digest(tensors: Mapping[str, Tensor]) -> str:
    """Return a text that identifies tensors: BLAKE2 of their names and values.

    Args:
        tensors: The tensors by their names.
    """
    value = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        value.update(name.encode())
        value.update(tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return value.hexdigest()
