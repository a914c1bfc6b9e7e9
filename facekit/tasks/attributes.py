"""The task "attributes": many binary attributes of a face, one logit each (FaRL sections 3.5 and 4.1)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from ..annotations.checks import check_attributes
from ..annotations.label_items import Labels
from ..augmentation.affine import Moves
from ..core.listing import first_of
from ..geometry.crop import Crop
from ..images.reader import ImageBatch
from ..labels import AttributeSet, attribute_set
from ..labels.sides import prefix_flip
from ..metrics.scores import accuracy_by_attribute, balanced_accuracy_by_attribute, calibration_error
from ..results.types import Attributes, Drawable
from .base import ParsedLabels, Task, TaskSettings
from .label_set_task import LabelSetTask, binary_entropy


class AttributesTask(LabelSetTask):
    """A binary attributes, any number of which may hold for a face. The network outputs logits (N, A)."""

    name: ClassVar[str] = "attributes"
    headline: str = "accuracy"
    higher_is_better: ClassVar[bool] = True
    dense: ClassVar[bool] = False
    labels: AttributeSet

    @classmethod
    @override
    def create(cls, label_set: AttributeSet, settings: TaskSettings) -> AttributesTask:
        cls.log_mirroring(label_set, settings)
        return cls(label_set, settings.mirror)

    @classmethod
    @override
    def customised(cls, label_set: AttributeSet) -> bool:
        return label_set.name != "celeba40"

    @classmethod
    @override
    def parse(cls, labels: Labels | None, names: Any, images: ImageBatch) -> ParsedLabels:
        chosen = None if names is None else attribute_set(names)
        values = check_attributes(labels, len(images.arrays), images.names, None if chosen is None else chosen.names)
        chosen = attribute_set(chosen, values.shape[1])
        unknown = [name for name, column in zip(chosen.names, values.T, strict=True) if np.isnan(column).all()]
        if unknown:
            listing = first_of(unknown)
            warnings.warn(f"attributes without any label, nothing to learn from: {listing}", stacklevel=3)
        return ParsedLabels(chosen, list(values))

    @override
    def check(self, labels: Labels | None, sizes: list[tuple[int, int]], items: list[str]) -> list[np.ndarray]:
        return list(check_attributes(labels, len(sizes), items, self.labels.names))

    @override
    def to_crop(self, label: np.ndarray, crop: Crop) -> np.ndarray:
        return label

    @override
    def augmented(self, labels: Tensor, moves: Moves, mirrored: Tensor, side: int, out: int) -> Tensor:
        return torch.where(mirrored.to(labels.device)[:, None], labels[:, list(self.labels.flip)], labels)

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Return the mean binary cross-entropy over what is labelled.

        Args:
            maps: Logits (N, A).
            labels: 0 and 1 of shape (N, A), NaN = unlabelled.
        """
        labelled = labels.isfinite()
        error = F.binary_cross_entropy_with_logits(maps.float(), labels.nan_to_num().float(), reduction="none")
        return (error * labelled).sum() / labelled.sum().clamp_min(1)

    def mixing(self, known: Task, maps: Tensor, labels: Tensor) -> Tensor:
        """Start every attribute as the known one with the largest correlation on these faces.

        Attributes without a positive correlation start as the mean of all.
        """
        labelled = labels.isfinite().to(maps)
        count = labelled.sum(0).clamp_min(1)
        truth = labels.nan_to_num().to(maps)
        truth = labelled * (truth - (labelled * truth).sum(0) / count)
        mean = labelled.T @ maps / count[:, None]
        spread = (labelled.T @ maps.square() - count[:, None] * mean.square()).clamp_min(1e-12).sqrt()
        # The correlations of each row up to one positive factor, which does not change the choice within the row.
        along = truth.T @ maps / spread
        best = F.one_hot(along.argmax(1), known.channels).to(maps)
        return torch.where(along.amax(1, keepdim=True) > 1e-6, best, torch.full_like(best, 1 / known.channels))

    @override
    def uncertainty(self, maps: Tensor, mirrored: Callable[[], Tensor]) -> Tensor:
        return binary_entropy(maps).mean(1)

    @override
    def decoding(self, side: int) -> str:
        return f"maps: float32 (N, {self.channels}). The probability of each of the names is 1 / (1 + exp(-value))."

    def decode(self, maps: Tensor) -> list[np.ndarray]:
        """Return the probabilities (A,) float32 per image."""
        return list(maps.float().sigmoid().cpu().numpy())

    @override
    def result(self, prediction: np.ndarray, crop: Crop, image: np.ndarray, box: Any) -> Attributes:
        return Attributes(prediction, self.labels, image, box)

    def score(self, results: list[Drawable], labels: list[np.ndarray]) -> dict[str, float]:
        """Return the metrics in percent.

        "accuracy" is the mean over attributes of the part of labelled faces that is right (CelebA's mAcc).
        "balanced_accuracy" cannot be raised by guessing where an attribute is rare. "calibration" is the expected
        calibration error in 15 bins. "accuracy_NAME" is that of each attribute, NaN without labels.
        """
        found = np.stack([r.probabilities for r in results if isinstance(r, Attributes)])
        truth = np.stack(labels)
        by_attribute = 100 * accuracy_by_attribute(found, truth)
        scores = {
            "accuracy": _mean(by_attribute),
            "balanced_accuracy": 100 * _mean(balanced_accuracy_by_attribute(found, truth)),
            "calibration": 100 * calibration_error(found, truth),
        }
        return scores | {
            f"accuracy_{name}": float(value) for name, value in zip(self.labels.names, by_attribute, strict=True)
        }

    @override
    def to_dict(self) -> dict[str, Any]:
        s = self.labels
        return {
            "name": s.name,
            "names": list(s.names),
            "flip": list(s.flip),
            "mirrors": s.mirrors,
            **self._mirroring_to_dict(),
        }

    @classmethod
    @override
    def from_dict(cls, settings: dict[str, Any]) -> AttributesTask:
        names = tuple(settings["names"])
        # Earlier files have no flip: names that begin with "left" or "right" were pairs.
        flip = tuple(settings.get("flip", prefix_flip(names)))
        labels = AttributeSet(settings["name"], names, flip, settings.get("mirrors", True))
        return cls(labels, settings.get("mirroring", True))


def _mean(values: np.ndarray) -> float:
    """Return the mean of the finite values, NaN if there is none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
