"""Grow a trained generator and its encoder to a larger side, as "Progressive Growing of GANs" does.

Progressive growing: https://arxiv.org/abs/1710.10196. There, a new block is faded in. StyleGAN2's images are sums of
toRGB images, so here the new toRGB layers begin with zeros, and the larger images are the smaller ones, enlarged.
"""

from __future__ import annotations

import copy
import dataclasses

import torch
from torch import nn

from .inversion_encoder import InversionEncoder
from .stylegan2 import Generator


def check_growth(side: int, resolution: int) -> None:
    """Raise ValueError if a generator of ``side`` px cannot grow to ``resolution`` px."""
    if resolution < side or resolution & (resolution - 1):
        raise ValueError(
            f"resolution={resolution}: expected a power of two of at least {side}, the side of the generator's images "
            "in pixels"
        )


@torch.no_grad()
def grown_generator(generator: Generator, resolution: int) -> Generator:
    """Copy a generator and add blocks of larger sides, with random weights.

    Args:
        generator: The generator. Its distribution of codes is left out, for it has no codes for the new blocks.
        resolution: Side of the new images in pixels.

    Returns:
        A generator whose images are those of the given one, enlarged.

    Raises:
        ValueError: If the side is smaller, or no power of two.
    """
    check_growth(generator.size.resolution, resolution)
    grown = Generator(dataclasses.replace(generator.size, resolution=resolution))
    own = {name: value for name, value in generator.state_dict().items() if not name.startswith("distribution.")}
    grown.load_state_dict(grown.state_dict() | own)
    for side in grown.size.sides[len(generator.size.sides) :]:
        layer = grown.synthesis.block(side).torgb
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    return grown.eval()


@torch.no_grad()
def grown_encoder(encoder: InversionEncoder, layers: int) -> InversionEncoder:
    """Copy an encoder and add heads for further codes. Each begins as a copy of the last head.

    Args:
        encoder: The encoder. The side of its input does not change.
        layers: Number of codes, at least that of the given one.
    """
    size = encoder.size
    grown = InversionEncoder(dataclasses.replace(size, layers=layers, splits=encoder.splits))
    average = encoder.latent_avg
    longer = torch.cat([average, average[-1:].expand(layers - size.layers, -1)])
    grown.load_state_dict(grown.state_dict() | encoder.state_dict() | {"latent_avg": longer})
    for i in range(size.layers, layers):
        grown.styles[i] = copy.deepcopy(encoder.styles[-1])
    return grown.eval()
