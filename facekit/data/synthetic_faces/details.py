"""Small details of the surface: lips, creases, nostrils, wrinkles. Each is a map of outward displacements."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from .anatomy import MOUTH_HALF, MOUTH_Y, average_head
from .fields import Batch, gaussian

DETAILS = (
    "lip_up",
    "lip_low",
    "lip_groove",
    "nostril",
    "ala_crease",
    "nasolabial",
    "eye_bag",
    "philtrum",
    "lid_crease",
    "under_lip",
    "worry",
)


@lru_cache(maxsize=4)
def detail_maps(size: int) -> Tensor:
    """Compute the displacement of each detail on the average head.

    Args:
        size: M, the side of the maps.

    Returns:
        (len(DETAILS), M, M) outward displacements in mm, on the CPU, in the order of DETAILS.
    """
    x, y, z = average_head(size).xyz
    a = x.abs()
    front = torch.sigmoid((z - 55) / 4)
    m = (a / (MOUTH_HALF + 1)).clamp_max(1)
    my = y - MOUTH_Y
    width = torch.sqrt(1 - m * m)
    fold = (a - (19.5 + 13 * ((-45 - y) / 25).clamp(0, 1.6) ** 0.8)) * 0.85
    along = torch.sigmoid((-43 - y) / 2.5) * torch.sigmoid((y + 76) / 5)
    maps = {
        "lip_up": (2.6 * torch.exp(-(((my - 3.6) / 3.0) ** 2)) + 1.0 * torch.exp(-(((my - 7.6) / 1.5) ** 2)))
        * width
        * (1 - 0.25 * torch.exp(-((x / 3.0) ** 2))),
        "lip_low": 3.6 * torch.exp(-(((my + 5.4) / 3.9) ** 2)) * width,
        "lip_groove": -2.0 * torch.exp(-((my / 1.5) ** 2)) * (0.35 + 0.65 * width) * torch.sigmoid((30 - a) / 1.5),
        "nostril": -4.0 * gaussian(a, y, 7.2, -48.0, 3.6, 1.9) + 1.0 * gaussian(a, y, 0.0, -48.5, 2.2, 2.5),
        "ala_crease": -1.8 * gaussian(a, y, 18.2, -42.0, 1.9, 5.5)
        + 1.9 * gaussian(a, y, 14.0, -43.0, 3.2, 4.0)
        - 0.8 * gaussian(a, y, 9.0, -40.0, 1.6, 4.0),
        "nasolabial": -1.5 * torch.exp(-((fold / 2.2) ** 2)) * along
        + 1.3 * torch.exp(-(((fold - 6) / 5) ** 2)) * along,
        "eye_bag": 1.5 * gaussian(a, y, 31, -11.5, 10, 3.0)
        - 1.2 * torch.exp(-(((y + 16.5 - 0.012 * (a - 31) ** 2) / 2.0) ** 2)) * gaussian(a, y, 30, -16, 12, 9),
        "philtrum": -1.3 * gaussian(a, y, 0, -55.5, 2.6, 4.5) + 0.6 * gaussian(a, y, 5.2, -55.5, 1.8, 5.0),
        "lid_crease": -1.4
        * torch.exp(-(((y - 8.2 + 0.02 * (a - 31) ** 2) / 1.3) ** 2))
        * gaussian(a, y, 31.5, 8, 9.5, 6),
        "under_lip": -1.3 * gaussian(a, y, 0, -81.5, 14, 3.2),
        "worry": -0.5 * torch.cos((y - 34) / 9.0 * 6.2832).clamp_min(0) ** 3 * gaussian(a, y, 0, 44, 34, 14)
        - 0.25 * gaussian(a, y, 4.5, 14, 1.4, 5),
    }
    return torch.stack([maps[name] * front for name in DETAILS])


def detail_weights(b: Batch) -> Tensor:
    """Compute the weight of each detail.

    Args:
        b: Parameters of N faces.

    Returns:
        (N, len(DETAILS)), in the order of DETAILS.
    """
    one = torch.ones_like(b["old"])
    smile = b["expression_smile"].clamp_min(0)
    weights = {
        "lip_up": b["lip_upper"],
        "lip_low": b["lip_lower"],
        "lip_groove": 1.0 - 0.6 * (b["mouth_down"] > 0.5).float(),
        "nostril": one,
        "ala_crease": one,
        "nasolabial": 0.2 + 0.75 * smile + 0.8 * b["wrinkles"],
        "eye_bag": b["eye_bags"],
        "philtrum": b["cupid"],
        "lid_crease": b["lid_crease"],
        "under_lip": one,
        "worry": b["wrinkles"] + 0.6 * b["expression_brow_up"].clamp_min(0) + 0.3 * b["expression_frown"].clamp_min(0),
    }
    return torch.stack([weights[name] for name in DETAILS], 1)
