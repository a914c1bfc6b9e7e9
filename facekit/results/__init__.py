"""Results of predictions, in pixels of the original image. Every result can be drawn, shown and saved."""

from __future__ import annotations

import warnings
from typing import Any

from .comparison import Comparison
from .drawable import Box, Drawable
from .faces import Faces
from .prediction_table import ImageRow, PredictionTable, read
from .types import Attributes, ImageResult, Landmarks, Segmentation

__all__ = [
    "Attributes",
    "Box",
    "Comparison",
    "Drawable",
    "Faces",
    "ImageResult",
    "ImageRow",
    "Landmarks",
    "PredictionTable",
    "Segmentation",
    "read",
]


def __getattr__(name: str) -> Any:
    """Return a class by its name of the last release."""
    if name == "Picture":
        warnings.warn("results.Picture was renamed, expected results.ImageResult", DeprecationWarning, stacklevel=2)
        return ImageResult
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
