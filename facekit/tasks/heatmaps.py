"""Kinds of heatmaps for landmarks: target, loss and decoding."""

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
    """One kind of heatmap. Coordinates are pixels of the maps.

    Attributes:
        sigma: Standard deviation of the target Gaussian, as a part of the map's side.
        error: Loss of each point: (maps (N, K, h, w), points (N, K, 2), sigma in pixels) to (N, K).
        find: Decoding: (maps (N, K, h, w), sigma in pixels) to x, y and score (N, K, 3).
        words: Function of sigma in pixels that says in words what ``find`` does.
        stride: Input pixels per pixel of the maps.
        side: Side of the maps for an input of any size. None: it is the input's over the task's stride.
    """

    sigma: float
    error: Callable[[Tensor, Tensor, float], Tensor]
    find: Callable[[Tensor, float], Tensor]
    words: Callable[[float], str]
    stride: int = 2
    side: int | None = None


def softmax_error(maps: Tensor, points: Tensor, sigma: float) -> Tensor:
    """Compute the cross-entropy of the softmax over each map, with the Gaussian as soft label (FaRL section 4.1).

    Args:
        maps: Output of the network (N, K, h, w).
        points: True points (N, K, 2), x and y in pixels of the maps, without NaN.
        sigma: Standard deviation of the Gaussians, in pixels of the maps.

    Returns:
        The loss of each point (N, K).
    """
    target = gaussians(points, maps.shape[2], maps.shape[3], sigma).flatten(2)
    target = target / target.sum(-1, keepdim=True).clamp_min(1e-6)
    return -(target * F.log_softmax(maps.flatten(2), -1)).sum(-1)


def softmax_find(maps: Tensor, sigma: float) -> Tensor:
    """Find points in maps whose softmax is the probability of the point's position.

    Args:
        maps: Output of the network (N, K, h, w).
        sigma: Standard deviation of the Gaussians, in pixels of the maps.

    Returns:
        (N, K, 3): x and y in pixels of the maps, and the score.
    """
    return locate(maps.flatten(2).softmax(-1).view(maps.shape), sigma, reach=2.5)


def l2_error(maps: Tensor, points: Tensor, sigma: float) -> Tensor:
    """Compute the squared error between maps and Gaussians (FSMA section 4.1).

    Args:
        maps: Output of the network (N, K, h, w).
        points: True points (N, K, 2), x and y in pixels of the maps, without NaN.
        sigma: Standard deviation of the Gaussians, in pixels of the maps.

    Returns:
        The loss of each point (N, K).
    """
    return L2_WEIGHT * (maps - gaussians(points, maps.shape[2], maps.shape[3], sigma)).square().mean((2, 3))


def l2_find(maps: Tensor, sigma: float) -> Tensor:
    """Find points in maps that are Gaussians themselves.

    Args:
        maps: Output of the network (N, K, h, w).
        sigma: Standard deviation of the Gaussians, in pixels of the maps.

    Returns:
        (N, K, 3): x and y in pixels of the maps, and the score.
    """
    p = maps.clamp_min(0) + 1e-9
    return locate(p / p.sum((2, 3), keepdim=True), sigma, reach=1.0)


def sigmoid_error(maps: Tensor, points: Tensor, sigma: float) -> Tensor:
    """Compute the loss of FaRL's released code.

    It is the distance in normalised coordinates plus the binary cross-entropy with a Gaussian that is cut at 4 sigma.

    Args:
        maps: Output of the network (N, K, h, w).
        points: True points (N, K, 2), x and y in pixels of the maps, without NaN.
        sigma: Standard deviation of the Gaussians, in pixels of the maps.

    Returns:
        The loss of each point (N, K).
    """
    target = gaussians(points, maps.shape[2], maps.shape[3], sigma)
    target = target * (target >= EDGE)
    side = points.new_tensor([maps.shape[3], maps.shape[2]])
    distance = ((soft_argmax(maps.sigmoid()) - points) / side).norm(dim=-1)
    return distance + F.binary_cross_entropy_with_logits(maps, target, reduction="none").mean((2, 3))


def sigmoid_find(maps: Tensor, sigma: float) -> Tensor:
    """Find points in maps whose sigmoid is the heatmap.

    Args:
        maps: Output of the network (N, K, h, w).
        sigma: Standard deviation of the Gaussians, in pixels of the maps.

    Returns:
        (N, K, 3): x and y in pixels of the maps, and the score.
    """
    p = maps.sigmoid()
    return torch.cat([soft_argmax(p), p.amax((2, 3))[..., None]], -1)


def soft_argmax(p: Tensor) -> Tensor:
    """Compute the centroid of each map, divided by the map's sum; there is no softmax.

    Args:
        p: Maps (N, K, h, w), not negative.

    Returns:
        Points (N, K, 2) in pixels of the maps.
    """
    mass = p.sum((2, 3)).clamp_min(1e-9)
    xs, ys = torch.arange(p.shape[3]).to(p), torch.arange(p.shape[2]).to(p)
    return torch.stack([(p.sum(2) * xs).sum(-1) / mass, (p.sum(3) * ys).sum(-1) / mass], -1)


