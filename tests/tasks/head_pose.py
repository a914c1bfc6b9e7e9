"""A new task in one file: the head's yaw, pitch and roll."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from facekit.geometry import Crop
from facekit.images import ImageBatch
from facekit.results import Drawable
from facekit.tasks import ParsedLabels, Task, register

ANGLES = ("yaw", "pitch", "roll")


@dataclass(frozen=True, eq=False)
class HeadPose(Drawable):
    """Angles in degrees, in the order of `ANGLES`."""

    angles: NDArray[np.float32]
    image: NDArray[np.uint8]

    def draw_on(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        text = " ".join(f"{value:.0f}" for value in self.angles)
        return np.asarray(cv2.putText(canvas.copy(), text, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 0)))

    def to_dict(self) -> dict[str, Any]:
        return dict(zip(ANGLES, self.angles.tolist(), strict=True))


@register
class HeadPoseTask(Task):
    """Three angles, one number each. It shares the backbones and recipes of attributes."""

    name: ClassVar[str] = "head_pose"
    family: ClassVar[str] = "attributes"
    headline: str = "error"
    higher_is_better: ClassVar[bool] = False
    dense: ClassVar[bool] = False

    channels = 3
    mirrors = False

    def mirror_maps(self, maps: Tensor) -> Tensor:
        return maps * maps.new_tensor([-1.0, 1.0, -1.0])

    @classmethod
    def parse(cls, labels: Any, names: Any, images: ImageBatch) -> ParsedLabels:
        return ParsedLabels(None, cls().check(labels, images.sizes, images.names))

    @classmethod
    def create(cls, label_set: None, settings: Any) -> HeadPoseTask:
        return cls()

    def check(self, labels: Any, sizes: list[tuple[int, int]], items: list[str]) -> list[np.ndarray]:
        angles = np.asarray(labels, np.float32)
        if angles.shape != (len(items), 3):
            raise ValueError(f"expected labels of shape ({len(items)}, 3), got {angles.shape}; pass one row per image")
        return list(angles)

    def to_crop(self, label: np.ndarray, crop: Crop) -> np.ndarray:
        return label

    def augmented(self, labels: Tensor, moves: Any, mirrored: Tensor, side: int, out: int) -> Tensor:
        return labels

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        return (10 * maps - labels).square().mean()

    def mixing(self, known: Task, maps: Tensor, labels: Tensor) -> Tensor:
        raise ValueError("head_pose has no warm start, expected start='none'")

    def decode(self, maps: Tensor) -> list[np.ndarray]:
        return list((10 * maps).float().cpu().numpy())

    def result(self, prediction: np.ndarray, crop: Crop, image: np.ndarray, box: Any) -> HeadPose:
        return HeadPose(prediction, image)

    def score(self, results: list[Drawable], labels: list[np.ndarray]) -> dict[str, float]:
        found = np.stack([r.angles for r in results if isinstance(r, HeadPose)])
        return {"error": float(np.abs(found - np.stack(labels)).mean())}

    def to_dict(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> HeadPoseTask:
        return cls()
