"""Make random numbers that depend only on a seed and a step, so that an interrupted training resumes exactly."""

from __future__ import annotations

import torch


def generator_for(seed: int, index: int, stream: int = 0) -> torch.Generator:
    """Make the random generator of one step.

    Args:
        seed: Seed of the training.
        index: Number of the step.
        stream: Number of an independent sequence within the step.

    Returns:
        A CPU generator. It is the same on every machine, and does not depend on earlier random numbers.
    """
    # Large odd multipliers keep neighbouring (seed, index, stream) triples apart; manual_seed scrambles the rest.
    mixed = (seed * 0x9E3779B97F4A7C15 + index * 0xBF58476D1CE4E5B9 + stream * 0x94D049BB133111EB) % (1 << 63)
    return torch.Generator().manual_seed(mixed)


def shuffled_batch(seed: int, index: int, pool: int, batch: int) -> torch.Tensor:
    """Return the indices of one batch, with a new random order in every epoch.

    Args:
        seed: Seed of the training.
        index: Number of the batch.
        pool: Number of items.
        batch: Items per batch. If it exceeds `pool`, items repeat, so every batch is full.

    Returns:
        Indices of shape (batch,), int64, from 0 to pool - 1.
    """
    per_epoch = max(1, pool // batch)
    epoch, position = divmod(index, per_epoch)
    if batch > pool:
        order = torch.randint(pool, (batch,), generator=generator_for(seed, index, 1))
        order[:pool] = torch.randperm(pool, generator=generator_for(seed, index, 2))
        return order
    order = torch.randperm(pool, generator=generator_for(seed, epoch, 1))
    return order[position * batch : (position + 1) * batch]
