"""Load images, list folders, save images. Every image becomes an RGB uint8 array of shape (H, W, 3)."""

from .files import SUFFIXES, list_images, open_image
from .formats import ImageError
from .reader import ImageBatch, iter_images, load_image, read_images, save_image, to_tensor

__all__ = [
    "SUFFIXES",
    "ImageBatch",
    "ImageError",
    "iter_images",
    "list_images",
    "load_image",
    "open_image",
    "read_images",
    "save_image",
    "to_tensor",
]
