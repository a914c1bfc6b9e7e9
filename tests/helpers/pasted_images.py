"""Whole images with the pixels that a crop gives back."""

from __future__ import annotations

import numpy as np

from facekit.geometry.crop import Crop


def pasted(crop: Crop, values: np.ndarray, image: np.ndarray, feather: float = 0.0) -> np.ndarray:
    """Return a copy of an image (H, W, 3) with an image of a crop blended into it."""
    pixels, region = crop.paste_pixels(values, image, feather)
    whole = image.copy()
    whole[region] = pixels
    return whole
