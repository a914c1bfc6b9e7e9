"""One face with a mask of its parts, and the crop of it for a network."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.arguments import check_choice
from ...geometry.affine import crop_matrix
from ...geometry.affine_crop import AffineCrop
from ...labels import SYNTHPARSE_11, SegmentationSet

Box = tuple[float, float, float, float]
FRAMINGS = ("square", "tight")


@dataclass(frozen=True, eq=False)
class ParsedFace:
    """An image, one face in it, and the class id of every pixel.

    Attributes:
        name: Where the face is from.
        image: (H,W,3) uint8 RGB.
        mask: (H,W) uint8, class ids of `labels`; 255 is ignored.
        box: Square (x0,y0,x1,y1) around the face in the image's pixels, as `geometry.box_of_points` frames it. It may
            reach beyond the image.
        labels: Label set of the mask.
        tight_box: Box (x0,y0,x1,y1) around the landmarks, or from brows to chin where there are none. None if the
            data set gives neither.

    Raises:
        ValueError: If an array or the box is another one.
    """

    name: str
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    box: Box
    labels: SegmentationSet = SYNTHPARSE_11
    tight_box: Box | None = None

    def __post_init__(self) -> None:
        image, mask = self.image, self.mask
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            got = f"{image.dtype} {image.shape}"
            raise ValueError(
                f"{self.name}: expected an image of uint8 (H,W,3), got {got}; pass it through facekit.images.load_image"
            )
        if mask.dtype != np.uint8 or mask.shape != image.shape[:2]:
            raise ValueError(
                f"{self.name}: expected a mask of uint8 {image.shape[:2]} like the image, got {mask.dtype} "
                f"{mask.shape}; pass the mask that was drawn on this image"
            )
        top = len(self.labels)
        wrong = (mask >= top) & (mask != self.labels.ignore)
        if wrong.any():
            ids = ", ".join(str(i) for i in np.unique(mask[wrong]))
            raise ValueError(
                f"{self.name}: expected ids 0 to {top - 1} of {self.labels.name}, or {self.labels.ignore} for ignored, "
                f"got ids {ids}; map them with facekit.labels.segmentation_map"
            )
        x0, y0, x1, y1 = self.box
        width, height = x1 - x0, y1 - y0
        if not (all(map(math.isfinite, self.box)) and width > 0 and abs(width - height) <= 1e-3 * width):
            raise ValueError(
                f"{self.name}: expected a square box (x0,y0,x1,y1) with an area, got {self.box}; use "
                "facekit.geometry.box_of_points"
            )


def cropped(
    face: ParsedFace, side: int, margin: float = 1.0, lift: float = 0.0, framing: str = "square"
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Crop a face from image and mask.

    The image is sampled bilinearly, averaged first if it shrinks, and reflected beyond its border. The mask takes the
    nearest pixel, and 255 beyond its border.

    Args:
        face: The face.
        side: Side of the crop, px, at least 1.
        margin: Width and height of the cropped box relative to those of the face's box, above 0.
        lift: Shift of the cropped box upwards, relative to the height of the face's box.
        framing: "square" crops the face's square. "tight" crops its tight box and stretches it to a square, as
            synthparse's code does (section 3.1.2, "Alignment" and "Reshaping"). The code resizes masks bilinearly.

    Returns:
        Image (side,side,3) and mask (side,side), both uint8.

    Raises:
        ValueError: If `side`, `margin` or `framing` is out of range, or the face has no tight box to crop.
    """
    if side < 1 or not (margin > 0 and math.isfinite(margin)):
        raise ValueError(f"expected a side of at least 1 px and a margin above 0, got side={side} and margin={margin}")
    check_choice(framing, "framing", FRAMINGS)
    x0, y0, x1, y1 = face.box if framing == "square" else _tight_box(face)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2 - lift * (y1 - y0)
    half_width, half_height = margin * (x1 - x0) / 2, margin * (y1 - y0) / 2
    crop = AffineCrop(crop_matrix((x - half_width, y - half_height, x + half_width, y + half_height), side), side)
    return crop.image(face.image), crop.mask(face.mask)


def _tight_box(face: ParsedFace) -> Box:
    """Return the tight box of a face. Raises ValueError if there is none, or it has no area."""
    box = face.tight_box
    if box is None or not (box[2] > box[0] and box[3] > box[1]):
        raise ValueError(f"{face.name}: expected a tight box with an area, got {box}; use framing='square'")
    return box
