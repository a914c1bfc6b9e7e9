"""Discriminator of image patches for stylization and shadow removal. It is ours; the paper is about parsing only."""

from __future__ import annotations

import itertools

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

# Channels of the three convolutions of stride 2.
_CHANNELS = (3, 32, 64, 128)


class PatchDiscriminator(nn.Module):
    """Tell real from generated patches of 46 pixels, as in pix2pix (Isola et al. 2017, https://arxiv.org/abs/1611.07004).

    Spectral normalisation takes the place of batch normalisation, because batches are small.
    """

    def __init__(self) -> None:
        """Build the discriminator with random weights."""
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(_CHANNELS):
            layers += [spectral_norm(nn.Conv2d(before, after, 4, 2, 1)), nn.LeakyReLU(0.2)]
        self.main = nn.Sequential(*layers, spectral_norm(nn.Conv2d(_CHANNELS[-1], 1, 4, 1, 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits of being real.

        Args:
            x: RGB images in [0, 1], shape (N, 3, S, S).

        Returns:
            One logit per patch, shape (N, 1, S/8 - 1, S/8 - 1).
        """
        return self.main(2 * x - 1)
