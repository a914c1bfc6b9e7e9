"""One generated face with all its labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .styles import STYLES

if TYPE_CHECKING:
    from .generator import GeneratedFaces


@dataclass(frozen=True)
class GeneratedFace:
    """One image with all its labels.

    Points are (x, y) in pixels. (0, 0) is the centre of the top-left pixel. Points may lie outside the image.

    Attributes:
        index: Index of the image in its set.
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8, class ids of FACEKIT_27.
        landmarks68: (68, 2) float32, LANDMARKS_68.
        landmarks44: (44, 2) float32, LANDMARKS_44.
        landmarks98: (98, 2) float32, LANDMARKS_98.
        visible68: (68,) bool, whether the point is inside the image and not occluded.
        visible44: (44,) bool, the same for the 44 points.
        visible98: (98,) bool, the same for the 98 points.
        attributes: Name of the attribute, as in CelebA -> whether it is true.
        caption: One or two English sentences.
        shadow_free: (H, W, 3) uint8 RGB, the image without shadows of foreign objects.
        yaw: Degrees, positive when the face looks to the viewer's right.
        pitch: Degrees, positive when the face looks up.
        roll: Degrees, positive when the head is rotated clockwise in the image.
        identity: Number of the person.
    """

    index: int
    image: np.ndarray
    mask: np.ndarray
    landmarks68: np.ndarray
    landmarks44: np.ndarray
    landmarks98: np.ndarray
    visible68: np.ndarray
    visible44: np.ndarray
    visible98: np.ndarray
    attributes: dict[str, bool]
    caption: str
    shadow_free: np.ndarray
    yaw: float
    pitch: float
    roll: float
    identity: int
    _source: GeneratedFaces = field(repr=False, compare=False)

    @property
    def styles(self) -> dict[str, np.ndarray]:
        """The image in two artistic styles, "comic" and "pencil": (H, W, 3) uint8 each. Painted at each access."""
        painted = self._source.batch([self.index], want=STYLES)
        return {name: painted[name][0].permute(1, 2, 0).cpu().numpy() for name in STYLES}
