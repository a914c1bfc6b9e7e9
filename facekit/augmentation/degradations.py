"""Random degradations of face images: occlusion, noise, grey images and blur (FaRL, appendix "Face alignment").

The paper names "random Gaussian blur, noise and occlusion" for landmarks, and grey images for attributes, without
ranges. The ranges here are ours.

Paper: General Facial Representation Learning in a Visual-Linguistic Manner, https://arxiv.org/abs/2112.03109.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# Largest standard deviation of the blur, as a fraction of the image's side: 3 px of 224.
_BLUR = 3 / 224
# Largest standard deviation of the noise, in units of the full range.
_NOISE = 0.1
# Least and largest side of the occluding rectangle, as a fraction of the image's side.
_OCCLUSION = (0.1, 0.4)
# ITU-R BT.601.
_LUMINANCE = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Degradation:
    """Probability of each degradation, 0 to 1.

    Attributes:
        occluded: A rectangle of one random colour covers a part of the image.
        noisy: Gaussian noise is added to every value.
        grey: The image loses its colours.
        blurred: A Gaussian blur.
    """

    occluded: float = 0.0
    noisy: float = 0.0
    grey: float = 0.0
    blurred: float = 0.0


def degrade(images: Tensor, spec: Degradation, generators: Sequence[torch.Generator]) -> Tensor:
    """Degrade each image at random.

    Args:
        images: (N,3,S,S) RGB in [0, 1], on any device.
        spec: Probabilities.
        generators: One CPU generator per image. An image's change does not depend on the rest of the batch.

    Returns:
        New images (N,3,S,S) in [0, 1], on the same device.

    Raises:
        ValueError: If there are more or fewer generators than images.
    """
    if len(generators) != len(images):
        raise ValueError(
            f"expected one generator per image, got {len(generators)} for {len(images)} images; pass one each"
        )
    # Four coins, strengths of noise and blur, the rectangle's width, height, x, y, and its colour.
    draws = torch.stack([torch.rand(13, generator=generator) for generator in generators]).to(images)
    chances = draws.new_tensor([spec.occluded, spec.noisy, spec.grey, spec.blurred])
    occluded, noisy, grey, blurred = (draws[:, :4] < chances).unbind(1)
    images = torch.where(occluded[:, None, None, None], _occlude(images, draws[:, 6:]), images)
    if spec.noisy:
        noise = torch.stack([torch.randn(images.shape[1:], generator=generator) for generator in generators])
        strength = _NOISE * draws[:, 4] * noisy
        images = images + strength[:, None, None, None] * noise.to(images)
    if spec.grey:
        weights = images.new_tensor(_LUMINANCE)[None, :, None, None]
        images = torch.where(grey[:, None, None, None], (images * weights).sum(1, keepdim=True), images)
    if spec.blurred:
        images = _blur(images, _BLUR * images.shape[-1] * draws[:, 5] * blurred)
    return images.clamp(0, 1)


def _occlude(images: Tensor, draws: Tensor) -> Tensor:
    """Cover a rectangle of each image. Draws (N,7) are its width, height, x, y and colour."""
    side, (low, high) = images.shape[-1], _OCCLUSION
    extent = (low + (high - low) * draws[:, 0:2]) * side
    start = draws[:, 2:4] * (side - extent)
    place = torch.arange(side, device=images.device)
    inside = (place >= start[..., None]) & (place < (start + extent)[..., None])
    rectangle = (inside[:, 1, :, None] & inside[:, 0, None, :])[:, None]
    return torch.where(rectangle, draws[:, 4:7, None, None], images)


def _blur(images: Tensor, sigmas: Tensor) -> Tensor:
    """Blur each image by its own standard deviation in pixels. 0 is no blur."""
    n, channels, height, width = images.shape
    radius = max(1, math.ceil(3 * _BLUR * width))
    place = torch.arange(-radius, radius + 1, device=images.device)
    kernels = torch.exp(-(place**2) / (2 * sigmas.clamp_min(1e-3)[:, None] ** 2))
    kernels = (kernels / kernels.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    maps = F.pad(images.reshape(1, n * channels, height, width), [radius] * 4, mode="reflect")
    maps = F.conv2d(maps, kernels[:, None, None, :], groups=n * channels)
    return F.conv2d(maps, kernels[:, None, :, None], groups=n * channels).view_as(images)
