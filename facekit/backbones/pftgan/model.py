"""The backbone without heads: a generator and the encoder that finds its latent codes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.tensor_arguments import check_codes, check_image_tensor
from .generator_files import Encoder
from .inversion_encoder import at_encoder
from .inversion_training import images_of
from .stylegan2 import Generator


class GeneratorWithEncoder(nn.Module):
    """A generator and its encoder: what `facekit.load_backbone("pftgan")` returns.

    Images are RGB in [0, 1] of shape (N, 3, S, S), aligned like the generator's training images. Codes have shape
    (N, L, w_dim) and are in W+.
    """

    def __init__(self, generator: Generator, encoder: Encoder):
        """Combine both."""
        super().__init__()
        self.generator, self.encoder = generator, encoder

    @property
    def input_size(self) -> int:
        """Side of the generated images in pixels."""
        return self.generator.size.resolution

    def encode(self, x: Tensor) -> Tensor:
        """Return the codes of images of any size."""
        return self.encoder(at_encoder(check_image_tensor(x), self.encoder))

    def generate(self, z: Tensor, truncation: float = 1.0) -> Tensor:
        """Generate images.

        Args:
            z: Normal random numbers (N, z_dim).
            truncation: Below 1, images are closer to the mean image, with less variety and fewer faults.

        Returns:
            RGB images (N, 3, S, S) in [0, 1].
        """
        z = check_codes(z, "z", self.generator.size.z_dim)
        return self.synthesize(self.generator.codes(z, truncation))

    def synthesize(self, w: Tensor) -> Tensor:
        """Return the images (N, 3, S, S) in [0, 1] of codes."""
        w = check_codes(w, "w", self.generator.size.w_dim)
        return images_of(self.generator.synthesis, w).clamp(0, 1)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Encode images and generate them again."""
        return self.synthesize(self.encode(x))

    def features(self, x: Tensor, colours: bool = False) -> list[Tensor]:
        """Return the maps of all generator layers for reconstructions of x, coarsest first.

        Args:
            x: Images.
            colours: Whether to return the images of the toRGB layers, too.

        Returns:
            L - 1 maps (N, C, s, s), without colours.
        """
        return self.generator.synthesis.features(self.encode(x), colours=colours)

    forward = torch.no_grad()(reconstruct)
