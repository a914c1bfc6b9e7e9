"""Faces and words: how well texts match a face, and where in the face a text is found (FaRL's two towers)."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ..alignment import Frame
from ..backbones.farl.backbone import load
from ..backbones.farl.grad_cam import grad_cam
from ..backbones.farl.image_text_model import FaRL
from ..core.device import pick_device
from ..core.global_state import kept_random, own_settings
from ..geometry.crop import Crop
from ..images.reader import read_images, to_tensor
from ..results.drawable import Box, Drawable, frame_dict, same_size
from .ready_models import frames_in

# How much of the heat map's colour covers the image where it is hottest.
COVER = 0.6


@dataclass(frozen=True, eq=False)
class Explanation(Drawable):
    """Where the image tower found `text`. heat: (H,W) float32 in [0, 1], in the image's pixels, 0 outside the face's
    crop."""

    heat: NDArray[np.float32]
    text: str
    image: NDArray[np.uint8]
    box: Box | None = None

    def draw_on(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The heat over the canvas: blue for little, red for much."""
        canvas = same_size(canvas, self.image)
        colours = cv2.applyColorMap(np.rint(255 * self.heat).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
        cover = COVER * self.heat[..., None]
        return np.rint(canvas * (1 - cover) + colours * cover).astype(np.uint8)

    def to_dict(self) -> dict[str, Any]:
        return {**frame_dict(self), "text": self.text, "heat": [[round(float(v), 3) for v in row] for row in self.heat]}


@own_settings()
def match(
    images: Any,
    texts: str | list[str],
    *,
    weights: str | os.PathLike[str] = "auto",
    align: str = "none",
    device: str | torch.device | None = None,
) -> np.ndarray:
    """The probability of each text, given that one of them belongs to the image (zero-shot classification).

    images: as in `facekit.predict`, one face each (align="none": face crops; else the best face found). texts: M
    sentences, such as "a man with a beard"; one alone has probability 1. Returns (N,M) float32, rows sum to 1; (M,) for
    one image. device: None is the best there is. Raises ValueError for weights without a text tower.
    """
    chosen = pick_device(device)
    pair = _pair(os.fspath(weights)).to(chosen)
    photos = read_images(images)
    crops = [f.crop(p.shape[:2], _side(pair)).image(p) for p, f in _framed(photos, align)]
    with torch.inference_mode():
        parts = [pair.match(to_tensor(crops[i : i + 16]).to(chosen), texts) for i in range(0, len(crops), 16)]
    probabilities = torch.cat(parts).cpu().numpy()
    return probabilities[0] if photos.single else probabilities


@own_settings()
def explain(
    image: Any,
    text: str,
    *,
    weights: str | os.PathLike[str] = "auto",
    align: str = "none",
    device: str | torch.device | None = None,
) -> Explanation:
    """Grad-CAM of the image for the text (FaRL section 4.7, Figure 5): what in the face made it match.

    image: one image, as in `match`. device: None is the best there is.
    """
    chosen = pick_device(device)
    pair = _pair(os.fspath(weights)).to(chosen)
    images = read_images(image)
    if len(images.arrays) != 1:
        raise ValueError(f"{len(images.arrays)} images came: explain takes one")
    ((photo, frame),) = _framed(images, align)
    crop = frame.crop(photo.shape[:2], _side(pair))
    heat = grad_cam(pair, to_tensor([crop.image(photo)]).to(chosen), text)
    whole = torch.nn.functional.interpolate(heat[None], (_side(pair),) * 2, mode="bicubic")[0, 0].clamp(0, 1)
    return Explanation(_placed(whole.cpu().numpy(), crop, photo), text, photo, frame.box)


def _placed(heat: np.ndarray, crop: Crop, image: np.ndarray) -> np.ndarray:
    out = np.zeros(image.shape[:2], np.float32)
    values, here = crop.paste(heat.astype(np.float32), image.shape[:2], border="constant")
    out[here] = np.clip(values, 0, 1)
    return out


@functools.lru_cache(maxsize=2)
def _pair(weights: str) -> FaRL:
    with kept_random():
        return load(weights)


def _side(pair: FaRL) -> int:
    return pair.image.size.input_size


def _framed(images: Any, align: str) -> list[tuple[np.ndarray, Frame]]:
    """Each image with its best face's frame; the whole image where none is found."""
    frames = [next(iter(frames_in(p, align, None)), Frame()) for p in images.arrays]
    return list(zip(images.arrays, frames, strict=True))
