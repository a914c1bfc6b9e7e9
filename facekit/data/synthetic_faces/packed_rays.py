"""Pack the rays of a mask into rows of equal length, one row per face, so that work is done only where needed."""

from __future__ import annotations

import torch
from torch import Tensor


class PackedRays:
    """The rays where a mask is true, as (N, 1, K). K is the largest count of a face; shorter rows repeat the last ray.

    Args:
        mask: (N, H, W) bool.
    """

    def __init__(self, mask: Tensor) -> None:
        n = mask.shape[0]
        self.shape = mask.shape
        flat = mask.reshape(n, -1)
        order = flat.long().cumsum(1)
        self.count = max(1, int(order[:, -1].max()))
        pixels = flat.shape[1]
        slot = torch.where(flat, order - 1, torch.full_like(order, self.count))
        index = torch.full((n, self.count + 1), pixels, dtype=torch.long, device=mask.device)
        index.scatter_(1, slot, torch.arange(pixels, device=mask.device).expand(n, -1))
        self.index = index[:, : self.count]
        self.safe = self.index.clamp_max(pixels - 1)

    def take(self, value: Tensor) -> Tensor:
        """Pack the values of the rays.

        Args:
            value: (N, H, W) or (N, C, H, W), or a shape that broadcasts to it.

        Returns:
            (N, 1, K) or (N, C, 1, K).
        """
        if value.dim() == 4:
            flat = value.expand(-1, -1, *self.shape[1:]).flatten(2)
            return flat.gather(2, self.safe[:, None].expand(-1, flat.shape[1], -1))[:, :, None]
        return value.expand(self.shape).reshape(self.shape[0], -1).gather(1, self.safe)[:, None]

    def put(self, value: Tensor, base: Tensor | float = 0.0) -> Tensor:
        """Write packed values back to their rays.

        Args:
            value: (N, 1, K) or (N, C, 1, K).
            base: Values of all other rays: a number, or a tensor of the unpacked shape.

        Returns:
            (N, H, W) or (N, C, H, W).
        """
        n, h, w = self.shape
        lead = value.shape[1:-2]
        out = value.new_empty((n, *lead, h * w + 1))
        if isinstance(base, Tensor):
            out[..., :-1] = base.expand(n, *lead, h, w).flatten(-2)
        else:
            out.fill_(base)
        index = self.index.view(n, *([1] * len(lead)), -1).expand(n, *lead, self.count)
        out.scatter_(-1, index, value.squeeze(-2))
        return out[..., :-1].view(n, *lead, h, w)
