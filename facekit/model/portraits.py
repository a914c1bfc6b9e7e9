"""Outlines of people: shadow removal learns them, and stylised faces are blended into photos with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..alignment import Frame
from ..results import ImageResult, Segmentation
from ..results.types import Box, Drawable
from ..training.crops import Cropper
from .face_frames import embedded_model, find_frames

# Standard deviation of the soft edge, relative to the side of the face's frame.
_EDGE = 0.015
# The face is a disc of this radius around the frame's centre, relative to the side. A person who covers less than half
# of it was not found.
_FACE_RADIUS = 0.2
_FOUND = 0.5


def person_masks(image: NDArray[np.uint8], frames: list[Frame]) -> list[NDArray[np.bool_]]:
    """Find the pixels of framed people with the embedded parser, all people in one batch.

    Args:
        image: RGB uint8, shape (H, W, 3).
        frames: Frames in which there is a face.

    Returns:
        Shape (H, W) for each frame. True at all classes but the background.
    """
    # The parser was trained on faces that were not warped.
    plain = [dataclasses.replace(frame, alpha=None) for frame in frames]
    results = embedded_model("segmentation").predict_frames(image, plain)
    return [
        (result.mask > 0) & (result.mask != result.labels.ignore)
        for result in results
        if isinstance(result, Segmentation)
    ]


def with_portrait(clean: NDArray[np.uint8], frame: Frame) -> NDArray[np.uint8]:
    """Add the outline of the person to an image.

    Args:
        clean: RGB uint8, shape (H, W, 3).
        frame: A frame in which there is a face.

    Returns:
        Shape (H, W, 4). The last channel is 255 on the person that the embedded parser finds, else 0.
    """
    return np.dstack([clean, 255 * person_masks(clean, [frame])[0].astype(np.uint8)])


def blend_portraits(results: list[Drawable], frames: list[Frame]) -> list[Drawable]:
    """Keep the new image on the framed person only, with a soft edge; the rest is the original image.

    Args:
        results: The new images of the faces of one image, `ImageResult`.
        frames: The faces' frames.

    Returns:
        The blended images. A result for a whole image is returned as it is. Where the parser finds no person at a face,
        the image does not change.
    """
    faces = [frame for frame in frames if frame.box is not None]
    masks = iter(person_masks(results[0].image, faces) if faces else [])
    return [
        result if frame.box is None else _blend(result, frame.box, next(masks))
        for result, frame in zip(results, frames, strict=True)
    ]


def _blend(result: Drawable, box: Box, mask: NDArray[np.bool_]) -> ImageResult:
    """Blend the new image of one face along the outline of the person."""
    assert isinstance(result, ImageResult)
    side, centre = box[2] - box[0], np.array(box).reshape(2, 2).mean(0)
    edge = max(0.5, _EDGE * side)
    window = _window(mask, box, margin=int(np.ceil(5 * edge)))
    mask = mask[window]
    y, x = np.ogrid[window]
    face = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < (_FACE_RADIUS * side) ** 2
    if not face.any() or mask[face].mean() < _FOUND:
        return dataclasses.replace(result, coverage=np.zeros(result.pixels.shape[:2], np.uint8))
    # Neighbours in the same crop are other components of the mask.
    _, components = cv2.connectedComponents(mask.astype(np.uint8))
    person = components == np.bincount(components[face & mask]).argmax()
    alpha = np.zeros(result.pixels.shape[:2], np.float32)
    inner, outer = zip(*map(_shared, result.region, window), strict=True)
    alpha[inner] = cv2.GaussianBlur(person.astype(np.float32), (0, 0), edge)[outer]
    return dataclasses.replace(result, coverage=np.rint(255 * alpha).astype(np.uint8))


def _shared(first: slice, second: slice) -> tuple[slice, slice]:
    """Return what two ranges share, counted from the start of each."""
    start, stop = max(first.start, second.start), min(first.stop, second.stop)
    stop = max(start, stop)
    return slice(start - first.start, stop - first.start), slice(start - second.start, stop - second.start)


def _window(mask: NDArray[np.bool_], box: Sequence[float], margin: int) -> tuple[slice, slice]:
    """Return the rows and columns that hold a mask and a box, with a margin. A large photo is mostly outside."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x0, y0, x1, y1 = (round(v) for v in box)
    top, bottom = min([y0, *rows[:1]]) - margin, max([y1, *rows[-1:]]) + 1 + margin
    left, right = min([x0, *columns[:1]]) - margin, max([x1, *columns[-1:]]) + 1 + margin
    return slice(max(0, top), min(height, bottom)), slice(max(0, left), min(width, right))


CROPPER = Cropper(find_frames, with_portrait)
