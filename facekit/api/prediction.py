"""`facekit.predict`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal, overload

import torch

from ..alignment import FaceBoxes
from ..core.global_state import default_settings
from ..images.types import ImageLike, Images
from ..model import Model, resolve_model
from ..model.prediction import predict_all

ModelLike = Model | str | os.PathLike[str]


@overload
def predict(
    model: ModelLike,
    images: ImageLike,
    *,
    faces: FaceBoxes | None = None,
    align: str | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    device: str | torch.device | None = None,
) -> Any: ...
@overload
def predict(
    model: ModelLike | Sequence[ModelLike],
    images: Images,
    *,
    faces: FaceBoxes | None = None,
    align: str | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    device: str | torch.device | None = None,
) -> list[Any]: ...
@default_settings()
def predict(
    model: ModelLike | Sequence[ModelLike],
    images: Images,
    *,
    faces: FaceBoxes | None = None,
    align: str | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    device: str | torch.device | None = None,
) -> Any:
    """Run a model on one image or many.

    One image gives one result. A sequence, batch or folder gives a list. The list holds every image and result in
    memory. For large folders, loop over `facekit.images.list_images` or run `facekit predict`.

    Args:
        model: A model, the path of its .facekit file, or the name of an embedded ready model ("landmarks",
            "segmentation", "segmentation-fasseg", "attributes", "sketch", "sketch-fs2k", "shadow-removal"; on the
            backbone of "attributes" also "farl-landmarks", "farl-segmentation"). A sequence of these gives one item
            per model. Faces are then detected once, and a frozen backbone that several models share runs once per
            face.
        images: A path, folder, PIL image, array or tensor, or a sequence of these.
        faces: Face boxes (x0, y0, x1, y1) in pixels instead of face detection; for many images one list per image.
        align: How faces are cropped. None is the model's own ``align``.
        on_error: "raise", or "skip" to leave out unreadable files with a warning.
        device: Where to run. None leaves the model where it is.

    Returns:
        If faces are detected (every ``align`` except "none") or given by ``faces``: one `Faces` list per image with one
        result per face. It is empty, with a warning, if no face is found. Otherwise one result per image, which is a
        face crop. Ready models detect faces. Results are in pixels of the original image.

    Raises:
        ImageError: If an image cannot be read. The message names it.
        ValueError: If the model, ``align`` or the boxes are wrong.

    Example:
        >>> faces = facekit.predict("landmarks", "photo.jpg")
        >>> faces[0].points  # (68, 2)
    """
    if isinstance(model, Sequence) and not isinstance(model, str):
        is_list, models = True, [resolve_model(m, device) for m in model]
    else:
        is_list, models = False, [resolve_model(model, device)]
    if not models:
        raise ValueError("model=[]: expected at least one model, got none; pass a model or its name")
    outcomes = predict_all(models, images, faces, align, on_error, stacklevel=4)
    return outcomes if is_list else outcomes[0]
