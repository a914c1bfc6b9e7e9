"""Texts that identify tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from torch import Tensor


def tensor_digest(tensors: Mapping[str, Tensor]) -> str:
    """Return a text that identifies tensors: BLAKE2 of their names and values."""
    value = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        value.update(name.encode())
        value.update(tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return value.hexdigest()
