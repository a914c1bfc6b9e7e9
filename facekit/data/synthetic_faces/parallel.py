"""Split a batch of images into jobs of bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from ...core.parallel_jobs import parallel_map

Result = TypeVar("Result")

_CPU_RAYS, _GPU_RAYS = 350_000, 8_000_000  # rays of one job: they bound the memory that a job needs


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
