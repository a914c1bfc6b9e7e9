"""Load images, list folders, save images. Everything becomes RGB uint8 of shape (H, W, 3) here."""

from .formats import ImageError
from .reader import (
    SUFFIXES,
    Pictures,
    iter_pictures,
    list_pictures,
    load_image,
    open_image,
    read_pictures,
    save_image,
    to_tensor,
)

__all__ = [
    "ImageError",
    "Pictures",
    "SUFFIXES",
    "iter_pictures",
    "list_pictures",
    "load_image",
    "open_image",
    "read_pictures",
    "save_image",
    "to_tensor",
]
