"""The square canvas of the paint editor: place an image on it, cut it out again, convert paint to class ids.

All images lie on canvases of one size. Gradio's editor places layers by the size of the canvas before, so with
canvases of several sizes the paint would move.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..labels import SegmentationSet

SIDE = 640  # px; large enough to click precisely, small enough to be sent after every click
MARGIN = 240  # grey level of the canvas beside an image
VEIL = 165  # opacity of paint that is loaded, so that the face is visible below; new strokes have 255


def _corner(height: int, width: int) -> tuple[int, int]:
    """Return the row and the column of the canvas where the image's first pixel lies."""
    return (SIDE - height) // 2, (SIDE - width) // 2


def on_canvas(image: np.ndarray, margin: int = MARGIN) -> np.ndarray:
    """Place an image or a layer in the middle of a canvas.

    Args:
        image: (H, W, C) uint8, H and W at most SIDE.
        margin: Value of the pixels beside it, 0 to 255.

    Returns:
        The canvas, (SIDE, SIDE, C) uint8.
    """
    height, width = image.shape[:2]
    top, left = _corner(height, width)
    canvas = np.full((SIDE, SIDE, image.shape[2]), margin, np.uint8)
    canvas[top : top + height, left : left + width] = image
    return canvas


def off_canvas(canvas: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Cut an image out of a canvas. Undoes `on_canvas`.

    Args:
        canvas: (SIDE, SIDE, ...).
        size: Height and width of the image.

    Returns:
        The image, (H, W, ...), a view of the canvas.
    """
    top, left = _corner(*size)
    return canvas[top : top + size[0], left : left + size[1]]


def to_canvas_size(image: np.ndarray) -> np.ndarray:
    """Resize an image from the editor to the size of the canvas. High-resolution screens send larger images.

    Args:
        image: (S, S, C) uint8 of any side S.

    Returns:
        (SIDE, SIDE, C) uint8.

    Raises:
        ValueError: If the image is not square.
    """
    if image.shape[0] != image.shape[1]:
        raise ValueError(
            f"expected a square image from the editor, got {image.shape[1]} x {image.shape[0]} px; load the page again"
        )
    if image.shape[0] == SIDE:
        return image
    return np.array(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.NEAREST))


def layer_of(mask: np.ndarray, parts: SegmentationSet) -> np.ndarray:
    """Convert a mask to a painted layer.

    Args:
        mask: Class ids, (H, W) uint8.
        parts: The label set with its palette.

    Returns:
        RGBA (H, W, 4) uint8. Background and unknown class ids are transparent.
    """
    colours = np.array([(0, 0, 0, 0), *((*colour, VEIL) for colour in parts.palette[1:])], np.uint8)
    return colours[np.where(mask < len(parts), mask, 0)]


def mask_of(layers: list[np.ndarray], parts: SegmentationSet) -> np.ndarray:
    """Convert painted layers to a mask. Each painted pixel gets the class of the nearest colour of the palette.

    Args:
        layers: RGBA (S, S, 4) uint8 each. Later layers cover earlier ones.
        parts: The label set with its palette.

    Returns:
        Class ids, (SIDE, SIDE) uint8; 0 where the opacity is below one half.
    """
    mask = np.zeros((SIDE, SIDE), np.uint8)
    palette = np.array(parts.palette[1:], np.int32)
    for layer in layers:
        layer = to_canvas_size(layer)
        painted = layer[..., 3] > 127
        distance = ((layer[painted][:, None, :3].astype(np.int32) - palette) ** 2).sum(-1)
        mask[painted] = distance.argmin(1) + 1
    return mask
