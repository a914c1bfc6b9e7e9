"""Where an ensemble of pixel classifiers disagrees (DatasetGAN's uncertainty, PFTGAN section 3.3)."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..backbones.pftgan.baselines import ComparedNetwork
from ..backbones.pftgan.network import PFTGANNetwork
from ..core.global_state import own_settings
from ..images.reader import read_images, to_tensor
from ..model import Model
from .ready_models import frames_in, resolve_model


@own_settings()
def uncertainty(
    model: Model | str | os.PathLike[str], images: Any, *, faces: Any = None, align: str | None = None
) -> NDArray[np.float32] | list[NDArray[np.float32]]:
    """The Jensen-Shannon divergence of a pftgan model's classifiers at every pixel, in nats: 0 where all say the same.

    model: a segmentation model with several `members`, or its file. images: as in `facekit.predict`; one image in,
    one (H,W) float32 out, else a list. NaN where no face was looked at; where several are close, the largest
    divergence counts. faces, align: as in `facekit.predict`, faces for a single image only. Raises ValueError for a
    model with nothing to disagree.
    """
    runner = resolve_model(model)
    network = runner.network
    heads = network.heads if isinstance(network, PFTGANNetwork | ComparedNetwork) else None
    if heads is None or len(heads.members) < 2:
        raise ValueError(
            f"{runner!r} has no classifiers that could disagree, expected several: adapt(task='segmentation', "
            "backbone='pftgan', members=10) makes such a model"
        )
    photos = read_images(images)
    if faces is not None and not photos.single:
        raise ValueError(f"faces came for {len(photos.arrays)} images: pass one image at a time")
    maps = [_of_image(runner, image, align or runner.align, faces) for image in photos.arrays]
    return maps[0] if photos.single else maps


def _of_image(model: Model, image: NDArray[np.uint8], align: str, faces: Any) -> NDArray[np.float32]:
    out = np.full(image.shape[:2], np.nan, np.float32)
    for frame in frames_in(image, align, faces):
        crop = frame.crop(image.shape[:2], model.input_size)
        x = to_tensor([crop.image(image)]).to(model.device)
        with torch.inference_mode():
            divergence = model.network.votes(x).divergence[0].float().cpu().numpy()
        values, (rows, columns) = crop.paste(divergence, image.shape[:2])
        inside = crop.paste_mask(np.ones(divergence.shape, np.uint8), image.shape[:2])[rows, columns] > 0
        here = out[rows, columns]
        here[inside] = np.fmax(here, values)[inside]
    return out
