"""Attributes (FaRL sections 3.5 and 4.1): many yes-or-no questions about one face, one logit each."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..annotations.checks import check_attributes
from ..geometry.crop import Crop
from ..images.reader import ImageBatch
from ..labels import AttributeSet, attribute_set
from ..labels.sides import prefix_flip
from ..metrics.scores import accuracy_by_attribute, balanced_accuracy_by_attribute, calibration_error
from ..results.types import Attributes, Drawable
from .base import LabelSetTask, Task

_LISTED = 8


class AttributesTask(LabelSetTask):
    """A attributes, of which any number may be true of a face: the network gives logits (N,A)."""

    name: ClassVar[str] = "attributes"
    headline: str = "accuracy"
    higher_is_better: ClassVar[bool] = True
    dense: ClassVar[bool] = False
    labels: AttributeSet

    @property
    def customised(self) -> bool:
        return self.labels.name != "celeba40"

    @classmethod
    def from_labels(cls, labels: Any, names: Any, images: ImageBatch) -> tuple[AttributesTask, list[np.ndarray]]:
        chosen = None if names is None else attribute_set(names)
        values = check_attributes(labels, len(images.arrays), images.names, None if chosen is None else chosen.names)
        chosen = attribute_set(chosen, values.shape[1])
        unknown = [name for name, column in zip(chosen.names, values.T, strict=True) if np.isnan(column).all()]
        if unknown:
            listing = ", ".join(unknown[:_LISTED]) + (" ..." if len(unknown) > _LISTED else "")
            warnings.warn(f"attributes without any label, nothing to learn from: {listing}", stacklevel=3)
        return cls(chosen), list(values)

    def check(self, labels: Any, sizes: list[tuple[int, int]], items: list[str]) -> list[np.ndarray]:
        return list(check_attributes(labels, len(sizes), items, self.labels.names))

    def to_crop(self, label: np.ndarray, crop: Crop) -> np.ndarray:
        return label

    def augmented(self, labels: Tensor, matrices: Tensor, mirrored: Tensor, side: int, out: int) -> Tensor:
        return torch.where(mirrored.to(labels.device)[:, None], labels[:, list(self.labels.flip)], labels)

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Mean binary cross-entropy over what is labelled. maps: logits (N,A). labels: (N,A) 0 and 1, NaN = not
        labelled."""
        seen = labels.isfinite()
        error = F.binary_cross_entropy_with_logits(maps.float(), labels.nan_to_num().float(), reduction="none")
        return (error * seen).sum() / seen.sum().clamp_min(1)

    def mixing(self, known: Task, maps: Tensor, labels: Tensor) -> Tensor:
        """Every attribute starts as the known one that correlates best with it on these faces, or as the mean of all
        where none does."""
        seen = labels.isfinite().to(maps)
        count = seen.sum(0).clamp_min(1)
        truth = labels.nan_to_num().to(maps)
        truth = seen * (truth - (seen * truth).sum(0) / count)
        mean = seen.T @ maps / count[:, None]
        spread = (seen.T @ maps.square() - count[:, None] * mean.square()).clamp_min(1e-12).sqrt()
        # Each row's correlations but for one positive factor, which the choice within the row does not need.
        along = truth.T @ maps / spread
        best = F.one_hot(along.argmax(1), known.channels).to(maps)
        return torch.where(along.amax(1, keepdim=True) > 1e-6, best, torch.full_like(best, 1 / known.channels))

    def decode(self, maps: Tensor) -> list[np.ndarray]:
        """Per image the probabilities (A,) float32."""
        return list(maps.float().sigmoid().cpu().numpy())

    def result(self, prediction: np.ndarray, crop: Crop, image: np.ndarray, box: Any) -> Attributes:
        return Attributes(prediction, self.labels, image, box)

    def score(self, results: list[Drawable], labels: list[np.ndarray]) -> dict[str, float]:
        """In percent: accuracy, the mean over the attributes of the part of the labelled faces that is told right
        (CelebA's mAcc); balanced accuracy, which guessing cannot raise where an attribute is rare; the expected
        calibration error in 15 bins; the accuracy of each attribute. What has no label in `labels` does not count, or
        is NaN."""
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

    def to_dict(self) -> dict[str, Any]:
        s = self.labels
        return {
            "name": s.name, "names": list(s.names), "flip": list(s.flip), "mirrors": s.mirrors,
            **self._mirroring_to_dict(),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> AttributesTask:
        names = tuple(settings["names"])
        # Files of before have no flip: it was that of names that begin with "left" or "right".
        flip = tuple(settings.get("flip", prefix_flip(names)))
        labels = AttributeSet(settings["name"], names, flip, settings.get("mirrors", True))
        return cls(labels, settings.get("mirroring", True))


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
