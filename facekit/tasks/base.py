"""What every task offers to the rooms above it."""

from __future__ import annotations

import copy
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..geometry.crop import Crop
from ..images.reader import ImageBatch
from ..labels import AttributeSet, LandmarkSet, SegmentationSet
from ..labels.sides import sides_of
from ..results.types import Drawable
from ..training.config import Adaptation

log = logging.getLogger("facekit")


class Task(ABC):
    """One task: what a network has to give for it, and how that is learned, read and scored.

    Labels live in three places: as the user gives them (`check` turns them into a clean list), moved into crops
    (`to_crop`), and as targets of the network's outputs (`augmented`).

    A network gives dense maps (N,C,h,w), or for tasks that are not dense one number a channel, (N,C); "maps" below are
    either.
    """

    name: ClassVar[str]
    # Whether the recipe lets images be mirrored, in training and in prediction.
    mirroring: bool = True

    # The first metric in `score`; whether more is better.
    headline: str
    higher_is_better: ClassVar[bool]

    # Whether the outputs are maps, and if so the pixels of the input per pixel of them.
    dense: ClassVar[bool] = True
    stride: ClassVar[int] = 1

    # Whether predictions are averaged with those of the mirrored image, where it is known what that is.
    averages: ClassVar[bool] = True
    # Whether the maps are an image, RGB in [0, 1], in their first three channels (see `images.ImageToImageTask`).
    paints: ClassVar[bool] = False

    @property
    @abstractmethod
    def channels(self) -> int:
        """Maps, or numbers, that a network has to give."""

    @property
    @abstractmethod
    def mirrors(self) -> bool:
        """Whether it is known what the mirrored image's label is, so that mirroring may be used."""

    @abstractmethod
    def mirror_maps(self, maps: Tensor) -> Tensor:
        """Maps of the mirrored images, turned back."""

    @classmethod
    @abstractmethod
    def from_labels(cls, labels: Any, names: Any, images: ImageBatch) -> tuple[Task, Sequence[np.ndarray]]:
        """Check the user's labels and derive the task from them.

        labels: as in `facekit.adapt`. names: a label set, its name, a list of names or None. Returns (task, one clean
        label per image).
        """

    def configured(self, recipe: Adaptation) -> Task:
        """This task as the recipe wants it learned."""
        task = copy.copy(self)
        task.mirroring = recipe.mirror
        return task

    def same_outputs(self, other: Task) -> bool:
        """Whether every output of both tasks means the same, however they are mirrored in training."""
        mine, theirs = ({k: v for k, v in t.to_dict().items() if k != "mirroring"} for t in (self, other))
        return type(self) is type(other) and mine == theirs

    def balanced(self, labels: Tensor) -> Task:
        """This task with its loss weighted, if the recipe has it so, by what the crop labels (N,...) hold."""
        return self

    @property
    def customised(self) -> bool:
        """Whether the labels are the user's own format, not the field's (FSMA's Table 7 has rows for both)."""
        return True

    @abstractmethod
    def check(self, labels: Any, sizes: list[tuple[int, int]], items: list[str]) -> list[np.ndarray]:
        """Check labels against this task's label set. Returns one clean label per image."""

    @abstractmethod
    def to_crop(self, label: np.ndarray, crop: Crop) -> np.ndarray:
        """Move one image's label into its crop. Returns a label of the same kind."""

    @abstractmethod
    def augmented(self, labels: Tensor, matrices: Tensor, mirrored: Tensor, side: int, out: int) -> Tensor:
        """Crop labels (N,...) under `augment.random_matrices`, left and right swapped where mirrored; out px a side."""

    def inputs(self, images: Tensor, labels: Tensor, generators: list[torch.Generator]) -> Tensor:
        """What the network is shown of augmented images (N,3,S,S) in [0, 1] with `augmented` labels; one source of
        randomness each."""
        return images

    def targets(self, labels: Tensor, images: Callable[[], Tensor]) -> Tensor:
        """What `loss` compares with: the `augmented` labels. images: makes the augmented images, for tasks whose
        target they are."""
        return labels

    @abstractmethod
    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """maps: from the network; labels: from `augmented`, in input pixels. Returns a scalar."""

    @abstractmethod
    def mixing(self, known: Task, maps: Tensor, labels: Tensor) -> Tensor:
        """How the channels of another network of this kind start this task's: (C,C_known), rows sum to 1.

        known: that network's task. maps: its outputs on labelled crops, C_known channels. labels: these crops' labels,
        from `augmented`.
        """

    @abstractmethod
    def decode(self, maps: Tensor) -> list[np.ndarray]:
        """One prediction per image, in crop pixels of the network's input where it has places."""

    @abstractmethod
    def result(self, prediction: np.ndarray, crop: Crop, image: np.ndarray, box: Any) -> Drawable:
        """A prediction in crop pixels as a result in the image's."""

    @abstractmethod
    def score(self, results: list[Drawable], labels: list[np.ndarray]) -> dict[str, float]:
        """The task's metrics by the field's protocols. labels: from `check`, in the images' pixels."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Plain data that `from_dict` turns back into this task. Its `mirroring` is there where it is False."""

    @classmethod
    @abstractmethod
    def from_dict(cls, settings: dict[str, Any]) -> Task:
        """Undo `to_dict`."""

    def _mirroring_to_dict(self) -> dict[str, Any]:
        return {} if self.mirroring else {"mirroring": False}

    def stack(self, labels: list[np.ndarray]) -> Tensor:
        """One tensor of crop labels."""
        return torch.from_numpy(np.stack(labels))


class LabelSetTask(Task):
    """A task with one output a label of its set.

    mirroring: False where the recipe forbids mirrored images.
    """

    def __init__(self, labels: LandmarkSet | SegmentationSet | AttributeSet, mirroring: bool = True):
        self.labels, self.mirroring = labels, mirroring

    def configured(self, recipe: Adaptation) -> Task:
        if recipe.mirror and not self.labels.mirrors:
            log.warning("%s: %s; images are not mirrored, in training nor in prediction", self.name, _why(self.labels))
        return super().configured(recipe)

    @property
    def channels(self) -> int:
        return len(self.labels)

    @property
    def mirrors(self) -> bool:
        return self.labels.mirrors and self.mirroring

    def mirror_maps(self, maps: Tensor) -> Tensor:
        turned = maps.flip(-1) if self.dense else maps
        return turned[:, list(self.labels.flip)]


def _why(labels: LandmarkSet | SegmentationSet | AttributeSet) -> str:
    """Why a label set cannot be mirrored."""
    if isinstance(labels, LandmarkSet):
        names = labels.points
    else:
        names = labels.classes if isinstance(labels, SegmentationSet) else labels.names
    alone = sides_of(names).one_sided
    if alone:
        return f"{alone[0]!r} has no counterpart on the other side"
    return "neither names nor labels tell which are left-right pairs (names with left and right would, or pairs=)"
