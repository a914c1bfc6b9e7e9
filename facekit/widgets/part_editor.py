"""Paint parts of faces in a notebook."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike, NDArray

from ..images.types import Images
from ..labelling import PartLabels
from ..labels import SegmentationSet
from ..model import Model
from .face_editor import FaceEditor


class PartEditor(PartLabels, FaceEditor):
    """Paint the parts of a label set on images: brush, polygon, fill, eraser. Pixels without paint are background.

    The opacity of the paint can be set, so that the face is visible below. Zoom with the buttons or with Ctrl and the
    mouse wheel; move the image with Shift and the mouse.

    Args:
        images: As in `facekit.adapt`.
        names: A label set, its name, or a list of classes, background first.
        masks: Masks to begin with, N arrays (H, W) of class ids.
        model: A model, its file or the name of a ready model, whose predictions can be taken as a start.

    Raises:
        ImageError: If an image cannot be read.
        ValueError: If names or masks are wrong.

    Example:
        >>> editor = PartEditor(images, ["background", "hair", "mouth"], model="segmentation")
        >>> editor  # label in the notebook, then:
        >>> model = facekit.adapt(*editor.labels(), task="segmentation", names=editor.names)
    """

    def __init__(
        self,
        images: Images,
        names: SegmentationSet | str | Sequence[str],
        masks: Sequence[ArrayLike] | NDArray[Any] | None = None,
        model: Model | str | os.PathLike[str] | None = None,
    ):
        FaceEditor.__init__(self, PartLabels.__init__, images, names, masks, model)
