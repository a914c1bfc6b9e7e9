"""`facekit.match` and `facekit.explain`: compare faces with texts (FaRL's image tower and text tower)."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import override

from ..alignment import FaceBoxes, Frame
from ..backbones.farl.grad_cam import grad_cam
from ..backbones.farl.image_text_model import ImageTextModel
from ..core.arguments import check_path, short_repr
from ..core.device import pick_device
from ..core.global_state import default_settings, preserved_random_state
from ..geometry.crop import Crop
from ..images.reader import read_images, to_tensor
from ..images.types import ImageLike, Images
from ..model import find_backbone, find_frames
from ..results.drawable import Box, Drawable, frame_dict, same_size

# Opacity of the heat map at its maximum.
COVER = 0.6


@dataclass(frozen=True, eq=False)
class Explanation(Drawable):
    """Parts of an image that match a text.

    Attributes:
        heat: Float32 (H, W) in [0, 1], in pixels of the image. 0 outside the face's crop.
        text: The text.
        image: RGB uint8 (H, W, 3).
        box: Bounding box of the face, or None for the whole image.
    """

    heat: NDArray[np.float32]
    text: str
    image: NDArray[np.uint8]
    box: Box | None = None

    def draw_on(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw the heat map over the canvas, from blue (low) to red (high)."""
        canvas = same_size(canvas, self.image)
        colours = cv2.applyColorMap(np.rint(255 * self.heat).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
        cover = COVER * self.heat[..., None]
        return np.rint(canvas * (1 - cover) + colours * cover).astype(np.uint8)

    @override
    def to_dict(self) -> dict[str, Any]:
        return {**frame_dict(self), "text": self.text, "heat": [[round(float(v), 3) for v in row] for row in self.heat]}


@default_settings()
def match(
    images: Images,
    texts: str | list[str],
    *,
    weights: str | os.PathLike[str] = "auto",
    align: str = "none",
    faces: FaceBoxes | None = None,
    device: str | torch.device | None = None,
) -> np.ndarray:
    """Compute the probability of each text, given that one of them belongs to the image (zero-shot classification).

    Args:
        images: As in `facekit.predict`, one face each.
        texts: M texts, such as "a man with a beard". A single text has probability 1.
        weights: Weights of farl, as in `facekit.load_backbone`.
        align: "none" takes images as face crops. Otherwise the best face is used, as in `facekit.adapt`.
        faces: The face to use, for one image: a `Face` or a box (x0, y0, x1, y1) in pixels.
        device: Where to run. None is the best available device.

    Returns:
        Float32 of shape (N, M), or (M,) for one image. Rows sum to 1.

    Raises:
        TypeError: If a text is no str.
        ValueError: If there is no text, ``faces`` comes with several images, or the weights have no text tower.

    Example:
        >>> facekit.match("photo.jpg", ["a smiling face", "a serious face"], align="mean")
    """
    check_path(weights, "weights")
    target_device = pick_device(device)
    pair = _pair(os.fspath(weights)).to(target_device)
    photos = read_images(images)
    crops = [f.crop(p.shape[:2], _side(pair)).image(p) for p, f in _framed(photos, align, faces)]
    with torch.inference_mode():
        parts = [pair.match(to_tensor(crops[i : i + 16]).to(target_device), texts) for i in range(0, len(crops), 16)]
    probabilities = torch.cat(parts).cpu().numpy()
    return probabilities[0] if photos.single else probabilities


@default_settings()
def explain(
    image: ImageLike,
    text: str,
    *,
    weights: str | os.PathLike[str] = "auto",
    align: str = "none",
    faces: FaceBoxes | None = None,
    device: str | torch.device | None = None,
) -> Explanation:
    """Compute Grad-CAM of an image for a text: the parts that match it (FaRL section 4.7, Figure 5).

    Args:
        image: One image, as in `match`.
        text: The text.
        weights: Weights of farl, as in `facekit.load_backbone`.
        align: As in `match`.
        faces: As in `match`.
        device: Where to run. None is the best available device.

    Returns:
        The heat map in pixels of the image, with the text.

    Raises:
        TypeError: If the text is no str.
        ValueError: If there is more than one image, or the weights have no text tower.
    """
    check_path(weights, "weights")
    target_device = pick_device(device)
    pair = _pair(os.fspath(weights)).to(target_device)
    if not isinstance(text, str):
        raise TypeError(
            f"text={short_repr(text)}: expected one text (str), got {type(text).__name__}; call explain for each text"
        )
    images = read_images(image)
    if len(images.arrays) != 1:
        raise ValueError(f"image: expected one image, got {len(images.arrays)}; call explain for each image")
    ((photo, frame),) = _framed(images, align, faces)
    crop = frame.crop(photo.shape[:2], _side(pair))
    heat = grad_cam(pair, to_tensor([crop.image(photo)]).to(target_device), text)
    upsampled = torch.nn.functional.interpolate(heat[None], (_side(pair),) * 2, mode="bicubic")[0, 0].clamp(0, 1)
    return Explanation(_placed(upsampled.cpu().numpy(), crop, photo), text, photo, frame.box)


def _placed(heat: np.ndarray, crop: Crop, image: np.ndarray) -> np.ndarray:
    """Move a heat map from crop pixels to pixels of the image."""
    out = np.zeros(image.shape[:2], np.float32)
    values, region = crop.paste(heat.astype(np.float32), image.shape[:2], border="constant")
    out[region] = np.clip(values, 0, 1)
    return out


@functools.lru_cache(maxsize=2)
def _pair(weights: str) -> ImageTextModel:
    """Load the two towers once."""
    with preserved_random_state():
        return find_backbone("farl").load(weights)


def _side(pair: ImageTextModel) -> int:
    """Return the side of the image tower's input in pixels."""
    return pair.image.size.input_size


def _framed(images: Any, align: str, faces: FaceBoxes | None) -> list[tuple[np.ndarray, Frame]]:
    """Return each image with the frame of the given or the best face, or of the whole image if none is found."""
    if faces is not None and len(images.arrays) != 1:
        raise ValueError(f"faces: expected one image, got {len(images.arrays)}; pass one image at a time")
    frames = [next(iter(find_frames(p, align, faces)), Frame()) for p in images.arrays]
    return list(zip(images.arrays, frames, strict=True))
