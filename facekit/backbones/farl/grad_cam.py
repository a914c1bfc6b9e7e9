"""Grad-CAM of the image tower for a text, as in FaRL's Figure 5.

Grad-CAM: https://arxiv.org/abs/1610.02391
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .image_text_model import ImageTextModel


def grad_cam(pair: ImageTextModel, x: Tensor, text: str) -> Tensor:
    """Compute Grad-CAM at the first LayerNorm of the last block.

    Args:
        pair: Image tower and text tower.
        x: RGB images (N, 3, S, S) in [0, 1].
        text: The text.

    Returns:
        Shape (N, h, w), one value per patch, from 0 to a maximum of 1. All 0 if no patch has a positive gradient.
    """
    tower = pair.image
    outputs: list[Tensor] = []
    norm: Any = tower.vit.blocks[-1].norm1
    hook = norm.register_forward_hook(lambda module, args, out: outputs.append(out))
    try:
        with torch.enable_grad():
            # Weights may be frozen, so the gradient is computed with respect to the patches.
            patches = tower.patches(x).detach().requires_grad_()
            tokens, _ = tower.tokens(patches)
            images = F.normalize(tower.embedding(tokens), dim=-1)
            similarity = (images * pair.encode_text(text).detach()).sum()
            (gradient,) = torch.autograd.grad(similarity, outputs[0])
    finally:
        hook.remove()
    # The class token has no position in the image.
    value, gradient = outputs[0].detach()[:, 1:], gradient[:, 1:]
    heat = (value * gradient.mean(1, keepdim=True)).sum(-1).clamp_min(0)
    heat = heat / heat.amax(1, keepdim=True).clamp_min(1e-12)
    return heat.view(len(x), *patches.shape[1:3])
