"""What any method for attributes must beat: the majority class, and a logistic regression on small images."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..core.arguments import check_choice

BASELINES = ("majority", "logistic")
_SIDE = 32
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def predict_baseline(
    kind: str, images: Sequence[NDArray[np.uint8]], labels: NDArray[np.floating], unseen: Sequence[NDArray[np.uint8]]
) -> NDArray[np.bool_]:
    """Fit a baseline and predict.

    Args:
        kind: "majority" (the more frequent value of each attribute) or "logistic" (a logistic regression on images of
            32 px, whose penalty is chosen on every fourth labelled face).
        images: Labelled images (H, W, 3).
        labels: (N, A), 0 or 1.
        unseen: M images to predict.

    Returns:
        (M, A).
    """
    check_choice(kind, "kind", BASELINES)
    if kind == "majority":
        return np.broadcast_to(labels.mean(0) > 0.5, (len(unseen), labels.shape[1]))
    x, y = _pixels(images), torch.from_numpy(np.asarray(labels)).double()
    held = torch.arange(len(x)) % 4 == 0

    def accuracy(penalty: float) -> float:
        return float((_logistic(x[~held], y[~held], penalty)(x[held]) == (y[held] > 0.5)).double().mean())

    return np.asarray(_logistic(x, y, max(_PENALTIES, key=accuracy))(_pixels(unseen)).numpy())


def _pixels(images: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Return images as rows of pixels in [0, 1], (N, 3 * 32 * 32)."""
    small = [cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for image in images]
    return torch.from_numpy(np.stack(small)).flatten(1).double() / 255


def _logistic(x: Tensor, y: Tensor, penalty: float) -> Callable[[Tensor], Tensor]:
    """Fit one logistic regression per attribute on standardised pixels, until convergence."""
    mean, std = x.mean(0), x.std(0).clamp_min(1e-3)
    weight = torch.zeros(x.shape[1], y.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.logit(y.mean(0).clamp(0.01, 0.99)).detach().requires_grad_()
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")
    z = (x - mean) / std

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = F.binary_cross_entropy_with_logits(z @ weight + bias, y) + penalty * weight.square().sum() / y.shape[1]
        loss.backward()
        return loss

    optimiser.step(closure)
    return lambda new: ((new - mean) / std) @ weight.detach() + bias.detach() > 0
