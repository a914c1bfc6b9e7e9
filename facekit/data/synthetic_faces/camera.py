"""From linear light to a photograph: exposure, blur of the lens, tone curve, noise of the sensor, JPEG."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .fields import Batch, per_channel, per_sample
from .noise import WHITE, sample_noise


def blur(image: Tensor, sigma: Tensor, sigma_x: Tensor | None = None, reach: int = 5) -> Tensor:
    """Apply a Gaussian blur.

    Args:
        image: (N, C, H, W).
        sigma: (N,) standard deviation in pixels.
        sigma_x: (N,) additional horizontal standard deviation in pixels, or None.
        reach: Half width of the kernel in pixels.

    Returns:
        (N, C, H, W).
    """
    n, c, h, w = image.shape
    steps = torch.arange(-reach, reach + 1, device=image.device, dtype=torch.float32)

    def kernel(s: Tensor) -> Tensor:
        k = torch.exp(-0.5 * (steps / s.clamp_min(0.05)[:, None]) ** 2)
        return (k / k.sum(1, keepdim=True)).repeat_interleave(c, 0)

    across = kernel(sigma if sigma_x is None else torch.sqrt(sigma**2 + sigma_x**2)).view(n * c, 1, 1, -1)
    down = kernel(sigma).view(n * c, 1, -1, 1)
    flat = F.pad(image.reshape(1, n * c, h, w), (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(flat, across, groups=n * c), down, groups=n * c).view(n, c, h, w)


@lru_cache(maxsize=1)
def _cosines() -> Tensor:
    """Return the 8 x 8 matrix of the discrete cosine transform."""
    k, i = np.mgrid[:8, :8]
    table = np.cos((2 * i + 1) * k * np.pi / 16) * np.sqrt(np.where(k == 0, 1, 2) / 8)
    return torch.from_numpy(table).float()


_LUMA = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99.0],
    ]
)


def jpeg(image: Tensor, quality: Tensor) -> Tensor:
    """Simulate the loss of JPEG: cosine transform of 8 x 8 blocks, the standard luminance table, coarser chroma.

    Args:
        image: (N, 3, H, W) in [0, 1].
        quality: (N,), 1 to 100; 100 changes nothing.

    Returns:
        (N, 3, H, W) in [0, 1].
    """
    n, _, h, w = image.shape
    pad = F.pad(image, (0, -w % 8, 0, -h % 8), mode="replicate") * 255
    r, g, b_ = pad.unbind(1)
    luma = 0.299 * r + 0.587 * g + 0.114 * b_
    planes = torch.stack((luma - 128, (b_ - luma) * 0.564, (r - luma) * 0.713), 1)
    scale = torch.where(quality < 50, 50 / quality.clamp_min(1), 2 - quality / 50).clamp_min(0.02)
    table = (_LUMA.to(image.device)[None] * scale[:, None, None]).clamp_min(1)
    table = torch.stack((table, table.clamp_min(1) * 1.7, table * 1.7), 1)[:, :, None, None]
    c = _cosines().to(image.device)
    hh, ww = pad.shape[-2] // 8, pad.shape[-1] // 8
    blocks = planes.view(n, 3, hh, 8, ww, 8).transpose(3, 4)
    coded = torch.round(c @ blocks @ c.T / table) * table
    planes = (c.T @ coded @ c).transpose(3, 4).reshape(n, 3, hh * 8, ww * 8)[..., :h, :w]
    y, cb, cr = planes[:, 0] + 128, planes[:, 1], planes[:, 2]
    out = torch.stack((y + 1.403 * cr, y - 0.344 * cb - 0.714 * cr, y + 1.773 * cb), 1)
    return torch.where(quality[:, None, None, None] < 100, (out / 255).clamp(0, 1), image)


def tone(light: Tensor) -> Tensor:
    """Convert linear light to display values: the sRGB curve with a soft shoulder, so that bright skin does not clip.

    Args:
        light: Linear light, any shape.

    Returns:
        Values in [0, 1], same shape.
    """
    knee = torch.where(light > 0.6, 0.6 + 0.4 * (1 - torch.exp(-(light - 0.6) / 0.4)), light).clamp(1e-5, 1)
    return torch.where(knee < 0.0031308, 12.92 * knee, 1.055 * knee ** (1 / 2.4) - 0.055)


def develop(b: Batch, bank: Tensor, light: Tensor, size: int) -> Tensor:
    """Convert linear light to the finished image.

    Args:
        b: Parameters of N images: ``exposure``, ``white``, ``blur``, ``gamma``, ``grain``, ``jpeg`` and others.
        bank: Noise from ``noise_bank``.
        light: Linear light (N, 3, S, S).
        size: Side of the image in pixels.

    Returns:
        (N, 3, size, size) uint8 RGB.
    """
    if light.shape[-1] != size:
        whole = light.shape[-1] % size == 0
        light = F.interpolate(
            light.clamp_max(1.6),
            size=(size, size),
            mode="area" if whole else "bilinear",
            align_corners=None if whole else False,
        )
    n = light.shape[0]
    axis = torch.linspace(-1, 1, size, device=light.device)
    fall = 1 - per_sample(b["vignette"]) * 0.5 * (axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
    light = light * (b["exposure"][:, None, None, None] * fall[:, None]) * per_channel(b["white"])
    light = blur(light, b["blur"] * size, b["blur_x"] * size, reach=max(2, size // 40))
    image = tone(light) ** b["gamma"][:, None, None, None]
    grey = (image * image.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    image = torch.lerp(grey.expand_as(image), image, b["saturation"][:, None, None, None])
    step = torch.arange(size, device=light.device, dtype=torch.float32) / 256.0
    at = b["noise_at"]
    u = (step[None, None, :] + (at[:, 0] * 256).round()[:, None, None] / 256).expand(n, size, size)
    v = (step[None, :, None] + (at[:, 1] * 256).round()[:, None, None] / 256).expand(n, size, size)
    noise = torch.stack([sample_noise(bank, u + 0.25 * k, v + 0.375 * k, (WHITE,))[0] for k in range(3)], 1)
    noise = torch.lerp(noise.mean(1, keepdim=True).expand_as(noise), noise, 0.4)
    image = (image + noise * b["grain"][:, None, None, None] * (0.5 + (1 - image) * 0.8)).clamp(0, 1)
    return (jpeg(image, b["jpeg"]) * 255).round().clamp(0, 255).to(torch.uint8)
