"""From parameters of single faces (dictionaries) to the tensors of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from .people import EXPRESSIONS, Params
from .shape import MODES

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


def stack(people: Sequence[Params], device: torch.device) -> dict[str, Tensor]:
    """Numbers and arrays of each name stacked to float32 (N, ...); shape weights and expressions become "modes" (N,
    modes)."""
    weights = np.zeros((len(people), len(MODES)), dtype=np.float32)
    where = {name: k for k, name in enumerate(MODES)}
    for i, p in enumerate(people):
        for name, value in (*p["modes"].items(), *p["expression"].items()):
            weights[i, where[name]] = value
    out = {"modes": weights}
    for name, value in people[0].items():
        if isinstance(value, (bool, int, float, np.ndarray)):
            out[name] = np.asarray([p[name] for p in people], dtype=np.float32)
    for name in EXPRESSIONS:
        out[f"expression_{name}"] = weights[:, where[name]]
    return {name: torch.from_numpy(np.ascontiguousarray(value)).to(device) for name, value in out.items()}
