"""Batches of pairs, decoded ahead of use; what is in one depends on the seed and the step only."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

from ...core.random_streams import generator_for, shuffled_batch
from .pool import PairPool
from .views import DRAWS, View

# The stream of random numbers of the views; the order takes 1 and 2.
_VIEWS = 3
# Pairs a task: enough to make its bookkeeping small, few enough that all workers help with one batch.
_TASK = 16


class PairBatches:
    """The batches of a training on `pool`: {"image": (n,3,S,S) uint8, channels last, "text": list of n str}.

    seed, step: batch `step` depends on these and nothing else. Its order is `training.shuffled_batch`'s: through the
    whole pool in a new order every epoch. batch_size: of all processes together. part: this process's slice of it (see
    `Processes.part`); draws are made for the whole batch and sliced, so that parts put together are the batch.
    view: how images become squares. workers: threads that read, decode and warp (most of that leaves Python). ahead:
    batches in the making while one is used; so many are in memory, however large the pool. Of the pool itself only the
    order is kept, 4 bytes a pair.
    Raises ValueError where faces are to be aligned but not all pairs have one.
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
        if batch_size < 1 or workers < 1 or ahead < 1:
            raise ValueError(f"batch_size={batch_size}, workers={workers}, ahead={ahead}: expected at least 1 of each")
        self.pool, self.seed, self.batch_size = pool, seed, batch_size
        self.view = view or View()
        if self.view.align and pool.faceless:
            raise ValueError(
                f"{pool.faceless} of {len(pool)} pairs in {pool.shards[0].parent} have no known face, so they cannot "
                "be aligned: find the faces with `facekit shard` (it takes folders of shards), or pass align=False"
            )
        self.places = range(batch_size)[part or slice(None)]
        self.workers, self.ahead = workers, ahead
        self._epoch, self._order = -1, torch.empty(0)

    def indices(self, step: int) -> torch.Tensor:
        """The pairs of the whole batch `step`, (batch_size,) int64: `training.shuffled_batch(...)`."""
        if self.batch_size > len(self.pool):
            return shuffled_batch(self.seed, step, len(self.pool), self.batch_size)
        epoch, place = divmod(step, len(self.pool) // self.batch_size)
        if epoch != self._epoch:
            # Shuffling millions anew for each batch would take longer than the batch.
            order = torch.randperm(len(self.pool), generator=generator_for(self.seed, epoch, 1))
            self._epoch, self._order = epoch, order.to(torch.int32)
        return self._order[place * self.batch_size : (place + 1) * self.batch_size].long()

    def batch(self, step: int) -> dict[str, Any]:
        """Batch `step`, this process's part of it."""
        return next(self.from_step(step, step + 1))

    def from_step(self, start: int = 0, stop: int | None = None) -> Iterator[dict[str, Any]]:
        """Batch `start` and those after it, without end or up to `stop`. Errors of reading are raised in their turn."""
        steps = iter(range(start, stop)) if stop is not None else _count(start)
        workers = ThreadPoolExecutor(self.workers, "facekit-pairs")
        making: deque[tuple[dict[str, Any], list[Future[None]]]] = deque()
        try:
            for step in steps:
                making.append(self._begin(step, workers))
                if len(making) > self.ahead:
                    yield _finished(making.popleft())
            while making:
                yield _finished(making.popleft())
        finally:
            workers.shutdown(wait=False, cancel_futures=True)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self.from_step(0)

    def _begin(self, step: int, workers: ThreadPoolExecutor) -> tuple[dict[str, Any], list[Future[None]]]:
        places = list(self.places)
        indices = self.indices(step)[places].tolist()
        numbers = generator_for(self.seed, step, _VIEWS)
        draws = torch.rand(self.batch_size, DRAWS, generator=numbers, dtype=torch.float64)[places].numpy()
        size = self.view.size
        images, texts = torch.empty(len(places), size, size, 3, dtype=torch.uint8), [""] * len(places)

        def fill(first: int) -> None:
            for i in range(first, min(first + _TASK, len(indices))):
                pair = self.pool[indices[i]]
                seen = self.view.of(pair, draws[i], f"{pair.name} ({self.pool.where(indices[i])})")
                images[i] = torch.from_numpy(seen)
                texts[i] = pair.text

        batch = {"image": images.permute(0, 3, 1, 2), "text": texts}
        return batch, [workers.submit(fill, first) for first in range(0, len(indices), _TASK)]


def _finished(made: tuple[dict[str, Any], list[Future[None]]]) -> dict[str, Any]:
    batch, tasks = made
    for task in tasks:
        task.result()
    return batch


def _count(start: int) -> Iterator[int]:
    while True:
        yield start
        start += 1
