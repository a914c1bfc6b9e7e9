"""Kinds of heatmap: what a point's map is to be, how far a map is from it, and where a map says that the point is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# 3FabRec's factor before the squared error.
L2_WEIGHT = 300.0
# A Gaussian 4 sigma from its peak.
EDGE = math.exp(-8)


@dataclass(frozen=True)
class Heatmap:
    """sigma: of the target Gaussian, as a part of the map's side. error: (maps (N,K,h,w), points (N,K,2), sigma in map
    pixels) -> (N,K). find: (maps, sigma) -> (N,K,3) x, y and score. All in map pixels."""

    sigma: float
    error: Callable[[Tensor, Tensor, float], Tensor]
    find: Callable[[Tensor, float], Tensor]


def softmax_error(maps: Tensor, points: Tensor, sigma: float) -> Tensor:
    """Cross-entropy of the softmax over each map with the Gaussian as a soft label (FaRL section 4.1)."""
    target = gaussians(points, maps.shape[2], maps.shape[3], sigma).flatten(2)
    target = target / target.sum(-1, keepdim=True).clamp_min(1e-6)
    return -(target * F.log_softmax(maps.flatten(2), -1)).sum(-1)


def softmax_find(maps: Tensor, sigma: float) -> Tensor:
    return locate(maps.flatten(2).softmax(-1).view(maps.shape), sigma, reach=2.5)


def l2_error(maps: Tensor, points: Tensor, sigma: float) -> Tensor:
    """Squared error (FSMA section 4.1)."""
    return L2_WEIGHT * (maps - gaussians(points, maps.shape[2], maps.shape[3], sigma)).square().mean((2, 3))


def l2_find(maps: Tensor, sigma: float) -> Tensor:
    p = maps.clamp_min(0) + 1e-9
    return locate(p / p.sum((2, 3), keepdim=True), sigma, reach=1.0)


def sigmoid_error(maps: Tensor, points: Tensor, sigma: float) -> Tensor:
    """FaRL's released code: distance in normalised coordinates, and binary cross-entropy with a Gaussian that is cut at
    4 sigma."""
    target = gaussians(points, maps.shape[2], maps.shape[3], sigma)
    target = target * (target >= EDGE)
    side = points.new_tensor([maps.shape[3], maps.shape[2]])
    distance = ((soft_argmax(maps.sigmoid()) - points) / side).norm(dim=-1)
    return distance + F.binary_cross_entropy_with_logits(maps, target, reduction="none").mean((2, 3))


def sigmoid_find(maps: Tensor, sigma: float) -> Tensor:
    p = maps.sigmoid()
    return torch.cat([soft_argmax(p), p.amax((2, 3))[..., None]], -1)


def soft_argmax(p: Tensor) -> Tensor:
    """The centroid of each map (N,K,h,w), not negative: (N,K,2). Divided by the map's sum; no softmax."""
    mass = p.sum((2, 3)).clamp_min(1e-9)
    xs, ys = torch.arange(p.shape[3]).to(p), torch.arange(p.shape[2]).to(p)
    return torch.stack([(p.sum(2) * xs).sum(-1) / mass, (p.sum(3) * ys).sum(-1) / mass], -1)


def gaussians(points: Tensor, height: int, width: int, sigma: float) -> Tensor:
    """(N,K,height,width) Gaussians of peak 1 at points (N,K,2), in the maps' pixels."""
    xs = torch.arange(width, device=points.device, dtype=points.dtype)
    ys = torch.arange(height, device=points.device, dtype=points.dtype)
    gx = torch.exp(-((xs - points[..., :1]) ** 2) / (2 * sigma**2))
    gy = torch.exp(-((ys - points[..., 1:]) ** 2) / (2 * sigma**2))
    return gy[..., :, None] * gx[..., None, :]


def locate(p: Tensor, sigma: float, reach: float) -> Tensor:
    """The centroid of each map around its smoothed peak, under a window of `reach` times sigma (map pixels).

    p: (N,K,h,w), not negative, each map sums to 1. Returns (N,K,3): x, y in map pixels, and the mass under the window
    there.
    """
    n, k, h, w = p.shape
    radius = max(1, round(sigma))
    taps = torch.exp(-(torch.arange(-2 * radius, 2 * radius + 1, device=p.device).float() ** 2) / (2 * sigma**2))
    smooth = F.conv2d(p.view(n * k, 1, h, w), taps.view(1, 1, 1, -1), padding=(0, 2 * radius))
    smooth = F.conv2d(smooth, taps.view(1, 1, -1, 1), padding=(2 * radius, 0)).view(n, k, -1)
    peak = smooth.argmax(-1)
    xs, ys = torch.arange(w, device=p.device).float(), torch.arange(h, device=p.device).float()
    x, y = (peak % w).float(), (peak // w).float()
    # A window around the rounded peak would pull towards it; a few steps of mean shift move it onto the centroid.
    for _ in range(3):
        window_x = torch.exp(-((xs - x[..., None]) ** 2) / (2 * (reach * sigma) ** 2))
        window_y = torch.exp(-((ys - y[..., None]) ** 2) / (2 * (reach * sigma) ** 2))
        window = p * window_y[..., :, None] * window_x[..., None, :]
        mass = window.sum((2, 3)).clamp_min(1e-9)
        x = (window.sum(2) * xs).sum(-1) / mass
        y = (window.sum(3) * ys).sum(-1) / mass
    return torch.stack([x, y, mass.clamp(0, 1)], -1)


KINDS = {
    # Ours: for 64 px maps and a softmax a narrower one than FSMA's is located better.
    "softmax": Heatmap(1.5 / 64, softmax_error, softmax_find),
    # 3FabRec's width.
    "l2": Heatmap(7 / 128, l2_error, l2_find),
    # "A one-pixel sigma" on 128 px maps.
    "farl": Heatmap(1 / 128, softmax_error, softmax_find),
    # exp(-8 r^2 / 25) on 128 px maps.
    "farl-code": Heatmap(1.25 / 128, sigmoid_error, sigmoid_find),
}
