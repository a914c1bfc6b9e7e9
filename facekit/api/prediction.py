"""Run a model on images."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import torch

from ..core.global_state import own_settings
from ..images.reader import read_images
from ..model import AT_ONCE, Model
from ..results.faces import Faces
from .batch_prediction import predict_group
from .ready_models import resolve_model

log = logging.getLogger("facekit")


@own_settings()
def predict(
    model: Model | str | os.PathLike[str] | Sequence[Model | str | os.PathLike[str]],
    images: Any,
    *,
    faces: Any = None,
    align: str | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    device: str | torch.device | None = None,
) -> Any:
    """Run a model on one image or many.

    One image in, one outcome out; a sequence, batch or folder in, a list out. The list holds every image and result in
    memory: go through a large folder image by image (`facekit.images.list_images`), or run `facekit predict`.

    Args:
        model: A model, the path of its .facekit file, or the name of an embedded ready model ("landmarks",
            "segmentation", "segmentation-fasseg", "attributes"; sharing the last one's backbone "farl-landmarks",
            "farl-segmentation"). A sequence of these gives a list with one outcome per model: faces are searched
            once for all models, and a frozen backbone that several share runs once per face.
        images: A path, folder, PIL image, array or tensor, or a sequence of these.
        faces: Face boxes (x0, y0, x1, y1) in pixels instead of a search; for many images one list per image.
        align: How faces are framed, instead of the model's own way.
        on_error: "raise", or "skip" to leave out unreadable files with a warning.
        device: Where to run. None leaves the model where it is.

    Returns:
        Where faces are searched (every align but "none"; ready models do), always a `Faces` list per image, with one
        result per face: 0, 1 or more. An image without a face is also a warning. With align="none" (the image is a
        face crop) and no boxes the single result. Results are in pixels of the original image.

    Raises:
        ImageError: If an image cannot be read. It names the image.
        ValueError: If the model, `align` or the boxes are wrong.
    """
    if isinstance(model, Sequence) and not isinstance(model, str):
        several, runners = True, [resolve_model(m, device) for m in model]
    else:
        several, runners = False, [resolve_model(model, device)]
    if not runners:
        raise ValueError("an empty list of models came, expected at least one: pass a model or its name")
    photos = read_images(images, on_error)
    boxes = _boxes_each(faces, photos.single, photos.kept)
    outcomes: list[list[Any]] = [[] for _ in runners]
    for start in range(0, len(boxes), AT_ONCE):
        end = start + AT_ONCE
        group = predict_group(runners, photos.arrays[start:end], boxes[start:end], align)
        for outcome, some in zip(outcomes, group, strict=True):
            outcome.extend(some)
        for item, found in zip(photos.names[start:end], zip(*group, strict=True), strict=True):
            if any(isinstance(own, Faces) and not own for own in found):
                message = f"{item}: no face found; pass faces= with its box, or align='none' for a face crop"
                warnings.warn(message, stacklevel=3)  # of the caller: a decorator stands between
    by_model = [outcome[0] if photos.single else outcome for outcome in outcomes]
    return by_model if several else by_model[0]


def _boxes_each(faces: Any, single: bool, kept: list[int]) -> list[Any]:
    if faces is None or single:
        return [faces] * len(kept)
    if len(faces) <= max(kept, default=-1):
        raise ValueError(
            f"boxes for {len(faces)} images came for {max(kept) + 1} images: pass one list of boxes per image"
        )
    return [faces[i] for i in kept]
