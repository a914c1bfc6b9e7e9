"""Weights and inputs that depend on their names only, as in the runs of the reference implementations.

A reference's networks were filled by these functions under its own names. Networks of ours with the same names get the
same weights, so only the reference's outputs have to be stored.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import torch
from torch import Tensor


def _generator(name: str) -> torch.Generator:
    return torch.Generator().manual_seed(zlib.crc32(name.encode()) & 0x7FFFFFFF)


def value(key: str, shape: Sequence[int]) -> Tensor:
    """Draw the weight of that name: float32, scaled by its fan-in."""
    generator, shape, last = _generator(key), tuple(shape), key.rsplit(".", 1)[-1]
    if last == "running_var":
        return 0.75 + 0.5 * torch.rand(shape, generator=generator)
    x = torch.randn(shape, generator=generator)
    if last == "running_mean":
        return 0.1 * x
    if len(shape) <= 1:
        if last in ("weight", "logit_scale", "res_weight"):
            return 0.25 + 0.05 * x if "prelu" in key else 1.0 + 0.1 * x
        return 0.05 * x
    fan_in = 1
    for side in shape[1:]:
        fan_in *= side
    return x * (1.0 / max(fan_in, 1)) ** 0.5


def fill(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Replace each float tensor by that of its name, each integer tensor by zeros."""
    return {
        k: value(k, v.shape).to(v.dtype) if v.is_floating_point() else torch.zeros_like(v) for k, v in state.items()
    }


def image(name: str, shape: Sequence[int]) -> Tensor:
    """Draw an input of uniform values in [0, 1]."""
    return torch.rand(tuple(shape), generator=_generator("input:" + name))


def noise(name: str, shape: Sequence[int]) -> Tensor:
    """Draw an input of normal values."""
    return torch.randn(tuple(shape), generator=_generator("noise:" + name))


def state_of(keys: dict[str, Sequence[int]]) -> dict[str, Tensor]:
    """Draw the weights of these names and shapes; counters of batches are zero."""
    return {k: torch.tensor(0) if k.endswith("num_batches_tracked") else value(k, shape) for k, shape in keys.items()}
