"""Tasks whose answer is an image (FSMA 4.3, 4.4): stylization and shadow removal, learned by L_rec + L_adv."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..annotations.checks import check_targets
from ..augmentation.affine import warp
from ..augmentation.shadows import cast_shadows
from ..geometry.crop import Crop
from ..images.reader import ImageBatch
from ..metrics.perceptual import lpips_distance
from ..metrics.scores import psnr, ssim
from ..results.types import Drawable, ImageResult
from .base import Task

# Where a face was cut out of an image, its new version fades in over this part of the crop's side.
FEATHER = 0.06
# How much the portrait's outline counts beside an error of one grey level.
OUTLINE_WEIGHT = 10.0
# The light that shadow removal gives back is a quotient of images smoothed by so many of the network's pixels, with
# grey levels added to both sides so that black pixels divide calmly.
SMOOTH = 1.0
CALM = 16.0


class ImageToImageTask(Task):
    """The network's first three maps are the new image, RGB in [0, 1]; labels are one target image each. A
    discriminator adds L_adv to the loss."""

    headline: str = "ssim"
    higher_is_better: ClassVar[bool] = True
    stride: ClassVar[int] = 1
    paints: ClassVar[bool] = True
    averages: ClassVar[bool] = False  # the mean of two images is a blurred image

    def __init__(self, mirroring: bool = True):
        self.mirroring = mirroring

    @property
    def channels(self) -> int:
        return 3

    @property
    def mirrors(self) -> bool:
        return self.mirroring

    def mirror_maps(self, maps: Tensor) -> Tensor:
        return maps.flip(-1)

    def check(self, labels: Any, sizes: list[tuple[int, int]], items: list[str]) -> list[np.ndarray]:
        return check_targets(labels, sizes, items)

    def to_crop(self, label: np.ndarray, crop: Crop) -> np.ndarray:
        return np.moveaxis(crop.image(label), -1, 0)

    def augmented(self, labels: Tensor, matrices: Tensor, mirrored: Tensor, side: int, out: int) -> Tensor:
        return warp(labels.float().div_(255), matrices, out)

    def judged(self, maps: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The (real, painted) images (N,3,S,S) in [0, 1] that the discriminator is to tell apart."""
        return labels[:, :3], maps[:, :3]

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """L_rec: the mean absolute error in grey levels. maps, labels: (N,3,S,S) in [0, 1]."""
        return 255 * (maps - labels).abs().mean()

    def mixing(self, known: Task, maps: Tensor, labels: Tensor) -> Tensor:
        """Every channel starts as itself."""
        return torch.eye(self.channels)

    def decode(self, maps: Tensor) -> list[np.ndarray]:
        """Per image (h,w,3) float32 in [0, 1]."""
        return list(maps.float().clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy())

    def result(self, prediction: np.ndarray, crop: Crop, image: np.ndarray, box: Any) -> ImageResult:
        output = np.rint(255 * prediction).astype(np.uint8)
        feather = 0.0 if box is None else FEATHER * len(output)
        return ImageResult(crop.paste_image(output, image, feather), image, box)

    def score(self, results: list[Drawable], labels: list[np.ndarray]) -> dict[str, float]:
        """SSIM, PSNR (dB) and LPIPS (AlexNet) against the true images, averaged over images; `..._before`: of the
        images as they came."""
        pairs = [(r, t) for r, t in zip(results, labels, strict=True) if isinstance(r, ImageResult)]
        scores: dict[str, float] = {}
        for name, metric in (("ssim", ssim), ("psnr", psnr), ("lpips", lpips_distance)):
            scores[name] = float(np.mean([metric(r.output, t) for r, t in pairs]))
            scores[f"{name}_before"] = float(np.mean([metric(r.image, t) for r, t in pairs]))
        return scores

    def to_dict(self) -> dict[str, Any]:
        return self._mirroring_to_dict()

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> ImageToImageTask:
        return cls(**settings)


