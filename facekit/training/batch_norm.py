"""Batch normalisation in batches of one image. In training it needs two values per channel."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from ..core.global_state import seeded_random


def copies_needed(network: Any, example: Tensor) -> int:
    """Return how often a single image has to be repeated in its batch.

    Layers that pool a map to one pixel (FaRL's UperNet, DeepLabV3+), and the last map of small images, leave one value
    per channel. Two copies have the same mean as one, and variance 0.

    Args:
        network: The network in any mode. It is not changed.
        example: A batch of one image, as the network takes it in training.

    Returns:
        2 if batch normalisation fails on a single image, else 1.
    """
    probe = copy.deepcopy(network).train()
    try:
        with torch.no_grad(), seeded_random(0):
            probe(example)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        return 2
    return 1
