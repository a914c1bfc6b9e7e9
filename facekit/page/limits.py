"""Limits of the page: sizes of uploads, waiting visitors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..images.reader import ImageError, load_image, open_image

UPLOAD = "20mb"
MOST_PIXELS = 25_000_000
QUEUE = 20  # events that may wait per function; a visitor sees the place


def check_pixels(path: str) -> None:
    """Check the size of an uploaded image before it is decoded.

    Args:
        path: The image file.

    Raises:
        ImageError: If the file cannot be read, or has more than MOST_PIXELS pixels.
    """
    width, height = open_image(path, decode=lambda image, name: image).size  # reads the header only
    if width * height > MOST_PIXELS:
        got = f"{width} x {height} = {width * height / 1e6:.1f}"
        raise ImageError(
            f"{Path(path).name}: expected at most {MOST_PIXELS / 1e6:.0f} megapixels, got {got}; make the image smaller"
        )


def read_photo(path: str) -> np.ndarray:
    """Load an uploaded image of at most MOST_PIXELS pixels.

    Args:
        path: The image file.

    Returns:
        RGB (H, W, 3) uint8.

    Raises:
        ImageError: As `check_pixels`.
    """
    check_pixels(path)
    return load_image(path)
