"""Contrastive loss of images and texts over the batch of all processes (equation 1; appendix, "Pre-training")."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...training.distributed import Processes
from .text_tower import cosine_logits

# Initial sigma.
TEMPERATURE = 0.07
# Upper bound of 1/sigma, as in CLIP, without which the loss may diverge.
LARGEST_SCALE = 100.0


class _Gather(torch.autograd.Function):
    """Gather the rows of all processes in order.

    Every process computes the same loss, and gradients are averaged over processes afterwards. So the gradient of a
    process's own rows is multiplied by the number of processes.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, processes: Processes) -> Tensor:
        ctx.processes, ctx.n = processes, len(rows)
        return processes.gather(rows).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        start = ctx.processes.rank * ctx.n
        return gradients[0][start : start + ctx.n] * ctx.processes.count, None


def contrastive_loss(images: Tensor, texts: Tensor, log_scale: Tensor, processes: Processes) -> Tensor:
    """Compute (L_I + L_T) / 2 of equation 1 over the pairs of all processes.

    Texts of other images are negatives.

    Args:
        images: Embeddings (n, E) of length 1 of this process's images.
        texts: Embeddings (n, E) of length 1 of their texts.
        log_scale: log(1/sigma), which is learned.
        processes: The processes that train together.

    Returns:
        A scalar, the same in all processes.
    """
    images, texts = _Gather.apply(images, processes), _Gather.apply(texts, processes)
    logits = cosine_logits(images.float(), texts.float(), log_scale.clamp(max=_log_largest()))
    same = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, same) + F.cross_entropy(logits.T, same)) / 2


def _log_largest() -> float:
    """Return the logarithm of the largest scale in float32."""
    return float(torch.log(torch.tensor(LARGEST_SCALE)))
