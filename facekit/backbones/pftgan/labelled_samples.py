"""Sample images with their labels from a generator and its pixel classifiers (DatasetGAN, section 3).

DatasetGAN: https://arxiv.org/abs/2104.06490
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm.auto import tqdm

from ...core.random_streams import generator_for
from .network import PFTGANNetwork
from .stylegan2 import Generator

_BATCH = 16
# Classifiers read maps enlarged bilinearly, so label maps can be finer than images. synthparse's parser reads 128 px.
LEAST_SIDE = 128


@dataclass(frozen=True, eq=False)
class LabelledSamples:
    """Generated images with labels, the most certain first.

    Attributes:
        images: RGB (N, S, S, 3) uint8.
        masks: Class ids (N, S, S) uint8.
        uncertainty: Mean divergence of the classifiers in the most divergent tenth of the pixels, (N,) float32, nats.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    uncertainty: NDArray[np.float32]


@torch.no_grad()
def labelled_samples(
    network: PFTGANNetwork,
    generator: Generator,
    count: int,
    truncation: float,
    seed: int,
    device: torch.device,
    largest: int | None = None,
    show: bool = False,
) -> LabelledSamples:
    """Generate images, and label them with the segmentation stream's classifiers.

    Args:
        network: An adapted network with pixel classifiers.
        generator: The generator that its streams started from, which generates the images.
        count: Number of images N.
        truncation: Below 1, images are closer to the mean image, with less variety and fewer faults.
        seed: Seed of the codes. Images of the same seed and count are the same.
        device: Where to compute.
        largest: Largest side in pixels. Thousands of images of 1024 px would fill the memory. None is any.
        show: Whether to show a progress bar.

    Returns:
        The samples. Their side is the generator's, but at least 128 px and at most ``largest``.
    """
    heads = network.to(device).eval().heads
    assert heads is not None
    generator = generator.to(device).eval()
    side = max(LEAST_SIDE, network.input_size)
    side = side if largest is None else min(side, largest)
    z = torch.randn(count, generator.size.z_dim, generator=generator_for(seed, 0, 19))
    images, masks, uncertainty = [], [], []
    for some in tqdm(z.split(_BATCH), f"generating {count} images", disable=not show, leave=False):
        codes = generator.codes(some.to(device), truncation)
        votes = heads.vote(network.maps(codes), side)
        images.append(_pixels(generator.synthesis(codes), side))
        masks.append(votes.labels.cpu().numpy())
        uncertainty.append(votes.uncertainty.cpu().numpy())
    order = np.argsort(np.concatenate(uncertainty), kind="stable")
    found = (np.concatenate(arrays)[order] for arrays in (images, masks, uncertainty))
    return LabelledSamples(*found)


def _pixels(images: Tensor, side: int) -> NDArray[np.uint8]:
    """Return images (N, 3, S, S) in [-1, 1] as (N, side, side, 3) uint8."""
    if images.shape[-1] != side:
        images = torch.nn.functional.interpolate(images, side, mode="bicubic", align_corners=False, antialias=True)
    pixels = (images.float().clamp(-1, 1) + 1) * 127.5
    return pixels.round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
