"""For tests of PFTGAN: a generator of 32 px with random weights, and what changed in a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from facekit.backbones.pftgan.stylegan2 import Generator, GeneratorSize

SIZE = GeneratorSize(32, 8, 8, 256, 16, 2)


def tiny_generator() -> Generator:
    torch.manual_seed(0)
    return Generator(SIZE).eval()


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {k for k in before if not torch.equal(before[k], after[k])}


def state(network: nn.Module) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in network.state_dict().items()}
