"""What predictions return. Every result draws and saves itself, in pixels of the original image."""

from .drawable import Box, Drawable
from .types import Attributes, Faces, Landmarks, Picture, Segmentation

__all__ = [
    "Attributes",
    "Box",
    "Drawable",
    "Faces",
    "Landmarks",
    "Picture",
    "Segmentation",
]
