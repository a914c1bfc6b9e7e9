"""`facekit.uncertainty`: disagreement of an ensemble of pixel classifiers (DatasetGAN, PFTGAN section 3.3)."""

from __future__ import annotations

import os

import numpy as np
import torch
from numpy.typing import NDArray

from ..alignment import FaceBoxes, Frame
from ..core.global_state import default_settings
from ..images.reader import read_images, to_tensor
from ..images.types import Images
from ..model import Model, find_frames, resolve_model


@default_settings()
def uncertainty(
    model: Model | str | os.PathLike[str], images: Images, *, faces: FaceBoxes | None = None, align: str | None = None
) -> NDArray[np.float32] | list[NDArray[np.float32]]:
    """Compute the Jensen-Shannon divergence of a pftgan model's classifiers at every pixel, in nats.

    Args:
        model: A segmentation model with several ``members``, or its file.
        images: As in `facekit.predict`.
        faces: Face boxes, for a single image only.
        align: How faces are cropped. None is the model's own ``align``.

    Returns:
        Float32 (H, W) for one image, else a list. 0 where all classifiers agree, NaN outside the faces. Where several
        faces overlap, the largest divergence counts.

    Raises:
        ValueError: If the model has fewer than two classifiers.
    """
    runner = resolve_model(model)
    if runner.network.members < 2:
        raise ValueError(
            f"{runner!r} has no classifiers that could disagree, expected several; pass a model of "
            "adapt(task='segmentation', backbone='pftgan', members=10)"
        )
    batch = read_images(images)
    if faces is not None and not batch.single:
        raise ValueError(f"faces: expected one image, got {len(batch.arrays)}; pass one image at a time")
    align = align or runner.align
    maps = [divergence_map(runner, image, find_frames(image, align, faces)) for image in batch.arrays]
    return maps[0] if batch.single else maps


def divergence_map(model: Model, image: NDArray[np.uint8], frames: list[Frame]) -> NDArray[np.float32]:
    """Compute the divergence of one image.

    Args:
        model: A model with several ``members``.
        image: RGB uint8, shape (H, W, 3).
        frames: Frames of its faces.

    Returns:
        Float32 (H, W) in nats, NaN outside the faces.
    """
    out = np.full(image.shape[:2], np.nan, np.float32)
    for frame in frames:
        crop = frame.crop(image.shape[:2], model.input_size)
        x = to_tensor([crop.image(image)]).to(model.device)
        with torch.inference_mode():
            divergence = model.network.divergence(x)[0].float().cpu().numpy()
        values, (rows, columns) = crop.paste(divergence, image.shape[:2])
        inside = crop.paste_mask(np.ones(divergence.shape, np.uint8), image.shape[:2])[rows, columns] > 0
        region = out[rows, columns]
        region[inside] = np.fmax(region, values)[inside]
    return out