def gaussians(points: Tensor, height: int, width: int, sigma: float) -> Tensor:
    """Draw Gaussians of peak 1.

    Args:
        points: Centres (N, K, 2) in pixels of the maps.
        height: Height of the maps.
        width: Width of the maps.
        sigma: Standard deviation in pixels of the maps.

    Returns:
        Maps (N, K, height, width).
    """
    xs = torch.arange(width, device=points.device, dtype=points.dtype)
    ys = torch.arange(height, device=points.device, dtype=points.dtype)
    gx = torch.exp(-((xs - points[..., :1]) ** 2) / (2 * sigma**2))
    gy = torch.exp(-((ys - points[..., 1:]) ** 2) / (2 * sigma**2))
    return gy[..., :, None] * gx[..., None, :]


def locate(p: Tensor, sigma: float, reach: float) -> Tensor:
    """Compute the centroid of each map around its smoothed peak, under a Gaussian window.

    Args:
        p: Maps (N, K, h, w), not negative, that sum to 1 each.
        sigma: Standard deviation of the smoothing in pixels of the maps.
        reach: Width of the window as a multiple of sigma.

    Returns:
        x, y in pixels of the maps and the mass under the window, shape (N, K, 3).
    """
    h, w = p.shape[2:]
    # A matrix product smooths faster than a convolution of one channel.
    smooth = (_smoothing(h, sigma).to(p) @ p @ _smoothing(w, sigma).to(p)).flatten(2)
    peak = smooth.argmax(-1)
    xs, ys = torch.arange(w, device=p.device).float(), torch.arange(h, device=p.device).float()
    x, y = (peak % w).float(), (peak // w).float()
    # A window around the rounded peak is biased towards it. A few steps of mean shift move it to the centroid.
    for _ in range(3):
        window_x = torch.exp(-((xs - x[..., None]) ** 2) / (2 * (reach * sigma) ** 2))
        window_y = torch.exp(-((ys - y[..., None]) ** 2) / (2 * (reach * sigma) ** 2))
        # Products with vectors: the windowed maps themselves would be as large as p.
        by_row = (p @ window_x[..., None]).squeeze(-1) * window_y
        by_column = (window_y[..., None, :] @ p).squeeze(-2) * window_x
        mass = by_row.sum(-1).clamp_min(1e-9)
        x = (by_column * xs).sum(-1) / mass
        y = (by_row * ys).sum(-1) / mass
    return torch.stack([x, y, mass.clamp(0, 1)], -1)


def _smoothing(length: int, sigma: float) -> Tensor:
    """Return the matrix (length, length) that smooths a vector by a Gaussian, cut off at two rounded sigmas."""
    pixels = torch.arange(length).float()
    distance = (pixels[:, None] - pixels).abs()
    return torch.exp(-(distance**2) / (2 * sigma**2)) * (distance <= 2 * max(1, round(sigma)))


def _around_peak(weights: str, reach: float, sigma: float) -> str:
    """Say in words what `locate` does."""
    return (
        f"P is {weights}. Start at the largest pixel of P after a Gaussian filter with a standard deviation of "
        f"{sigma:.4g} px. Three times, replace the point by the mean position with weights P times a Gaussian with a "
        f"standard deviation of {reach * sigma:.4g} px around it"
    )


def _softmax_words(sigma: float) -> str:
    return _around_peak("the softmax of a map over its pixels", 2.5, sigma)


def _l2_words(sigma: float) -> str:
    return _around_peak("a map without its negative values", 1.0, sigma)


def _sigmoid_words(sigma: float) -> str:
    return "The point is the mean position of the pixels with weights 1 / (1 + exp(-value))"


KINDS = {
    # Ours: with maps of 64 px and a softmax, a narrower Gaussian than FSMA's is located better.
    "softmax": Heatmap(1.5 / 64, softmax_error, softmax_find, _softmax_words),
    # 3FabRec's width.
    "l2": Heatmap(7 / 128, l2_error, l2_find, _l2_words),
    # "A one-pixel sigma" on 128 px maps.
    "farl": Heatmap(1 / 128, softmax_error, softmax_find, _softmax_words),
    # The same, on maps of exactly 128 px.
    "farl-128": Heatmap(1 / 128, softmax_error, softmax_find, _softmax_words, side=128),
    # exp(-8 r^2 / 25) on 128 px maps.
    "farl-code": Heatmap(1.25 / 128, sigmoid_error, sigmoid_find, _sigmoid_words),
    # The same on the head's own maps, which are not enlarged, as in the released models.
    "farl-released": Heatmap(1.25 / 128, sigmoid_error, sigmoid_find, _sigmoid_words, stride=4),
}
