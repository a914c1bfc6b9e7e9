"""Cut the labelled faces out of the user's images."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..alignment import POINT_FRAMED, FaceBoxes, Frame, frame_points, point_frame
from ..core.arguments import short_repr
from ..core.large_arrays import LIMIT, large_array
from ..detection import check_boxes
from ..images import ImageBatch
from ..results import Box
from ..tasks import LandmarkTask, Task

# Finds the faces of an RGB uint8 image (H, W, 3): (image, align, boxes or None) -> frames, best first.
FrameFinder = Callable[[np.ndarray, str, FaceBoxes | None], list[Frame]]
# Adds a fourth channel to an RGB uint8 image: 255 on the person in the frame, else 0.
PortraitMaker = Callable[[np.ndarray, Frame], np.ndarray]


@dataclass(frozen=True)
class Cropper:
    """Cut faces out of images.

    Attributes:
        find_frames: Finds the faces of an image.
        add_portrait: Adds the outline of the person, for tasks that need it.
    """

    find_frames: FrameFinder
    add_portrait: PortraitMaker

    def training_crops(
        self,
        images: ImageBatch,
        labels: Sequence[np.ndarray],
        task: Task,
        align: str,
        faces: FaceBoxes | None,
        side: int,
        limit: int = LIMIT,
    ) -> tuple[Tensor, Tensor]:
        """Cut one face out of each image, one image after the other.

        With align="tanh", crops and labels are warped; `augmentation.affine.TanhMoves` moves what is in them.

        Args:
            images: The images.
            labels: What ``task.check`` or ``task.parse`` returned, in pixels of the images.
            task: The task.
            align: As in `facekit.adapt`.
            faces: As in `facekit.adapt`.
            side: Side of the crops in pixels.
            limit: Bytes. Crops or crop labels that need more are kept in a temporary file (see `large_array`).

        Returns:
            Crops (N, 3, side, side) uint8, and the task's labels (N, ...) in their pixels.

        Raises:
            ValueError: If an image has no face, or the number of boxes is wrong.
        """
        count = len(images.names)
        crops = large_array((count, 3, side, side), np.uint8, limit)
        crop_labels: np.ndarray | None = None
        for i, (image, frame, label) in enumerate(self._frames(images, labels, task, align, faces)):
            crop = frame.crop(image.shape[:2], side)
            crops[i] = crop.image(image).transpose(2, 0, 1)
            if task.needs_portrait:
                label = self.add_portrait(label, frame)
            in_crop = task.to_crop(label, crop)
            if crop_labels is None:
                crop_labels = large_array((count, *in_crop.shape), in_crop.dtype, limit)
            crop_labels[i] = in_crop
        assert crop_labels is not None
        return torch.from_numpy(crops), torch.from_numpy(crop_labels)

    def support_crops(self, images: ImageBatch, align: str, side: int) -> Tensor:
        """Cut one face out of each unlabelled image.

        Images without a face are left out with a warning.

        Args:
            images: The images.
            align: As in `facekit.adapt`.
            side: Side of the crops in pixels.

        Returns:
            RGB uint8 of shape (N, 3, side, side).

        Raises:
            ValueError: If no image has a face.
        """
        crops = []
        for image, item in zip(images.arrays, images.names, strict=True):
            found = self.find_frames(image, align, None)
            if not found:
                warnings.warn(f"support_images: {item}: no face found, left out", stacklevel=4)
                continue
            crop = max(found, key=_area).crop(image.shape[:2], side)
            crops.append(crop.image(image).transpose(2, 0, 1))
        if not crops:
            raise ValueError(
                f"support_images: expected faces, got {len(images.arrays)} images without one; pass face crops with "
                "align='none', or leave support_images out"
            )
        return torch.from_numpy(np.stack(crops))

    def _frames(
        self, images: ImageBatch, labels: Sequence[np.ndarray], task: Task, align: str, faces: Any
    ) -> Iterator[tuple[np.ndarray, Frame, np.ndarray]]:
        """Yield each image with its face's frame and its label. Only one image is decoded at a time."""
        by_points = align == "landmarks" and isinstance(task, LandmarkTask)
        if faces is not None and (by_points or all(own_frame(label, task, align) is not None for label in labels)):
            warnings.warn(f"faces= is not used: with align={align!r} the labelled points frame each face", stacklevel=5)
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
            found = self.find_frames(image, align, None if faces is None else [faces[i]])
            if not found:
                raise ValueError(
                    f"{item}: no face found; pass faces= with its box, or align='none' if it is a face crop already"
                )
            if len(found) > 1:
                warnings.warn(
                    f"{item}: {len(found)} faces found, the largest is taken; pass faces= to choose", stacklevel=5
                )
            yield image, max(found, key=_area), label


def check_faces(faces: FaceBoxes | None, count: int, align: str) -> None:
    """Check the boxes that come with labelled images.

    Args:
        faces: None, or one box per image.
        count: Number of images.
        align: As in `facekit.adapt`. "none" takes each image whole, in training as in prediction.

    Raises:
        TypeError: If ``faces`` is no sequence.
        ValueError: If the number of boxes is wrong, or there are boxes with align="none".
    """
    if faces is None:
        return
    if isinstance(faces, (str, bytes)) or not isinstance(faces, Sized):
        raise TypeError(f"faces={short_repr(faces)}: expected one box per image (x0, y0, x1, y1); pass a list of boxes")
    if len(faces) != count:
        raise ValueError(f"{count} images but {len(faces)} face boxes: pass one box per image, {count} are expected")
    if align == "none":
        raise ValueError(
            "faces: expected no boxes with align='none', which takes each image whole, got some; pass align='box'"
        )


def own_frame(label: np.ndarray, task: Task, align: str) -> Frame | None:
    """Return the frame of a face by its labelled points.

    Args:
        label: The face's label in pixels of the image.
        task: The task.
        align: As in `facekit.adapt`.

    Returns:
        The frame, or None if ``align`` or the task do not use the labelled points.
    """
    if align not in POINT_FRAMED or not isinstance(task, LandmarkTask):
        return None
    return point_frame(label, task.labels, align)


def _check_box_holds_points(box: Box, points: np.ndarray, item: str) -> None:
    """Raise ValueError for a box (x0, y0, x1, y1) in which no labelled point (K, 2) lies."""
    x0, y0, x1, y1 = box
    inside = (points >= (x0, y0)).all(-1) & (points <= (x1, y1)).all(-1)
    if not inside.any() and not np.isnan(points).all():
        raise ValueError(
            f"{item}: expected the box (x0, y0, x1, y1) of the labelled face, got {x0:g}, {y0:g}, {x1:g}, {y1:g} "
            "without any labelled point; check the order of the boxes"
        )


def _area(frame: Frame) -> float:
    return 0.0 if frame.box is None else (frame.box[2] - frame.box[0]) * (frame.box[3] - frame.box[1])
