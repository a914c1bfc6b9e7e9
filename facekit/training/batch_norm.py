"""Batches of one image and batch norm, which needs two values a channel in training."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from ..core.global_state import seeded_random


def copies_needed(network: Any, example: Tensor) -> int:
    """Return how often a lone image has to stand in its batch: 2 where batch norm fails on it alone, else 1.

    Layers that pool a map to one pixel (FaRL's UperNet, DeepLabV3+), and the last map of small images, leave one value
    a channel. Two copies have the mean and the variance 0 that one image has.

    Args:
        network: In any mode; it stays as it is.
        example: A batch of one, as the network takes it in training.
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
