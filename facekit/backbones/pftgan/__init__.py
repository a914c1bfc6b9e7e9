"""PFTGAN: StyleGAN2 priors for few-shot part segmentation (Han et al., MM 2022)."""

from __future__ import annotations

import os
from pathlib import Path

from .released import read_released
from .stylegan2 import Generator, GeneratorSize

__all__ = ["load_generator"]


def load_generator(weights: str | os.PathLike[str]) -> Generator:
    """A StyleGAN2 generator in eval mode: our .safetensors, NVIDIA's .pkl or the PyTorch port's .pt.

    Raises FileNotFoundError, and ValueError for files that hold none, or one whose channels follow no rule.
    """
    path = Path(weights)
    if not path.is_file():
        raise FileNotFoundError(f"weights={str(weights)!r}: no such file; expected a StyleGAN2 generator's")
    found = read_released(path)
    if found.channel_base is None or found.channel_max is None:
        raise ValueError(f"{path}: a generator with {found.channels} channels came, expected min(base / side, most)")
    size = GeneratorSize(
        found.resolution, found.z_dim, found.w_dim, found.channel_base, found.channel_max, found.mapping_layers
    )
    generator = Generator(size)
    # Files may lack the mean code and the noise.
    generator.load_state_dict({**generator.state_dict(), **found.state})
    return generator.eval()
