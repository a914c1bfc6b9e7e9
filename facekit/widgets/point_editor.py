"""Click landmarks on images in a notebook."""

from __future__ import annotations

import os
from collections.abc import Sequence

from numpy.typing import ArrayLike

from ..images.types import Images
from ..labelling import PointLabels
from ..labels import LandmarkSet
from ..model import Model
from .face_editor import FaceEditor


class PointEditor(PointLabels, FaceEditor):
    """Click the points of a label set on images, one after another. Points can be dragged, mirrored and undone.

    Zoom with the buttons or with Ctrl and the mouse wheel; move the image with Shift and the mouse. With the keyboard:
    arrow keys move the cross, Enter places the point, Ctrl+Z takes back.

    Args:
        images: As in `facekit.adapt`.
        names: A label set, its name, or a list of names. Left-right pairs follow from the names.
        points: Points to begin with, (N, K, 2) in pixels, NaN for missing ones.
        model: A model, its file or the name of a ready model, whose predictions can be taken as a start.

    Raises:
        ImageError: If an image cannot be read.
        ValueError: If names or points are wrong.

    Example:
        >>> editor = PointEditor(images, ["left_eye", "right_eye", "nose_tip"])
        >>> editor  # label in the notebook, then:
        >>> model = facekit.adapt(*editor.labels(), task="landmarks", names=editor.names)
    """

    def __init__(
        self,
        images: Images,
        names: LandmarkSet | str | Sequence[str],
        points: ArrayLike | None = None,
        model: Model | str | os.PathLike[str] | None = None,
    ):
        FaceEditor.__init__(self, PointLabels.__init__, images, names, points, model)
