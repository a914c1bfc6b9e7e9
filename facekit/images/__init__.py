"""Load images, list folders, save images. Everything becomes RGB uint8 of shape (H, W, 3) here."""

from .formats import ImageError
from .reader import (
    SUFFIXES,
    ImageBatch,
    iter_images,
    list_images,
    load_image,
    open_image,
    read_images,
    save_image,
    to_tensor,
)

__all__ = [
    "ImageError",
    "ImageBatch",
    "SUFFIXES",
    "iter_images",
    "list_images",
    "load_image",
    "open_image",
    "read_images",
    "save_image",
    "to_tensor",
]
