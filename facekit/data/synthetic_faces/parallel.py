"""From parameters of single faces (dictionaries) to the tensors of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

A = TypeVar("A")
B = TypeVar("B")


def spread(jobs: Sequence[A], work: Callable[[A], B]) -> list[B]:
    """Run `work` on each job, as many at once as torch has threads, each on one thread; results in order.

    Thousands of short operations wait at a barrier each if they are split over threads, worst on a busy machine; whole
    jobs side by side wait for nobody.
    """
    before = torch.get_num_threads()
    if before < 2 or not jobs:
        return [work(job) for job in jobs]
    with ThreadPoolExecutor(min(before, len(jobs)), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            return list(pool.map(work, jobs))
        finally:
            # The setting is a thread's own, but later threads copy the last one made: put ours back.
            torch.set_num_threads(before)
