"""Run models on images, group by group: what `facekit.predict` and the command `facekit predict` share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..alignment import Frame
from ..model import AT_ONCE, Model
from ..results.faces import Faces
from ..results.types import Drawable
from .ready_models import frames_in_by_way

# Pixels of the images that `predict_stream` holds at once, unless a single image has more.
STREAM_PIXELS = 16_000_000


def predict_group(
    models: Sequence[Model], images: Sequence[NDArray[np.uint8]], boxes: Sequence[Any], align: str | None
) -> list[list[Drawable]]:
    """Run models on some images at once. Faces are searched once for all models.

    Args:
        models: The models. A frozen backbone that several share runs once per face.
        images: RGB uint8 arrays of shape (H, W, 3), of any sizes.
        boxes: Per image the face boxes (x0, y0, x1, y1) in pixels, or None to search for faces.
        align: How faces are framed. None is each model's own way.

    Returns:
        Per model one outcome per image: `Faces`, or with align="none" and no boxes the single result.
    """
    ways = {align or model.align for model in models}
    framed = [frames_in_by_way(image, ways, own) for image, own in zip(images, boxes, strict=True)]
    seen: dict[Any, Any] | None = {} if len(models) > 1 else None
    outcomes: list[list[Drawable]] = []
    for model in models:
        way = align or model.align
        frames: list[list[Frame]] = [by_way[way] for by_way in framed]
        found = model.predict_images(images, frames, seen)
        outcomes.append([
            results[0] if way == "none" and own is None else Faces(results, image=image)
            for image, own, results in zip(images, boxes, found, strict=True)
        ])  # fmt: skip
    return outcomes


def predict_stream(
    model: Model, images: Iterable[tuple[str, NDArray[np.uint8]]], align: str | None = None
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
    for group in _groups(images):
        names, arrays = zip(*group, strict=True)
        (outcomes,) = predict_group([model], arrays, [None] * len(arrays), align)
        yield from zip(names, outcomes, strict=True)


def _groups(images: Iterable[tuple[str, NDArray[np.uint8]]]) -> Iterator[list[tuple[str, NDArray[np.uint8]]]]:
    group: list[tuple[str, NDArray[np.uint8]]] = []
    pixels = 0
    for name, array in images:
        group.append((name, array))
        pixels += array.shape[0] * array.shape[1]
        if len(group) == AT_ONCE or pixels >= STREAM_PIXELS:
            yield group
            group, pixels = [], 0
    if group:
        yield group
