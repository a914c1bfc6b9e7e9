"""Tasks whose output is an image: stylization and shadow removal, learned by L_rec + L_adv (FSMA 4.3, 4.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from ..annotations.checks import check_targets
from ..annotations.label_items import Labels
from ..augmentation.affine import Moves, warp
from ..augmentation.shadows import cast_shadows
from ..geometry.crop import Crop
from ..images.reader import ImageBatch
from ..metrics.perceptual import lpips_distance
from ..metrics.scores import psnr, ssim
from ..results.types import Drawable, ImageResult
from .base import ParsedLabels, Task, TaskSettings

# The rim of a pasted crop fades into the image over this part of the crop's side.
FEATHER = 0.06
# Weight of the cross-entropy of the portrait's outline, where an error of one grey level has weight 1.
OUTLINE_WEIGHT = 10.0
# Shadow removal multiplies an image by a quotient of smoothed images. SMOOTH is the standard deviation in pixels of the
# network; CALM grey levels are added to both so that black pixels do not divide by zero.
SMOOTH = 1.0
CALM = 16.0


class ImageToImageTask(Task):
    """A task whose first three maps are the new image, RGB in [0, 1].

    Labels are one target image per image. A discriminator adds L_adv to the loss.
    """

    headline: str = "ssim"
    higher_is_better: ClassVar[bool] = True
    stride: ClassVar[int] = 1
    paints: ClassVar[bool] = True
    averages: ClassVar[bool] = False  # the mean of two images is a blurred image

    def __init__(self, mirroring: bool = True):
        """Store whether mirrored images may be used."""
        self.mirroring = mirroring

    @property
    @override
    def channels(self) -> int:
        return 3

    @property
    @override
    def mirrors(self) -> bool:
        return self.mirroring

    @override
    def mirror_maps(self, maps: Tensor) -> Tensor:
        return maps.flip(-1)

    @override
    def check(self, labels: Labels | None, sizes: list[tuple[int, int]], items: list[str]) -> list[np.ndarray]:
        return check_targets(labels, sizes, items)

    @override
    def to_crop(self, label: np.ndarray, crop: Crop) -> np.ndarray:
        return np.moveaxis(crop.image(label), -1, 0)

    @override
    def augmented(self, labels: Tensor, moves: Moves, mirrored: Tensor, side: int, out: int) -> Tensor:
        return warp(labels.float().div_(255), moves, out)

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Return L_rec, the mean absolute error in grey levels, of maps and labels (N, 3, S, S) in [0, 1]."""
        return 255 * (maps - labels).abs().mean()

    def mixing(self, known: Task, maps: Tensor, labels: Tensor) -> Tensor:
        """Start every channel as itself."""
        return torch.eye(self.channels)

    @override
    def uncertainty(self, maps: Tensor, mirrored: Callable[[], Tensor]) -> Tensor:
        return super().uncertainty(maps[:, :3], lambda: mirrored()[:, :3])

    @override
    def decoding(self, side: int) -> str:
        return f"maps: float32 (N, 3, {side}, {side}), the new image: RGB, cut to [0, 1]."

    def decode(self, maps: Tensor) -> list[np.ndarray]:
        """Return RGB float32 (h, w, 3) in [0, 1] per image."""
        return list(maps.float().clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy())

    @override
    def result(self, prediction: np.ndarray, crop: Crop, image: np.ndarray, box: Any) -> ImageResult:
        output = np.rint(255 * prediction).astype(np.uint8)
        feather = 0.0 if box is None else FEATHER * len(output)
        pixels, region = crop.paste_pixels(output, image, feather)
        return ImageResult(pixels, image, box, _corner(region))

    def score(self, results: list[Drawable], labels: list[np.ndarray]) -> dict[str, float]:
        """Return SSIM, PSNR (dB) and LPIPS (AlexNet) against the true images, averaged over images.

        Names that end with "_before" are those of the original images.
        """
        pairs = [(r, t) for r, t in zip(results, labels, strict=True) if isinstance(r, ImageResult)]
        scores: dict[str, float] = {}
        for name, metric in (("ssim", ssim), ("psnr", psnr), ("lpips", lpips_distance)):
            scores[name] = float(np.mean([metric(r.output, t) for r, t in pairs]))
            scores[f"{name}_before"] = float(np.mean([metric(r.image, t) for r, t in pairs]))
        return scores

    @override
    def to_dict(self) -> dict[str, Any]:
        return self._mirroring_to_dict()

    @classmethod
    @override
    def from_dict(cls, settings: dict[str, Any]) -> ImageToImageTask:
        return cls(**settings)


class StylizationTask(ImageToImageTask):
    """Draw a face in another style, learned from pairs of images."""

    name: ClassVar[str] = "stylization"
    blends: ClassVar[bool] = True

    @classmethod
    @override
    def parse(cls, labels: Labels | None, names: Any, images: ImageBatch) -> ParsedLabels:
        _check_no_names(names, cls.name)
        return ParsedLabels(None, check_targets(labels, images.sizes, images.names))

    @classmethod
    @override
    def create(cls, label_set: None, settings: TaskSettings) -> StylizationTask:
        return cls(settings.mirror)


