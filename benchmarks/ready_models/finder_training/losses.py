"""The face finder's loss: focal loss of the score, GIoU of the box, distances of the points."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

# "Focal Loss for Dense Object Detection" (https://arxiv.org/abs/1708.02002), table 1.
ALPHA = 0.25
GAMMA = 2.0
BOX_WEIGHT = 1.5
POINT_WEIGHT = 4.0


def finder_loss(decoded: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """Return the parts of the loss.

    Args:
        decoded: (N,M,15), result of `decode`.
        wanted: (N,M,15), result of `targets`.

    Returns:
        "score", "box" and "points", already weighted: scalars, to be added up.
    """
    label = wanted[..., 0]
    positive = label == 1
    count = positive.sum().clamp(min=1)
    used = label >= 0
    score = focal_loss(decoded[..., 0][used], label[used]).sum() / count
    found, face = decoded[positive], wanted[positive]
    side = (face[:, 3:4] * face[:, 4:5]).sqrt()
    box = (1 - generalized_iou(found[:, 1:5], face[:, 1:5])).sum() / count
    distance = (found[:, 5:] - face[:, 5:]) / side
    points = F.smooth_l1_loss(distance, torch.zeros_like(distance), beta=0.05, reduction="sum") / count / 10
    return {"score": score, "box": BOX_WEIGHT * box, "points": POINT_WEIGHT * points}


def focal_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the focal loss of each logit; ``labels`` are 0 or 1."""
    p = torch.sigmoid(logits)
    correct = torch.where(labels == 1, p, 1 - p)
    weight = torch.where(labels == 1, ALPHA, 1 - ALPHA) * (1 - correct) ** GAMMA
    return weight * F.binary_cross_entropy_with_logits(logits, labels, reduction="none")


def generalized_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the generalized intersection over union (https://arxiv.org/abs/1902.09630).

    Args:
        a: (K,4) centre x and y, width and height.
        b: The same.

    Returns:
        (K,) in [-1, 1].
    """
    a_low, a_high = a[:, :2] - a[:, 2:] / 2, a[:, :2] + a[:, 2:] / 2
    b_low, b_high = b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2
    both = (torch.minimum(a_high, b_high) - torch.maximum(a_low, b_low)).clamp(min=0).prod(1)
    either = a[:, 2:].prod(1) + b[:, 2:].prod(1) - both
    hull = (torch.maximum(a_high, b_high) - torch.minimum(a_low, b_low)).prod(1)
    return both / either - (hull - either) / hull
