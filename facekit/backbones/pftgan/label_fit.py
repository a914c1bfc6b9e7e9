"""How well the segmentation stream generates the label images that it is trained on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...metrics.scores import confusion, iou_by_class
from .stylegan2 import Synthesis

_BATCH = 8


@torch.no_grad()
def label_fit(stream: Synthesis, codes: Tensor, masks: Tensor, palette: Tensor) -> dict[str, float]:
    """Score generated label images on the labelled faces themselves.

    Each pixel gets the class of the nearest colour. A stream that has learned its labels scores 1.

    Args:
        stream: The segmentation stream.
        codes: Latent codes of labelled views, (V, L, w_dim).
        masks: Class ids of these views, (V, S, S), 255 = unlabelled.
        palette: Colours of the classes, (C, 3) in [-1, 1].

    Returns:
        "label accuracy", the part of the labelled pixels with the right class, and "label mIoU", the mean over classes
        that the masks hold, both in [0, 1].
    """
    classes = len(palette)
    table = np.zeros((classes, classes), np.int64)
    for some, truth in zip(codes.split(_BATCH), masks.split(_BATCH), strict=True):
        colours = stream(some.to(palette.device)).permute(0, 2, 3, 1).reshape(-1, 3)
        found = torch.cdist(colours.float(), palette).argmin(1).reshape(truth.shape)
        table += confusion(found.cpu().numpy(), truth.cpu().numpy(), classes)
    held = table.sum(1) > 0
    return {
        "label accuracy": float(table.trace() / max(1, table.sum())),
        "label mIoU": float(np.nanmean(iou_by_class(table)[held])) if held.any() else 1.0,
    }
