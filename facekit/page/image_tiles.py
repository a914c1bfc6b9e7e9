"""Images of networks as tiles of equal height."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image


def enlarged(image: torch.Tensor, height: int) -> np.ndarray:
    """Resize an image (3, h, w) in [0, 1] to an array (height, w * height / h, 3) uint8."""
    pixels = (255 * image.permute(1, 2, 0)).round().to(torch.uint8).numpy()
    size = (round(height * pixels.shape[1] / pixels.shape[0]), height)
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
