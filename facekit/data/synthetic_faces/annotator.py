"""Labels as people would draw them (the "wild" domain), and which points can be seen."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .fields import Batch, per_sample
from .noise import BLOTCH, COARSE, sample_noise


def points_visible(points: Tensor, point_depth: Tensor, depth: Tensor, size: int) -> Tensor:
    """(N, K) bool: the point is in the image and nothing nearer lies before it (9 mm of slack). depth (N, S, S) mm
    of camera depth."""
    farthest = F.max_pool2d(depth[:, None], 3, 1, 1)
    grid = ((points + 0.5) / size * 2 - 1)[:, None]
    there = F.grid_sample(farthest, grid, mode="nearest", align_corners=False, padding_mode="border")[:, 0, 0]
    inside = ((points > -0.5) & (points < size - 0.5)).all(-1)
    return inside & (point_depth < there + 9.0)


def annotate_points(points: Tensor, points68: Tensor, noise: Tensor) -> Tensor:
    """Points (N, K, 2) as a person would click them: errors of about 1.2 % of the eyes' distance, shared by
    neighbours."""
    scale = (
        (points68[:, 45] - points68[:, 36]).norm(dim=1).maximum((points68[:, 27] - points68[:, 8]).norm(dim=1) * 0.6)
    )
    wide = noise.transpose(1, 2)
    wide = F.avg_pool1d(F.pad(wide, (2, 2), mode="replicate"), 5, 1).transpose(1, 2) * 1.6
    return points + (0.6 * noise + wide) * scale[:, None, None] * 0.0095


def annotate_mask(b: Batch, bank: Tensor, ids: Tensor) -> Tensor:
    """Masks (N, H, W) as a person would outline them: borders wander by about half a percent of the side, thin
    slivers vanish."""
    n, size, _ = ids.shape
    axis = torch.linspace(0, 1, size, device=ids.device)
    y, x = (t[None].expand(n, -1, -1) for t in torch.meshgrid(axis, axis, indexing="ij"))
    at = b["noise_at"]
    wander_x = sample_noise(bank, x * 0.5 + per_sample(at[:, 1]), y * 0.5 + per_sample(at[:, 0]), (COARSE, BLOTCH))
    wander_y = sample_noise(
        bank, x * 0.5 + per_sample(at[:, 0]) + 0.3, y * 0.5 + per_sample(at[:, 1]) + 0.6, (COARSE, BLOTCH)
    )
    grid = torch.stack(
        (x * 2 - 1 + 0.006 * (wander_x[0] + 0.7 * wander_x[1]), y * 2 - 1 + 0.006 * (wander_y[0] + 0.7 * wander_y[1])),
        -1,
    )
    out = F.grid_sample(ids[:, None].float(), grid, mode="nearest", align_corners=True, padding_mode="border")[:, 0]
    for shift in ((0, 1), (1, 0)):
        before, after = torch.roll(out, shift, (1, 2)), torch.roll(out, (-shift[0], -shift[1]), (1, 2))
        out = torch.where(before == after, before, out)
    return out.to(torch.uint8)
