"""Where the image tower looks for a text: Grad-CAM (Selvaraju et al., ICCV 2017) as in FaRL's Figure 5."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .image_text_model import ImageTextModel


def grad_cam(pair: ImageTextModel, x: Tensor, text: str) -> Tensor:
    """Grad-CAM at the first LayerNorm of the last block.

    x: (N,3,S,S) RGB in [0, 1]. Returns (N,h,w) on the patches' grid, at least 0 with a maximum of 1; all 0 where
    nothing speaks for the text.
    """
    tower = pair.image
    seen: list[Tensor] = []
    norm: Any = tower.vit.blocks[-1].norm1
    hook = norm.register_forward_hook(lambda module, args, out: seen.append(out))
    try:
        with torch.enable_grad():
            # Weights may be frozen: the gradient is asked for at the images' side.
            patches = tower.patches(x).detach().requires_grad_()
            tokens, _ = tower.tokens(patches)
            images = F.normalize(tower.embedding(tokens), dim=-1)
            similarity = (images * pair.encode_text(text).detach()).sum()
            (gradient,) = torch.autograd.grad(similarity, seen[0])
    finally:
        hook.remove()
    # Without the class token: it has no place in the image.
    value, gradient = seen[0].detach()[:, 1:], gradient[:, 1:]
    heat = (value * gradient.mean(1, keepdim=True)).sum(-1).clamp_min(0)
    heat = heat / heat.amax(1, keepdim=True).clamp_min(1e-12)
    return heat.view(len(x), *patches.shape[1:3])
