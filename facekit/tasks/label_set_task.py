"""Base class of the tasks whose outputs are the labels of a set: landmarks, segmentation and attributes."""

from __future__ import annotations

import logging

import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from ..labels import AttributeSet, LandmarkSet, SegmentationSet
from ..labels.sides import sides_of
from .base import Task, TaskSettings

log = logging.getLogger("facekit")


class LabelSetTask(Task):
    """A task with one output channel per label of its set."""

    labels: LandmarkSet | SegmentationSet | AttributeSet

    def __init__(self, labels: LandmarkSet | SegmentationSet | AttributeSet, mirroring: bool = True):
        """Store the label set.

        Args:
            labels: The label set.
            mirroring: Whether mirrored images may be used.
        """
        self.labels, self.mirroring = labels, mirroring

    @property
    @override
    def channels(self) -> int:
        return len(self.labels)

    @property
    @override
    def mirrors(self) -> bool:
        return self.labels.mirrors and self.mirroring

    @override
    def mirror_maps(self, maps: Tensor) -> Tensor:
        turned = maps.flip(-1) if self.dense else maps
        return turned[:, list(self.labels.flip)]

    @classmethod
    def log_mirroring(cls, labels: LandmarkSet | SegmentationSet | AttributeSet, settings: TaskSettings) -> None:
        """Log why mirrored images are not used although the settings allow them.

        Args:
            labels: The label set.
            settings: Settings of the training.
        """
        if settings.mirror and not labels.mirrors:
            log.warning(
                "%s: %s; images are not mirrored, in training nor in prediction", cls.name, _no_mirroring(labels)
            )


def _no_mirroring(labels: LandmarkSet | SegmentationSet | AttributeSet) -> str:
    """Return why a label set cannot be mirrored."""
    if isinstance(labels, LandmarkSet):
        names = labels.points
    else:
        names = labels.classes if isinstance(labels, SegmentationSet) else labels.names
    alone = sides_of(names).one_sided
    if alone:
        return f"{alone[0]!r} has no counterpart on the other side"
    return "neither names nor labels tell which are left-right pairs (names with left and right would, or pairs=)"


def binary_entropy(logits: Tensor) -> Tensor:
    """Compute the entropy of independent yes-or-no labels, in nats.

    Args:
        logits: Any shape.

    Returns:
        The same shape, 0 to ln 2.
    """
    logits = logits.float()
    return F.binary_cross_entropy_with_logits(logits, logits.sigmoid(), reduction="none")