class ShadowRemovalTask(ImageToImageTask):
    """Remove shadows that other objects cast on a face.

    A fourth map is the outline of the portrait. The loss is computed on the portrait only, and only the portrait of a
    result changes (supplement section 2.2).

    Attributes:
        synthesised: Whether shadows are cast on clean images, a new one on every view. Otherwise there are real pairs.
    """

    name: ClassVar[str] = "shadow_removal"
    needs_portrait: ClassVar[bool] = True

    def __init__(self, synthesised: bool = True, mirroring: bool = True):
        """Store the settings.

        Args:
            synthesised: Whether shadows are synthesised.
            mirroring: Whether mirrored images may be used.
        """
        super().__init__(mirroring)
        self.synthesised = synthesised

    @property
    @override
    def channels(self) -> int:
        return 4

    @classmethod
    @override
    def parse(cls, labels: Labels | None, names: Any, images: ImageBatch) -> ParsedLabels:
        _check_no_names(names, cls.name)
        if labels is None:
            return ParsedLabels(True, images.arrays)  # not a list: thousands of images do not fit into memory
        return ParsedLabels(False, check_targets(labels, images.sizes, images.names))

    @classmethod
    @override
    def create(cls, label_set: bool, settings: TaskSettings) -> ShadowRemovalTask:
        return cls(synthesised=label_set, mirroring=settings.mirror)

    def inputs(self, images: Tensor, labels: Tensor, generators: list[torch.Generator]) -> Tensor:
        """Cast a shadow on each image if they are synthesised. The last map of the labels is the portrait."""
        if not self.synthesised:
            return images
        shadowed = [
            cast_shadows(images[i : i + 1], generator, labels[i : i + 1, 3:].to(images))
            for i, generator in enumerate(generators)
        ]
        return torch.cat(shadowed)

    @override
    def targets(self, labels: Tensor, images: Callable[[], Tensor]) -> Tensor:
        # The clean image has the same change of colours as the one with the shadow.
        return torch.cat([images().to(labels), labels[:, 3:]], 1) if self.synthesised else labels

    @override
    def adversarial_images(self, maps: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return labels[:, :3], torch.lerp(labels[:, :3], maps[:, :3], labels[:, 3:])

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Return L_rec on the portrait plus the cross-entropy of its outline, of maps and labels (N, 4, S, S)."""
        portrait = labels[:, 3:]
        error = 255 * ((maps[:, :3] - labels[:, :3]).abs() * portrait).sum() / (3 * portrait.sum()).clamp_min(1)
        return error + OUTLINE_WEIGHT * F.binary_cross_entropy_with_logits(maps[:, 3:], portrait)

    @override
    def decoding(self, side: int) -> str:
        return (
            f"maps: float32 (N, 4, {side}, {side}). The first three are the image without cast shadows, RGB, cut to "
            "[0, 1]. 1 / (1 + exp(-value)) of the fourth is the outline of the person. facekit takes only the light of "
            "the new image and keeps the details of the photo."
        )

    def decode(self, maps: Tensor) -> list[np.ndarray]:
        """Return float32 (h, w, 4) in [0, 1] per image: RGB and the outline of the portrait."""
        maps = torch.cat([maps[:, :3].float().clamp(0, 1), maps[:, 3:].float().sigmoid()], 1)
        return list(maps.permute(0, 2, 3, 1).cpu().numpy())

    def result(self, prediction: np.ndarray, crop: Crop, image: np.ndarray, box: Any) -> ImageResult:
        """Brighten the portrait as the network did, with the details of the original image.

        The paper pastes the network's pixels. Ours are few and blurred, so only their light is used: how much brighter
        they are than the network's input, at the scale of its pixels. The background stays as it is.
        """
        crop_image = crop.image(image).astype(np.float32)
        gain = (_smooth(255 * prediction[..., :3]) + CALM) / (_smooth(crop_image) + CALM)
        portrait = prediction[..., 3:]
        if box is not None:
            portrait = portrait * _fading_rim(portrait.shape[:2], FEATHER * len(portrait))
        corrected = np.concatenate([gain, portrait], 2).astype(np.float32)
        moved, region = crop.paste(corrected, image.shape[:2], border="replicate")
        old = image[region].astype(np.float32)
        pixels = np.rint(np.clip((old + CALM) * moved[..., :3] - CALM, 0, 255)).astype(np.uint8)
        coverage = np.rint(255 * moved[..., 3].clip(0, 1)).astype(np.uint8)
        return ImageResult(pixels, image, box, _corner(region), coverage)

    @override
    def to_dict(self) -> dict[str, Any]:
        return {"synthesised": self.synthesised, **self._mirroring_to_dict()}


def _smooth(image: np.ndarray) -> np.ndarray:
    """Blur an image at the scale of the network's pixels."""
    return cv2.GaussianBlur(image, (0, 0), SMOOTH, borderType=cv2.BORDER_REPLICATE)


def _corner(region: tuple[slice, slice]) -> tuple[int, int]:
    """Return column and row of the first pixel of a region given as rows and columns."""
    return region[1].start, region[0].start


def _fading_rim(size: tuple[int, int], width: float) -> np.ndarray:
    """Return weights (h, w, 1) that rise from 0 at the outermost pixels to 1 at a distance of ``width`` pixels."""
    to_edge = [np.minimum(np.arange(n), np.arange(n)[::-1]) for n in size]
    return np.clip(np.minimum(to_edge[0][:, None], to_edge[1]) / width, 0, 1)[..., None]


def _check_no_names(names: Any, task: str) -> None:
    """Raise ValueError if there are names, because the labels are images."""
    if names is not None:
        raise ValueError(f"names={names!r}: expected none, because the labels of {task!r} are images; leave names out")
