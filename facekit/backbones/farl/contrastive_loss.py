"""Image-text contrast over the batch of all processes (FaRL equation 1 and appendix, "Pre-training")."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...training.distributed import Processes
from .text_tower import cosine_logits

# sigma, before it is learned.
TEMPERATURE = 0.07
# CLIP's bound on 1/sigma, which keeps the loss from running away.
LARGEST_SCALE = 100.0


class _Gather(torch.autograd.Function):
    """All processes' rows, in order. Every process computes the same loss of them, and gradients are averaged over
    processes afterwards; each one's own rows therefore get theirs times the number of processes."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, processes: Processes) -> Tensor:
        ctx.processes, ctx.n = processes, len(rows)
        return processes.gather(rows).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        start = ctx.processes.rank * ctx.n
        return gradients[0][start : start + ctx.n] * ctx.processes.count, None


def contrastive_loss(images: Tensor, texts: Tensor, log_scale: Tensor, processes: Processes) -> Tensor:
    """(L_I + L_T) / 2 of equation 1, over the pairs of all processes: every other image's text is a wrong one.

    images, texts: this process's embeddings (n,E) of length 1, pair i in row i. log_scale: log(1/sigma), learned.
    Returns a scalar, the same in all processes.
    """
    images, texts = _Gather.apply(images, processes), _Gather.apply(texts, processes)
    logits = cosine_logits(images.float(), texts.float(), log_scale.clamp(max=_log_largest()))
    same = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, same) + F.cross_entropy(logits.T, same)) / 2


def _log_largest() -> float:
    return float(torch.log(torch.tensor(LARGEST_SCALE)))
