"""Images as the text of an address, which browsers show without a file."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def data_url(image: NDArray[np.uint8]) -> str:
    """Encode an image as the text of an address: RGB as JPEG, RGBA as PNG.

    Args:
        image: (H, W, 3) or (H, W, 4) uint8.
    """
    file = io.BytesIO()
    kind = "png" if image.shape[2] == 4 else "jpeg"
    Image.fromarray(image).save(file, kind, **({"quality": 92} if kind == "jpeg" else {}))
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