class StylizationTask(ImageToImageTask):
    """A face in another style, from pairs of images."""

    name: ClassVar[str] = "stylization"

    @classmethod
    def from_labels(cls, labels: Any, names: Any, images: ImageBatch) -> tuple[StylizationTask, list[np.ndarray]]:
        _no_names(names, cls.name)
        return cls(), check_targets(labels, images.sizes, images.names)


class ShadowRemovalTask(ImageToImageTask):
    """A face without foreign shadows. A fourth map is the portrait's outline: training sees the portrait only, and of a
    result only the portrait changes (supplement section 2.2).

    synthesised: shadows are cast on clean images, a new one on every view; else real pairs came.
    """

    name: ClassVar[str] = "shadow_removal"

    def __init__(self, synthesised: bool = True, mirroring: bool = True):
        super().__init__(mirroring)
        self.synthesised = synthesised

    @property
    def channels(self) -> int:
        return 4

    @classmethod
    def from_labels(cls, labels: Any, names: Any, images: ImageBatch) -> tuple[ShadowRemovalTask, Sequence[np.ndarray]]:
        _no_names(names, cls.name)
        if labels is None:
            return cls(), images.arrays  # not a list: thousands do not fit into memory
        return cls(synthesised=False), check_targets(labels, images.sizes, images.names)

    def inputs(self, images: Tensor, labels: Tensor, generators: list[torch.Generator]) -> Tensor:
        """labels: (N,4,S,S), the portrait last."""
        if not self.synthesised:
            return images
        shadowed = [
            cast_shadows(images[i : i + 1], generator, labels[i : i + 1, 3:].to(images))
            for i, generator in enumerate(generators)
        ]
        return torch.cat(shadowed)

    def targets(self, labels: Tensor, images: Callable[[], Tensor]) -> Tensor:
        # The clean image with the same change of colours as the one that the shadow falls on.
        return torch.cat([images().to(labels), labels[:, 3:]], 1) if self.synthesised else labels

    def judged(self, maps: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return labels[:, :3], torch.lerp(labels[:, :3], maps[:, :3], labels[:, 3:])

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """L_rec on the portrait, and the cross-entropy of its outline. maps: (N,4,S,S). labels: RGB and portrait."""
        portrait = labels[:, 3:]
        error = 255 * ((maps[:, :3] - labels[:, :3]).abs() * portrait).sum() / (3 * portrait.sum()).clamp_min(1)
        return error + OUTLINE_WEIGHT * F.binary_cross_entropy_with_logits(maps[:, 3:], portrait)

    def decode(self, maps: Tensor) -> list[np.ndarray]:
        """Per image (h,w,4) float32 in [0, 1]: the portrait's image and its outline."""
        maps = torch.cat([maps[:, :3].float().clamp(0, 1), maps[:, 3:].float().sigmoid()], 1)
        return list(maps.permute(0, 2, 3, 1).cpu().numpy())

    def result(self, prediction: np.ndarray, crop: Crop, image: np.ndarray, box: Any) -> ImageResult:
        """The light that the network gave back, in the image's own detail; its background put back.

        The paper puts the network's pixels back. Ours are few and soft, so only their light is taken: how much brighter
        they are than what the network saw, at the scale of its pixels.
        """
        seen = crop.image(image).astype(np.float32)
        gain = (_smooth(255 * prediction[..., :3]) + CALM) / (_smooth(seen) + CALM)
        whole = np.concatenate([gain, prediction[..., 3:]], 2).astype(np.float32)
        moved, here = crop.paste(whole, image.shape[:2], border="replicate" if box is None else "constant")
        old = image[here].astype(np.float32)
        new = np.clip((old + CALM) * moved[..., :3] - CALM, 0, 255)
        out = image.copy()
        out[here] = np.rint(old + (new - old) * moved[..., 3:].clip(0, 1)).astype(np.uint8)
        return ImageResult(out, image, box)

    def to_dict(self) -> dict[str, Any]:
        return {"synthesised": self.synthesised, **self._mirroring_to_dict()}


def _smooth(image: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), SMOOTH, borderType=cv2.BORDER_REPLICATE)


def _no_names(names: Any, task: str) -> None:
    if names is not None:
        raise ValueError(f"names={names!r} came, but the labels of {task!r} are images: leave names out")
