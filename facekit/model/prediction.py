"""Run models on images."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..alignment import FaceBoxes, Frame, check_align
from ..core.arguments import short_repr
from ..images import ImageError, read_images
from ..images.types import Images
from ..results.faces import Faces
from ..results.types import Drawable
from .face_frames import find_frames_by_align
from .portraits import blend_portraits
from .trained_model import AT_ONCE, TrainedModel

# Pixels of the images that `predict_stream` holds at once, unless a single image has more.
STREAM_PIXELS = 16_000_000


@dataclass(frozen=True)
class FramedImage:
    """An image in which the faces are found.

    Attributes:
        image: RGB (H, W, 3) uint8.
        frames: Alignment -> frames of the faces, best first.
        searched: Whether faces were searched. False: their boxes were given.
    """

    image: NDArray[np.uint8]
    frames: dict[str, list[Frame]]
    searched: bool


# A framed image, an array, or the error of an image that could not be read.
Item = TypeVar("Item", bound=FramedImage | NDArray[np.uint8] | ImageError)


def frame_image(
    models: Sequence[TrainedModel], image: NDArray[np.uint8], boxes: FaceBoxes | None, align: str | None
) -> FramedImage:
    """Find the faces of an image, once for all models.

    Args:
        models: The models.
        image: RGB uint8 array of shape (H, W, 3).
        boxes: Face boxes (x0, y0, x1, y1) in pixels, or None to search for faces.
        align: How faces are framed. None is each model's own way.
    """
    aligns = {check_align(align or model.align) for model in models}
    return FramedImage(image, find_frames_by_align(image, aligns, boxes), boxes is None)


def predict_all(
    models: Sequence[TrainedModel],
    images: Images,
    faces: FaceBoxes | None,
    align: str | None,
    on_error: Literal["raise", "skip"],
    stacklevel: int,
) -> list[Any]:
    """Run models on one image or many; see `facekit.predict`.

    Args:
        models: The models.
        images: As in `facekit.predict`.
        faces: As in `facekit.predict`.
        align: As in `facekit.predict`.
        on_error: As in `facekit.predict`.
        stacklevel: Of the warnings about images without a face.

    Returns:
        Per model what `facekit.predict` returns for it.
    """
    batch = read_images(images, on_error)
    boxes = _boxes_per_image(faces, batch.single, batch.kept)
    outcomes: list[list[Any]] = [[] for _ in models]
    for start in range(0, len(boxes), AT_ONCE):
        end = start + AT_ONCE
        pairs = zip(batch.arrays[start:end], boxes[start:end], strict=True)
        group = predict_group(models, [frame_image(models, image, box, align) for image, box in pairs], align)
        for outcome, results in zip(outcomes, group, strict=True):
            outcome.extend(results)
        for item, found in zip(batch.names[start:end], zip(*group, strict=True), strict=True):
            if any(isinstance(result, Faces) and not result for result in found):
                message = f"{item}: no face found; pass faces= with its box, or align='none' for a face crop"
                warnings.warn(message, stacklevel=stacklevel)
    return [outcome[0] if batch.single else outcome for outcome in outcomes]


def predict_group(
    models: Sequence[TrainedModel], images: Sequence[FramedImage], align: str | None
) -> list[list[Drawable]]:
    """Run models on some images at once.

    Args:
        models: The models. A frozen backbone that several share runs once per face.
        images: Images of any sizes, with the frames of `frame_image` for the same models and ``align``.
        align: How faces are framed. None is each model's own way.

    Returns:
        Per model one outcome per image: `Faces`, or with align="none" and no boxes the single result.
    """
    arrays = [one.image for one in images]
    shared_levels: dict[Any, Any] | None = {} if len(models) > 1 else None
    outcomes: list[list[Drawable]] = []
    for model in models:
        frame_align = align or model.align
        frames = [one.frames[frame_align] for one in images]
        predicted = model.predict_images(arrays, frames, shared_levels)
        if model.task.blends:
            predicted = [
                blend_portraits(results, face_frames) for results, face_frames in zip(predicted, frames, strict=True)
            ]
        outcomes.append(
            [
                results[0] if frame_align == "none" and one.searched else Faces(results, image=one.image)
                for one, results in zip(images, predicted, strict=True)
            ]
        )
    return outcomes


def predict_stream(
    model: TrainedModel, images: Iterable[tuple[str, NDArray[np.uint8]]], align: str | None = None
) -> Iterator[tuple[str, Drawable]]:
    """Run a model on images one after the other, so that memory does not grow with their number.

    Args:
        model: The model.
        images: (name, RGB uint8 array of shape (H, W, 3)). A few are read ahead, so that faces of several small
            images go through the network at once.
        align: How faces are framed. None is the model's own way.

    Yields:
        (name, outcome) per image, in order. The outcome is `Faces`, or with align="none" the single result.
    """
    for group in image_groups(images):
        framed = [frame_image([model], image, None, align) for _, image in group]
        (outcomes,) = predict_group([model], framed, align)
        yield from zip([name for name, _ in group], outcomes, strict=True)


def image_groups(images: Iterable[tuple[str, Item]]) -> Iterator[list[tuple[str, Item]]]:
    """Group images that go through the network at once.

    Args:
        images: (name, framed image, or RGB uint8 array (H, W, 3), or the error of an image that could not be read).

    Yields:
        Up to `AT_ONCE` of them. Together they have at most `STREAM_PIXELS`, not counting the last one.
    """
    group: list[tuple[str, Item]] = []
    pixels = 0
    for name, item in images:
        group.append((name, item))
        pixels += _pixels(item)
        if len(group) == AT_ONCE or pixels >= STREAM_PIXELS:
            yield group
            group, pixels = [], 0
    if group:
        yield group


def _pixels(item: FramedImage | NDArray[np.uint8] | ImageError) -> int:
    """Return the number of pixels of an image, 0 for an error."""
    if isinstance(item, ImageError):
        return 0
    image = item.image if isinstance(item, FramedImage) else item
    return image.shape[0] * image.shape[1]


def _boxes_per_image(faces: Any, single: bool, kept: list[int]) -> list[Any]:
    """Return the boxes of each image that was read, None where faces are to be searched."""
    if faces is None or single:
        return [faces] * len(kept)
    if isinstance(faces, (str, bytes)) or not hasattr(faces, "__len__"):
        raise TypeError(
            f"faces={short_repr(faces)}: expected a list of boxes per image, got {type(faces).__name__}; pass one list "
            "of boxes per image"
        )
    if len(faces) <= max(kept, default=-1):
        raise ValueError(
            f"faces: expected boxes for {max(kept) + 1} images, got {len(faces)}; pass one list of boxes per image"
        )
    return [faces[i] for i in kept]
