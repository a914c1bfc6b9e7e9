"""Run independent jobs on several CPU threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Job = TypeVar("Job")
Result = TypeVar("Result")


def parallel_map(jobs: Sequence[Job], work: Callable[[Job], Result]) -> list[Result]:
    """Run ``work`` on each job, with one thread per job and as many jobs at once as torch has threads.

    Networks and renderers run many short operations. Split over threads, each of them would wait at a barrier, and the
    waiting is longest on a busy machine. Whole jobs side by side need no barrier.

    Args:
        jobs: Arguments of ``work``.
        work: Function of one job.

    Returns:
        The results, in the order of ``jobs``.
    """
    threads = torch.get_num_threads()
    if threads < 2 or not jobs:
        return [work(job) for job in jobs]
    with ThreadPoolExecutor(min(threads, len(jobs)), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            return list(pool.map(work, jobs))
        finally:
            # The number of threads belongs to each thread, but a new thread copies the value that was set last.
            torch.set_num_threads(threads)
