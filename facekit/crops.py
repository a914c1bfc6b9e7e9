"""From the user's pictures and labels to the crops that adaptation trains on."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .framing import POINT_FRAMED, Frame, frame_points, point_frame
from .geometry import warp_image
from .images import Pictures
from .ready import frames_in, ready_model
from .results import Segmentation
from .tasks import LandmarkTask, ShadowRemovalTask, Task


def training_crops(
    pictures: Pictures, labels: list[np.ndarray], task: Task, align: str, faces: Any, side: int
) -> tuple[Tensor, Tensor]:
    """One face a picture. labels: from `task.check`, in the pictures' pixels. align, faces: as in `facekit.adapt`.

    Returns crops (N,3,side,side) uint8 and the task's crop labels (N,...) in their pixels; with align="tanh" both are
    warped, and `augment.TanhMoves` moves what is in them. Raises ValueError for a picture without a face.
    """
    frames = _training_frames(pictures.arrays, pictures.names, labels, task, align, faces)
    matrices: list[Any] = [f.matrix(p.shape[:2], side) for f, p in zip(frames, pictures.arrays, strict=True)]
    # Written where they stay: of thousands of faces every further copy is gigabytes.
    crops = np.empty((len(matrices), 3, side, side), np.uint8)
    for crop, picture, matrix in zip(crops, pictures.arrays, matrices, strict=True):
        crop[:] = warp_image(picture, matrix, side).transpose(2, 0, 1)
    if isinstance(task, ShadowRemovalTask):
        labels = [with_portrait(label, f) for label, f in zip(labels, frames, strict=True)]
    moved = task.stack([task.to_crop(label, m, side) for label, m in zip(labels, matrices, strict=True)])
    return torch.from_numpy(crops), moved


def support_crops(pictures: Pictures, align: str, side: int) -> Tensor:
    """One face of each picture, without labels: (N,3,side,side) uint8. Pictures without a face are left out with a
    warning. Raises ValueError where none is left."""
    crops = []
    for picture, item in zip(pictures.arrays, pictures.names, strict=True):
        found = frames_in(picture, align, None)
        if not found:
            warnings.warn(f"support_images: {item}: no face found, left out", stacklevel=3)
            continue
        matrix = max(found, key=_area).matrix(picture.shape[:2], side)
        crops.append(warp_image(picture, matrix, side).transpose(2, 0, 1))
    if not crops:
        raise ValueError(
            f"support_images: {len(pictures.arrays)} pictures came, a face was found in none: pass face crops with "
            "align='none', or leave support_images out"
        )
    return torch.from_numpy(np.stack(crops))


def _training_frames(
    pictures: list[np.ndarray], items: list[str], labels: list[np.ndarray], task: Task, align: str, faces: Any
) -> list[Frame]:
    if align == "landmarks" and isinstance(task, LandmarkTask):
        return [frame_points(label, task.labels) for label in labels]
    own = [own_frame(label, task, align) for label in labels]
    if faces is not None and len(faces) != len(pictures):
        raise ValueError(f"{len(pictures)} images but {len(faces)} face boxes: pass one box per image")
    frames = []
    for i, (picture, item) in enumerate(zip(pictures, items, strict=True)):
        known = own[i]
        if known is not None:
            frames.append(known)
            continue
        found = frames_in(picture, align, None if faces is None else [faces[i]])
        if not found:
            raise ValueError(
                f"{item}: no face found; pass faces= with its box, or align='none' if it is a face crop already"
            )
        if len(found) > 1:
            warnings.warn(
                f"{item}: {len(found)} faces found, the largest is taken; pass faces= to choose", stacklevel=3
            )
        frames.append(max(found, key=_area))
    return frames


def own_frame(label: np.ndarray, task: Task, align: str) -> Frame | None:
    """A face's frame by its own labels, where align asks for points and the labels are points that tell."""
    if align not in POINT_FRAMED or not isinstance(task, LandmarkTask):
        return None
    return point_frame(label, task.labels, align)


def with_portrait(clean: np.ndarray, frame: Frame) -> np.ndarray:
    """(H,W,4): a clean picture (H,W,3) and its portrait, 255 on the person that the ready parsing model sees in the
    frame (it takes for granted that there is a face)."""
    # It learned from faces that were not warped.
    result = ready_model("segmentation").predict_frames(clean, [dataclasses.replace(frame, alpha=None)])[0]
    assert isinstance(result, Segmentation)
    return np.dstack([clean, 255 * (result.mask > 0).astype(np.uint8)])


def _area(frame: Frame) -> float:
    return 0.0 if frame.box is None else (frame.box[2] - frame.box[0]) * (frame.box[3] - frame.box[1])
