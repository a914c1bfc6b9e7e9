"""Visibility of landmarks, and labels with the errors of a human annotator (domain "wild")."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .fields import Batch, per_sample
from .noise import BLOTCH, COARSE, sample_noise


def points_visible(points: Tensor, point_depth: Tensor, depth: Tensor, size: int) -> Tensor:
    """Test whether landmarks are inside the image and not occluded, with a tolerance of 9 mm.

    Args:
        points: (N, K, 2) pixels.
        point_depth: (N, K) depth of the points, mm.
        depth: (N, S, S) depth of the nearest surface, mm.
        size: Side of the image in pixels.

    Returns:
        (N, K) bool.
    """
    farthest = F.max_pool2d(depth[:, None], 3, 1, 1)
    grid = ((points + 0.5) / size * 2 - 1)[:, None]
    surface_depth = F.grid_sample(farthest, grid, mode="nearest", align_corners=False, padding_mode="border")[:, 0, 0]
    inside = ((points > -0.5) & (points < size - 0.5)).all(-1)
    return inside & (point_depth < surface_depth + 9.0)


def annotate_points(points: Tensor, points68: Tensor, noise: Tensor) -> Tensor:
    """Add the errors of an annotator: about 1.2 % of the distance between the eyes, similar for neighbouring points.

    Args:
        points: (N, K, 2) exact pixels.
        points68: (N, 68, 2) exact pixels of the 68 points; they give the scale.
        noise: (N, K, 2) standard normal values.

    Returns:
        (N, K, 2) pixels.
    """
    scale = (
        (points68[:, 45] - points68[:, 36]).norm(dim=1).maximum((points68[:, 27] - points68[:, 8]).norm(dim=1) * 0.6)
    )
    wide = noise.transpose(1, 2)
    wide = F.avg_pool1d(F.pad(wide, (2, 2), mode="replicate"), 5, 1).transpose(1, 2) * 1.6
    return points + (0.6 * noise + wide) * scale[:, None, None] * 0.0095


def annotate_mask(b: Batch, bank: Tensor, ids: Tensor) -> Tensor:
    """Redraw masks as an annotator does: borders deviate by about 0.5 % of the side, and thin slivers vanish.

    Args:
        b: Parameters of N faces: ``noise_at``.
        bank: Noise from ``noise_bank``.
        ids: (N, H, W) uint8 class ids.

    Returns:
        (N, H, W) uint8 class ids.
    """
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
