"""A tiny pair of FaRL's towers."""

from __future__ import annotations

import torch

from facekit.backbones.farl.image_text_model import ImageTextModel
from facekit.backbones.farl.text_tower import TextSize, TextTower
from facekit.backbones.image_tower import ImageTower, TowerSize

TINY = TowerSize(input_size=32, patch=8, width=32, layers=12, heads=2, embed_dim=16)
TINY_TEXT = TextSize(width=32, layers=2, heads=2, vocabulary=600, embed_dim=16)


def tiny_pair() -> ImageTextModel:
    """Build the same untrained towers in each call."""
    torch.manual_seed(0)
    return ImageTextModel(ImageTower(TINY), TextTower(TINY_TEXT)).eval()
