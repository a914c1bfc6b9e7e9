"""Random numbers that depend on a seed and a step only, so that an interrupted training resumes exactly."""

from __future__ import annotations

import torch


def generator_for(seed: int, index: int, stream: int = 0) -> torch.Generator:
    """A CPU generator for step `index`: the same on every machine, independent of what was drawn before."""
    # Large odd multipliers keep neighbouring (seed, index, stream) triples apart; manual_seed scrambles the rest.
    mixed = (seed * 0x9E3779B97F4A7C15 + index * 0xBF58476D1CE4E5B9 + stream * 0x94D049BB133111EB) % (1 << 63)
    return torch.Generator().manual_seed(mixed)


def shuffled_batch(seed: int, index: int, pool: int, batch: int) -> torch.Tensor:
    """The indices of batch `index` when a pool is walked through in a new random order every epoch. (batch,) int64.

    Short pools wrap around, so every batch is full. Depends on the arguments only.
    """
    per_epoch = max(1, pool // batch)
    epoch, place = divmod(index, per_epoch)
    if batch > pool:
        order = torch.randint(pool, (batch,), generator=generator_for(seed, index, 1))
        order[:pool] = torch.randperm(pool, generator=generator_for(seed, index, 2))
        return order
    order = torch.randperm(pool, generator=generator_for(seed, epoch, 1))
    return order[place * batch : (place + 1) * batch]
