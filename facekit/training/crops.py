"""From the user's images and labels to the crops that adaptation trains on."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..alignment import POINT_FRAMED, Frame, frame_points, point_frame
from ..api.ready_models import frames_in, ready_model
from ..core.arguments import shown
from ..core.large_arrays import LIMIT, large_array
from ..detection.face import check_boxes
from ..images.reader import ImageBatch
from ..results.types import Box, Segmentation
from ..tasks import LandmarkTask, ShadowRemovalTask, Task


def training_crops(
    images: ImageBatch,
    labels: Sequence[np.ndarray],
    task: Task,
    align: str,
    faces: Any,
    side: int,
    limit: int = LIMIT,
) -> tuple[Tensor, Tensor]:
    """Cut one face out of each image, one image after the other.

    Args:
        images: The images.
        labels: From `task.check`, in the images' pixels.
        task: What is learned.
        align, faces: As in `facekit.adapt`.
        side: Of the crops, px.
        limit: Bytes; crops or crop labels that take more lie in a temporary file (see `large_array`).

    Returns:
        Crops (N,3,side,side) uint8 and the task's crop labels (N,...) in their pixels. With align="tanh" both are
        warped, and `augment.TanhMoves` moves what is in them.

    Raises:
        ValueError: For an image without a face, and for another number of boxes than of images.
    """
    count = len(images.names)
    crops = large_array((count, 3, side, side), np.uint8, limit)
    moved: np.ndarray | None = None
    frames = _training_frames(images, labels, task, align, faces)
    for i, (image, frame, label) in enumerate(frames):
        crop = frame.crop(image.shape[:2], side)
        crops[i] = crop.image(image).transpose(2, 0, 1)
        if isinstance(task, ShadowRemovalTask):
            label = with_portrait(label, frame)
        own = task.to_crop(label, crop)
        if moved is None:
            moved = large_array((count, *own.shape), own.dtype, limit)
        moved[i] = own
    assert moved is not None
    return torch.from_numpy(crops), torch.from_numpy(moved)


def check_faces(faces: Any, count: int, align: str) -> None:
    """Check the boxes that come with labelled images.

    Args:
        faces: None, or one box per image.
        count: Number of images.
        align: As in `facekit.adapt`. "none" takes each image whole, in training as in prediction.

    Raises:
        TypeError: For what is no sequence.
        ValueError: For another number of boxes, and for boxes with align="none".
    """
    if faces is None:
        return
    if isinstance(faces, (str, bytes)) or not hasattr(faces, "__len__"):
        raise TypeError(f"faces={shown(faces)} came: expected one box per image (x0, y0, x1, y1); pass a list of boxes")
    if len(faces) != count:
        raise ValueError(f"{count} images but {len(faces)} face boxes: pass one box per image, {count} are expected")
    if align == "none":
        raise ValueError(
            "faces= came with align='none', which takes each image whole: expected no boxes; pass align='box'"
        )


def support_crops(images: ImageBatch, align: str, side: int) -> Tensor:
    """One face of each image, without labels: (N,3,side,side) uint8. Images without a face are left out with a
    warning. Raises ValueError where none is left."""
    crops = []
    for image, item in zip(images.arrays, images.names, strict=True):
        found = frames_in(image, align, None)
        if not found:
            warnings.warn(f"support_images: {item}: no face found, left out", stacklevel=3)
            continue
        crop = max(found, key=_area).crop(image.shape[:2], side)
        crops.append(crop.image(image).transpose(2, 0, 1))
    if not crops:
        raise ValueError(
            f"support_images: {len(images.arrays)} images came, a face was found in none: pass face crops with "
            "align='none', or leave support_images out"
        )
    return torch.from_numpy(np.stack(crops))


def _training_frames(
    images: ImageBatch, labels: Sequence[np.ndarray], task: Task, align: str, faces: Any
) -> Iterator[tuple[np.ndarray, Frame, np.ndarray]]:
    """Each image with its face's frame and its label; at each moment one image is decoded."""
    by_points = align == "landmarks" and isinstance(task, LandmarkTask)
    if faces is not None and (by_points or all(own_frame(label, task, align) is not None for label in labels)):
        warnings.warn(f"faces= is not used: with align={align!r} the labelled points frame each face", stacklevel=3)
    for i, (image, item, label) in enumerate(zip(images.arrays, images.names, labels, strict=True)):
        if by_points:
            assert isinstance(task, LandmarkTask)
            yield image, frame_points(label, task.labels), label
            continue
        known = own_frame(label, task, align)
        if known is not None:
            yield image, known, label
            continue
        if faces is not None and isinstance(task, LandmarkTask):
            (face,) = check_boxes([faces[i]], image.shape[:2])
            _check_box_holds_points(face.box, label, item)
        found = frames_in(image, align, None if faces is None else [faces[i]])
        if not found:
            raise ValueError(
                f"{item}: no face found; pass faces= with its box, or align='none' if it is a face crop already"
            )
        if len(found) > 1:
            warnings.warn(
                f"{item}: {len(found)} faces found, the largest is taken; pass faces= to choose", stacklevel=3
            )
        yield image, max(found, key=_area), label


def _check_box_holds_points(box: Box, points: np.ndarray, item: str) -> None:
    """Raise ValueError for a box (x0, y0, x1, y1) in which no labelled point (K,2) lies."""
    x0, y0, x1, y1 = box
    inside = (points >= (x0, y0)).all(-1) & (points <= (x1, y1)).all(-1)
    if not inside.any() and not np.isnan(points).all():
        raise ValueError(
            f"{item}: a face box {x0:g}, {y0:g}, {x1:g}, {y1:g} without any labelled point came, expected the labelled "
            "face's box (x0, y0, x1, y1); check the order of the boxes"
        )


def own_frame(label: np.ndarray, task: Task, align: str) -> Frame | None:
    """A face's frame by its own labels, where align asks for points and the labels are points that tell."""
    if align not in POINT_FRAMED or not isinstance(task, LandmarkTask):
        return None
    return point_frame(label, task.labels, align)


def with_portrait(clean: np.ndarray, frame: Frame) -> np.ndarray:
    """(H,W,4): a clean image (H,W,3) and its portrait, 255 on the person that the ready parsing model sees in the
    frame (it takes for granted that there is a face)."""
    # It learned from faces that were not warped.
    result = ready_model("segmentation").predict_frames(clean, [dataclasses.replace(frame, alpha=None)])[0]
    assert isinstance(result, Segmentation)
    return np.dstack([clean, 255 * (result.mask > 0).astype(np.uint8)])


def _area(frame: Frame) -> float:
    return 0.0 if frame.box is None else (frame.box[2] - frame.box[0]) * (frame.box[3] - frame.box[1])
