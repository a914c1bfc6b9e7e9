"""The backbone by itself: a generator and the encoder that finds its codes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .generator_files import Encoder
from .inversion_training import images_of
from .network import at_encoder
from .stylegan2 import Generator


class GeneratorWithEncoder(nn.Module):
    """What `facekit.load_backbone("pftgan")` gives. x: (N,3,S,S) RGB in [0, 1], aligned like the generator's images;
    codes: (N,L,w_dim), in W+."""

    def __init__(self, generator: Generator, encoder: Encoder):
        super().__init__()
        self.generator, self.encoder = generator, encoder

    @property
    def input_size(self) -> int:
        return self.generator.size.resolution

    def encode(self, x: Tensor) -> Tensor:
        """Images of any side to codes."""
        return self.encoder(at_encoder(x, self.encoder))

    def generate(self, z: Tensor, truncation: float = 1.0) -> Tensor:
        """z: (N,z_dim) of normal numbers. Returns (N,3,S,S) in [0, 1]. truncation: below 1 images come closer to the
        mean one, more alike and with fewer faults."""
        return self.synthesize(self.generator.codes(z, truncation))

    def synthesize(self, w: Tensor) -> Tensor:
        """Codes to (N,3,S,S) in [0, 1]."""
        return images_of(self.generator.synthesis, w).clamp(0, 1)

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.synthesize(self.encode(x))

    def features(self, x: Tensor, colours: bool = False) -> list[Tensor]:
        """The maps of all layers of the generator as it shows x, from the coarsest: L - 1 of (N,C,s,s). colours: see
        `Synthesis.features`."""
        return self.generator.synthesis.features(self.encode(x), colours=colours)

    forward = torch.no_grad()(reconstruct)
