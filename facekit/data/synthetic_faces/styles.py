"""Two artistic styles, painted from an image and its mask: a flat, outlined comic and a pencil drawing."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .camera import blur

STYLES = ("comic", "pencil")
_NEIGHBOURS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1))


def _grey(image: Tensor) -> Tensor:
    """Return the luma (N, 1, H, W) of RGB images (N, 3, H, W)."""
    return (image * image.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)


def _outlines(mask: Tensor, size: int) -> Tensor:
    """Return ink along the borders of parts, (N, 1, H, W) in [0, 1]; borders within the skin get none."""
    skin = (mask >= 1) & (mask <= 9)
    ids = torch.where(skin | (mask == 14), torch.full_like(mask, 1), mask).float()[:, None]
    border = (F.max_pool2d(ids, 3, 1, 1) - -F.max_pool2d(-ids, 3, 1, 1)).abs().clamp_max(1)
    n = mask.shape[0]
    return blur(border, torch.full((n,), max(0.5, size / 300), device=mask.device), reach=3)


def _smooth(image: Tensor, rounds: int, size: int) -> Tensor:
    """Flatten texture but keep edges: each round averages a neighbourhood, weighted by similarity of colour."""
    step = max(1, size // 128)
    for _ in range(rounds):
        total, weight = image.clone(), torch.ones_like(image[:, :1])
        for dy, dx in _NEIGHBOURS:
            moved = torch.roll(image, (dy * step, dx * step), (2, 3))
            like = torch.exp(-((moved - image) ** 2).sum(1, keepdim=True) / 0.012)
            total, weight = total + moved * like, weight + like
        image = total / weight
    return image


def comic(image: Tensor, mask: Tensor) -> Tensor:
    """Paint a comic: flat tones, strong colours, dark outlines.

    Args:
        image: (N, 3, H, W) uint8 RGB.
        mask: (N, H, W) uint8, class ids of FACEKIT_27.

    Returns:
        (N, 3, H, W) uint8 RGB.
    """
    size = image.shape[-1]
    flat = _smooth(image.float() / 255, 6, size)
    grey = _grey(flat)
    levels = 5.0
    stepped = (torch.floor(grey * levels) + torch.sigmoid(((grey * levels) % 1 - 0.5) * 14)) / levels
    flat = flat * (stepped / grey.clamp_min(0.03)).clamp(0.5, 1.8)
    flat = (
        torch.lerp(_grey(flat).expand_as(flat), flat, 1.45) * flat.new_tensor([1.04, 1.0, 0.94]).view(1, 3, 1, 1) + 0.02
    )
    n = image.shape[0]
    near, far = (
        blur(grey, torch.full((n,), s * size / 128, device=grey.device), reach=max(3, size // 32)) for s in (0.6, 1.4)
    )
    detail = ((far - near - 0.018) * 14).clamp(0, 1)
    ink = (1 - 0.85 * detail) * (1 - 0.8 * _outlines(mask, size))
    return (flat * ink * 255).round().clamp(0, 255).to(torch.uint8)


def pencil(image: Tensor, mask: Tensor) -> Tensor:
    """Draw with graphite on warm paper: lines where tones change, and two layers of hatching in dark areas.

    Args:
        image: (N, 3, H, W) uint8 RGB.
        mask: (N, H, W) uint8, class ids of FACEKIT_27.

    Returns:
        (N, 3, H, W) uint8 RGB.
    """
    size, n = image.shape[-1], image.shape[0]
    grey = _grey(image.float() / 255)
    wide = blur(grey, torch.full((n,), 2.2 * size / 128, device=grey.device), reach=max(5, size // 16))
    dodge = ((grey + 0.02) / (wide + 0.02)).clamp(0, 1) ** 4.0
    axis = torch.arange(size, device=grey.device, dtype=torch.float32) * (128 / size)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    hatch = 0.5 + 0.5 * torch.sin((x + y) * 1.9 + 0.5 * torch.sin(y * 0.33))
    cross = 0.5 + 0.5 * torch.sin((x - 0.8 * y) * 2.1)
    dark = ((0.62 - wide) / 0.5).clamp(0, 1)
    darker = ((0.34 - wide) / 0.3).clamp(0, 1)
    tone = dodge * (1 - 0.42 * dark * hatch) * (1 - 0.45 * darker * cross) * (1 - 0.18 * dark)
    tone = tone * (1 - 0.55 * _outlines(mask, size))
    paper = grey.new_tensor([0.975, 0.960, 0.925]).view(1, 3, 1, 1)
    lead = grey.new_tensor([0.16, 0.16, 0.19]).view(1, 3, 1, 1)
    return ((lead + (paper - lead) * tone) * 255).round().clamp(0, 255).to(torch.uint8)


def paint(style: str, image: Tensor, mask: Tensor) -> Tensor:
    """Paint images in a style.

    Args:
        style: "comic" or "pencil".
        image: (N, 3, H, W) uint8 RGB.
        mask: (N, H, W) uint8, class ids of FACEKIT_27.

    Returns:
        (N, 3, H, W) uint8 RGB.
    """
    return comic(image, mask) if style == "comic" else pencil(image, mask)
