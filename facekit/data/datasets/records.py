"""Labelled faces of published data sets other than masks: points, attributes, groups, and pairs of images.

Faces with masks are in `face`. Every record has a name, an image and the groups of the face, for example
``{"pose": "large"}``. `facekit.evaluate_by` scores a model in each group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...labels import AttributeSet, LandmarkSet
from .face import Box


@dataclass(frozen=True, eq=False)
class FaceImage:
    """An image of a face without other labels than the groups that it is in.

    Attributes:
        name: Where the face is from.
        image: (H,W,3) uint8 RGB.
        groups: Value by the name of the grouping, such as ``{"race": "white", "age": "20-29"}``.
        box: Bounding box (x0,y0,x1,y1) of the face as the data set gives it, px. None if it gives none.
    """

    name: str
    image: NDArray[np.uint8]
    groups: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    box: Box | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_image(self.name, self.image)


@dataclass(frozen=True, eq=False)
class PointedFace(FaceImage):
    """A face with landmarks.

    Attributes:
        points: (N,2) float32 x,y in pixels of the image; (0,0) is the centre of the top-left pixel. NaN is a point that
            the data set does not give.
        labels: The set that names the points.

    Raises:
        ValueError: If there is not one point for each name of the set.
    """

    points: NDArray[np.float32]
    labels: LandmarkSet

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.points.shape != (len(self.labels), 2):
            raise ValueError(
                f"{self.name}: expected points of shape ({len(self.labels)}, 2) for {self.labels.name}, got "
                f"{self.points.shape}; check the data set's version"
            )


@dataclass(frozen=True, eq=False)
class AttributeFace(FaceImage):
    """A face with binary attributes.

    Attributes:
        values: (A,) float32 of 0 and 1; NaN is unknown.
        labels: The set that names the attributes.

    Raises:
        ValueError: If there is not one value for each name of the set.
    """

    values: NDArray[np.float32]
    labels: AttributeSet

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.values.shape != (len(self.labels),):
            raise ValueError(
                f"{self.name}: expected {len(self.labels)} values for {self.labels.name}, got shape "
                f"{self.values.shape}; check the data set's version"
            )


@dataclass(frozen=True, eq=False)
class ImagePair(FaceImage):
    """An image and its target, such as a photo and its sketch.

    Attributes:
        target: (h,w,3) uint8 RGB.
    """

    target: NDArray[np.uint8]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_image(f"{self.name}, target", self.target)


def check_image(name: str, image: NDArray[np.uint8]) -> None:
    """Raise ValueError unless an image is uint8 RGB.

    Args:
        name: Name of the image in the message.
        image: The array.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            f"{name}: expected an image of uint8 (H,W,3), got {image.dtype} {image.shape}; pass it through "
            "facekit.images.load_image"
        )
