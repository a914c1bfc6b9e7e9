"""Base class of the tasks: what a network has to output, and how that is learned, decoded and scored."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from ..annotations.label_items import Labels
from ..augmentation.affine import Moves
from ..geometry.crop import Crop
from ..images.reader import ImageBatch
from ..labels import AttributeSet, LandmarkSet, SegmentationSet
from ..results.types import Drawable

log = logging.getLogger("facekit")

Loss = Callable[[Tensor, Tensor], Tensor]


class TaskSettings(Protocol):
    """The fields of a configuration that a task depends on."""

    @property
    def mirror(self) -> bool:
        """Whether mirrored images may be used, in training and in prediction."""

    @property
    def heatmaps(self) -> str:
        """Kind of heatmap of landmarks."""

    @property
    def activation(self) -> str:
        """Activation of segmentation maps: "softmax" or "sigmoid"."""


@dataclass(frozen=True)
class DefaultSettings:
    """Settings of a task outside an adaptation."""

    mirror: bool = True
    heatmaps: str = "softmax"
    activation: str = "softmax"


@dataclass(frozen=True)
class ParsedLabels:
    """Checked labels.

    Attributes:
        label_set: What the labels mean: a label set, or for image-to-image tasks how targets are made.
        clean: One label per image.
    """

    label_set: Any
    clean: Sequence[np.ndarray]


class Task(ABC):
    """One task.

    Labels occur in three forms. ``parse`` and ``check`` turn the user's labels into a clean list. ``to_crop`` moves
    them into the pixels of a crop. ``augmented`` returns the targets of the network's outputs.

    A network outputs maps (N, C, h, w), or one number per channel (N, C) for tasks with ``dense = False``. Both are
    called maps below.

    Attributes:
        name: Name in ``adapt(task=...)``.
        family: Name of the task whose backbones and recipes it shares. By default its own name.
        headline: Name of the first metric in ``score``.
        higher_is_better: Whether a larger headline metric is better.
        dense: Whether the outputs are maps.
        stride: Input pixels per output pixel.
        map_side: Side of the maps for an input of any size, None if the stride decides.
        averages: Whether predictions are averaged with those of the mirrored image.
        paints: Whether the first three maps are an RGB image in [0, 1].
        needs_portrait: Whether labels in a crop need an outline of the person as their fourth channel.
        blends: Whether the new image of a found face is blended into the photo along the person's outline.
        mirroring: Whether mirrored images may be used.
        labels: The label set of a task whose outputs are the labels of a set, else None.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    headline: str
    higher_is_better: ClassVar[bool]
    dense: ClassVar[bool] = True
    stride: ClassVar[int] = 1
    map_side: int | None = None
    averages: ClassVar[bool] = True
    paints: ClassVar[bool] = False
    needs_portrait: ClassVar[bool] = False
    blends: ClassVar[bool] = False
    mirroring: bool = True
    labels: LandmarkSet | SegmentationSet | AttributeSet | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "name" in cls.__dict__ and "family" not in cls.__dict__:
            cls.family = cls.name

    @property
    @abstractmethod
    def channels(self) -> int:
        """Number of output channels."""

    @property
    @abstractmethod
    def mirrors(self) -> bool:
        """Whether mirrored images may be used and their labels are known."""

    @abstractmethod
    def mirror_maps(self, maps: Tensor) -> Tensor:
        """Turn maps of mirrored images back."""

    def decoding(self, side: int) -> str:
        """Return in words how a program without facekit gets the result from the maps.

        Args:
            side: Side of the input in pixels.
        """
        return f"maps: float32 (N, {self.channels}, ...), for an input of {side} px"

    @classmethod
    @abstractmethod
    def parse(cls, labels: Labels | None, names: Any, images: ImageBatch) -> ParsedLabels:
        """Check the user's labels and find out what they mean.

        Args:
            labels: As in `facekit.adapt`.
            names: A label set, its name, a list of names, or None.
            images: The images that the labels belong to.

        Raises:
            ValueError: If a label is wrong. The message names it.
        """

    @classmethod
    @abstractmethod
    def create(cls, label_set: Any, settings: TaskSettings) -> Task:
        """Return the task for a label set.

        Args:
            label_set: ``ParsedLabels.label_set``.
            settings: The settings that the task depends on.
        """

    @classmethod
    def from_labels(cls, labels: Labels | None, names: Any, images: ImageBatch) -> tuple[Task, Sequence[np.ndarray]]:
        """Parse labels and create the task with default settings.

        Args:
            labels: As in `facekit.adapt`.
            names: A label set, its name, a list of names, or None.
            images: The images that the labels belong to.

        Returns:
            The task and one clean label per image.

        Raises:
            ValueError: If a label is wrong. The message names it.
        """
        parsed = cls.parse(labels, names, images)
        return cls.create(parsed.label_set, DefaultSettings()), parsed.clean

    @classmethod
    def customised(cls, label_set: Any) -> bool:
        """Return whether labels follow the user's own format instead of a published one.

        Table 7 of FSMA has rows for both.
        """
        return True

    def same_outputs(self, other: Task) -> bool:
        """Return whether the outputs of both tasks mean the same."""
        own_settings, other_settings = (
            {k: v for k, v in t.to_dict().items() if k != "mirroring"} for t in (self, other)
        )
        return type(self) is type(other) and own_settings == other_settings

    @abstractmethod
    def check(self, labels: Labels | None, sizes: list[tuple[int, int]], items: list[str]) -> list[np.ndarray]:
        """Check labels against this task's label set.

        Args:
            labels: As in `facekit.adapt`.
            sizes: (height, width) of each image in pixels.
            items: Name of each image, for messages.

        Returns:
            One clean label per image.
        """

    @abstractmethod
    def to_crop(self, label: np.ndarray, crop: Crop) -> np.ndarray:
        """Move one label into a crop.

        Args:
            label: A label in pixels of the image.
            crop: The crop.

        Returns:
            The label in pixels of the crop.
        """

    @abstractmethod
    def augmented(self, labels: Tensor, moves: Moves, mirrored: Tensor, side: int, out: int) -> Tensor:
        """Move crop labels as their augmented images are moved.

        Args:
            labels: Crop labels, shape (N, ...).
            moves: The moves of the images.
            mirrored: Which views are mirrored, shape (N,). Left and right labels are swapped there.
            side: Side of the crops in pixels.
            out: Side of the views in pixels.
        """

    def check_crops(self, labels: Tensor) -> None:
        """Warn of crop labels (N, ...) from which something cannot be learned."""

    def inputs(self, images: Tensor, labels: Tensor, generators: list[torch.Generator]) -> Tensor:
        """Return the network's inputs for augmented images.

        Args:
            images: RGB in [0, 1], shape (N, 3, S, S).
            labels: What ``augmented`` returned.
            generators: One source of random numbers per image.
        """
        return images

    def targets(self, labels: Tensor, images: Callable[[], Tensor]) -> Tensor:
        """Return what the loss compares the outputs with.

        Args:
            labels: What ``augmented`` returned.
            images: Makes the augmented images, for tasks whose targets they are.
        """
        return labels

    def loss_function(self, labels: Tensor) -> Loss:
        """Return the loss of a training on crop labels (N, ...): a function (maps, targets) to a scalar."""
        return self.loss

    @abstractmethod
    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Return the loss, a scalar.

        Args:
            maps: Outputs of the network.
            labels: Targets, in input pixels.
        """

    def uncertainty(self, maps: Tensor, mirrored: Callable[[], Tensor]) -> Tensor:
        """Return how uncertain the network is about each image, (N,). `facekit.suggest` compares these numbers.

        By default it is the mean absolute difference between the maps and those of the mirrored images.

        Args:
            maps: Outputs of the network.
            mirrored: Makes the maps of the mirrored images, turned back, for tasks without probabilities.
        """
        return (maps.float() - mirrored().float()).abs().flatten(1).mean(1)

    def adversarial_images(self, maps: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images that a discriminator compares. Only for tasks that paint.

        Args:
            maps: Outputs of the network, shape (N, C, S, S).
            labels: Targets, shape (N, C, S, S).

        Returns:
            The real and the generated images, RGB in [0, 1], shape (N, 3, S, S).
        """
        return labels[:, :3], maps[:, :3]

    @abstractmethod
    def mixing(self, known: Task, maps: Tensor, labels: Tensor) -> Tensor:
        """Return how this task's output channels start from those of another network.

        Args:
            known: The other network's task, of the same class.
            maps: The other network's outputs on labelled crops, C_known channels.
            labels: The labels of these crops, from ``augmented``.

        Returns:
            Weights of shape (C, C_known). Rows sum to 1.
        """

    @abstractmethod
    def decode(self, maps: Tensor) -> list[np.ndarray]:
        """Return one prediction per image, in pixels of the network's input where it has positions."""

    @abstractmethod
    def result(self, prediction: np.ndarray, crop: Crop, image: np.ndarray, box: Any) -> Drawable:
        """Return a prediction as a result in pixels of the image.

        Args:
            prediction: One of what ``decode`` returned.
            crop: The crop that the prediction was made on.
            image: RGB uint8, shape (H, W, 3).
            box: Bounding box of the face, or None for the whole image.
        """

    @abstractmethod
    def score(self, results: list[Drawable], labels: list[np.ndarray]) -> dict[str, float]:
        """Return the metrics of the field by name.

        Args:
            results: One result per image.
            labels: What ``check`` returned.
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``from_dict``. "mirroring" is among them only if it is False."""

    @classmethod
    @abstractmethod
    def from_dict(cls, settings: dict[str, Any]) -> Task:
        """Return the task that ``to_dict`` described."""

    def _mirroring_to_dict(self) -> dict[str, Any]:
        return {} if self.mirroring else {"mirroring": False}
