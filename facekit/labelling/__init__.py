"""Labels of several images that a person sets step by step: points and parts, with undo and proposals of a model.

Nothing here needs a browser. The widgets of the notebooks and the page show these labels on the same canvas.
"""

from __future__ import annotations

from .face_labels import FaceLabels
from .part_labels import PartLabels
from .point_labels import PointLabels

__all__ = ["FaceLabels", "PartLabels", "PointLabels"]
