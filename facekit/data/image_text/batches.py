"""Batches of pairs, decoded ahead of use. The content of a batch depends on the seed and the step only."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

from ...core.random_streams import generator_for, shuffled_batch
from .pool import PairPool
from .views import DRAWS, View

# Stream of random numbers for the views. The order takes streams 1 and 2.
_VIEWS = 3
# Pairs per task: enough to keep its overhead small, few enough that all workers share the work on one batch.
_TASK = 16


class PairBatches:
    """Batches of a training on a pool: {"image": (n,3,S,S) uint8, channels last, "text": list of n str}.

    The order is that of `core.random_streams.shuffled_batch`: through the whole pool, in a new order every epoch. Of
    the pool only this order is kept in memory, 4 bytes per pair.

    Attributes:
        pool: The pairs.
        seed: Seed of the order and the views.
        batch_size: Pairs per batch, of all processes together.
        view: Settings of the views.
        places: This process's places in the batch.
        workers: Number of threads.
        ahead: Number of batches that are prepared ahead.
    """

    def __init__(
        self,
        pool: PairPool,
        seed: int,
        batch_size: int,
        part: slice | None = None,
        view: View | None = None,
        workers: int = 2,
        ahead: int = 2,
    ):
        """Check the settings. Nothing is read yet.

        Args:
            pool: The pairs.
            seed: Seed of the order and the views.
            batch_size: Pairs per batch, of all processes together.
            part: This process's slice of a batch (see `training.distributed.Processes.part`). Random numbers are drawn
                for the whole batch and sliced, so that the parts together are the batch. None is the whole batch.
            view: Settings of the views. None is `View()`.
            workers: Threads that read, decode and warp. Most of this work runs outside Python's lock.
            ahead: Number of batches that are prepared while one is used. Memory holds this number of batches, for a
                pool of any size.

        Raises:
            ValueError: If a number is below 1, or faces are aligned and not every pair has one.
        """
        if batch_size < 1 or workers < 1 or ahead < 1:
            raise ValueError(f"batch_size={batch_size}, workers={workers}, ahead={ahead}: expected at least 1 of each")
        self.pool, self.seed, self.batch_size = pool, seed, batch_size
        self.view = view or View()
        if self.view.align and pool.faceless:
            raise ValueError(
                f"{pool.shards[0].parent}: expected a face to align in every pair, got {pool.faceless} of {len(pool)} "
                "pairs without one; find the faces with `facekit shard` (it reads folders of shards), or pass "
                "align=False"
            )
        self.places = range(batch_size)[part or slice(None)]
        self.workers, self.ahead = workers, ahead
        self._epoch, self._order = -1, torch.empty(0)

    def indices(self, step: int) -> torch.Tensor:
        """Return the pairs of a whole batch, as `shuffled_batch` does.

        Args:
            step: Number of the batch.

        Returns:
            (batch_size,) int64 indices of pairs.
        """
        if self.batch_size > len(self.pool):
            return shuffled_batch(self.seed, step, len(self.pool), self.batch_size)
        epoch, place = divmod(step, len(self.pool) // self.batch_size)
        if epoch != self._epoch:
            # The order is kept, because shuffling millions of pairs for each batch would take longer than the batch.
            order = torch.randperm(len(self.pool), generator=generator_for(self.seed, epoch, 1))
            self._epoch, self._order = epoch, order.to(torch.int32)
        return self._order[place * self.batch_size : (place + 1) * self.batch_size].long()

    def batch(self, step: int) -> dict[str, Any]:
        """Read one batch.

        Args:
            step: Number of the batch.

        Returns:
            This process's part of it.

        Raises:
            ValueError: If a pair is damaged or cannot be aligned.
        """
        return next(self.from_step(step, step + 1))

    def from_step(self, start: int = 0, stop: int | None = None) -> Iterator[dict[str, Any]]:
        """Read a range of batches.

        Args:
            start: First batch.
            stop: End of the range, exclusive. None is no end.

        Yields:
            This process's part of each batch.

        Raises:
            ValueError: If a pair is damaged or cannot be aligned. It is raised when its batch is due.
        """
        steps = iter(range(start, stop)) if stop is not None else itertools.count(start)
        workers = ThreadPoolExecutor(self.workers, "facekit-pairs")
        pending: deque[tuple[dict[str, Any], list[Future[None]]]] = deque()
        try:
            for step in steps:
                pending.append(self._begin(step, workers))
                if len(pending) > self.ahead:
                    yield _finish(pending.popleft())
            while pending:
                yield _finish(pending.popleft())
        finally:
            workers.shutdown(wait=False, cancel_futures=True)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self.from_step(0)

    def _begin(self, step: int, workers: ThreadPoolExecutor) -> tuple[dict[str, Any], list[Future[None]]]:
        """Start the tasks that fill a batch."""
        places = list(self.places)
        indices = self.indices(step)[places].tolist()
        numbers = generator_for(self.seed, step, _VIEWS)
        draws = torch.rand(self.batch_size, DRAWS, generator=numbers, dtype=torch.float64)[places].numpy()
        size = self.view.size
        images, texts = torch.empty(len(places), size, size, 3, dtype=torch.uint8), [""] * len(places)

        def fill(first: int) -> None:
            for i in range(first, min(first + _TASK, len(indices))):
                pair = self.pool[indices[i]]
                view = self.view.of(pair, draws[i], f"{pair.name} ({self.pool.where(indices[i])})")
                images[i] = torch.from_numpy(view)
                texts[i] = pair.text

        batch = {"image": images.permute(0, 3, 1, 2), "text": texts}
        return batch, [workers.submit(fill, first) for first in range(0, len(indices), _TASK)]


def _finish(started: tuple[dict[str, Any], list[Future[None]]]) -> dict[str, Any]:
    """Wait for the tasks of a batch and return it."""
    batch, tasks = started
    for task in tasks:
        task.result()
    return batch
