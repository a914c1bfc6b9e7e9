"""Run independent jobs on several CPU threads, and split a batch into jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Job = TypeVar("Job")
Result = TypeVar("Result")

_CPU_RAYS, _GPU_RAYS = 350_000, 8_000_000  # rays of one job: they bound the memory that a job needs


def parallel_map(jobs: Sequence[Job], work: Callable[[Job], Result]) -> list[Result]:
    """Run ``work`` on each job, with one thread per job and as many jobs at once as torch has threads.

    The renderer runs thousands of short operations. Split over threads, each of them would wait at a barrier, and the
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


def map_in_parts(
    indices: list[int], rays_per_image: int, device: torch.device, work: Callable[[list[int]], Result]
) -> list[Result]:
    """Split indices into parts of bounded memory and run ``work`` on each part.

    Args:
        indices: Indices of the images of a batch.
        rays_per_image: Number of rays of one image.
        device: Device of the renderer. On a CPU the parts run in parallel.
        work: Function of a list of indices.

    Returns:
        The results, in the order of the parts.
    """
    on_cpu = device.type == "cpu"
    threads = torch.get_num_threads() if on_cpu else 1
    step = max(1, min((_CPU_RAYS if on_cpu else _GPU_RAYS) // rays_per_image, -(-len(indices) // threads)))
    parts = [indices[i : i + step] for i in range(0, len(indices), step)]
    return parallel_map(parts, work) if on_cpu else [work(part) for part in parts]
