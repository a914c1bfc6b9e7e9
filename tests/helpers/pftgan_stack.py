"""What the fused pixel classifier is compared with in tests: the stack of upsampled maps, and peaks of memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.profiler import ProfilerActivity, profile


def stack(maps: Sequence[Tensor], side: int | tuple[int, int]) -> Tensor:
    """The definition: (N*H*W,sum(C))."""
    size = (side, side) if isinstance(side, int) else side
    full = torch.cat([F.interpolate(x.float(), size, mode="bilinear", align_corners=False) for x in maps], 1)
    return full.permute(0, 2, 3, 1).flatten(0, 2)


def peak(run: Callable[[], Any]) -> int:
    """Bytes of all tensors that were alive at once, beside those from before."""
    run()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as measured:
        result = run()
    assert measured.profiler is not None and result is not None
    events = [e for e in measured.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = highest = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        now += event.nbytes()
        highest = max(highest, now)
    return highest
