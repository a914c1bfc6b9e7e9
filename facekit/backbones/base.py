"""Base class of the backbones.

A backbone is one paper's system. `adapt`, `load_backbone` and `pretrain` use nothing but the methods of `Backbone`, so
a new backbone is a subclass in a folder of its own. `facekit.backbones.registry.register` adds it.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from ..tasks import Task
from ..training.adapted_network import AdaptedNetwork
from ..training.config import Adaptation
from ..training.finetune import FineTuning
from ..training.loop import FiniteProgram
from ..training.pretraining_run import Request, Run
from ..training.views import TrainingData
from .registry import backbone_class, backbone_names

if TYPE_CHECKING:
    from .image_tower import ImageTower

Config = TypeVar("Config", bound=Adaptation)
Network = TypeVar("Network", bound=AdaptedNetwork)

# A name such as "auto", or a file.
Weights = str | os.PathLike[str]


@dataclass(frozen=True)
class WeightFiles:
    """Access to weights outside a backbone's own folder.

    Attributes:
        embedded: Returns the path of an embedded file by its name in `facekit.zoo`.
        official: Returns the path of published weights by name. Downloads them if they are not in the cache.
        cached: Returns the path of published weights if they are in the cache, else None.
        ready_network: Returns the network of a ready model by its name.
        image_tower: Returns the image tower of FaRL, given its weights.
    """

    embedded: Callable[[str], Path]
    official: Callable[[str], Path]
    cached: Callable[[str], Path | None]
    ready_network: Callable[[str], AdaptedNetwork]
    image_tower: Callable[[Weights], ImageTower]


class Backbone(ABC, Generic[Config, Network]):
    """What one paper offers to the public functions.

    ``Config`` is the class of its adaptation settings, ``Network`` that of the networks that it builds.

    Attributes:
        name: Name in ``adapt(backbone=...)``.
        tasks: Names of the tasks that ``build`` supports.
        config: Class of its adaptation settings.
        uses_support: Whether unlabelled support images are used.
        pretrainings: Names that ``facekit.pretrain`` accepts for it.
    """

    name: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]]
    config: ClassVar[type[Adaptation]]
    uses_support: ClassVar[bool] = False
    pretrainings: ClassVar[tuple[str, ...]] = ()

    def __init__(self, files: WeightFiles):
        self.files = files

    def known_frame(self, config: Config) -> str | None:
        """Return the ``align`` of the images that the embedded weights were trained on, if others are much worse.

        Args:
            config: Adaptation settings.
        """
        return None

    def check_task(self, task: type[Task]) -> None:
        """Check that this backbone can do a task.

        Args:
            task: Class of the task.

        Raises:
            ValueError: If it cannot. The message lists what it can do.
        """
        if task.family not in self.tasks:
            known = ", ".join(map(repr, self.tasks))
            able = [name for name in backbone_names() if task.family in backbone_class(name).tasks]
            other = f"backbone {' or '.join(map(repr, able))}" if able else "another backbone"
            raise ValueError(
                f"backbone {self.name!r} cannot do {task.name!r}: expected one of {known}; choose one, or {other}"
            )

    @abstractmethod
    def recipe(self, name: str, task: str, customised: bool, faces: int) -> Config:
        """Return the settings of a named recipe.

        Args:
            name: "quick", "paper", or another name of this backbone.
            task: Name of the task.
            customised: Whether the labels follow the user's own format instead of a published one.
            faces: Number of labelled faces.

        Raises:
            ValueError: If there is no such recipe for the task. The message lists what there is.
        """

    @abstractmethod
    def load(self, weights: Weights = "auto", seed: int = 0) -> nn.Module:
        """Load the pretrained network without a head, in evaluation mode.

        Args:
            weights: "auto", "embedded", "official", "none" (random weights), or a file.
            seed: Seed of random weights.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file holds something else.
        """

    @abstractmethod
    def build(self, weights: Weights, seed: int, task: Task, config: Config) -> Network:
        """Build the network that adaptation trains.

        Args:
            weights: As for ``load``.
            seed: Seed of the new layers.
            task: The task, with its label set.
            config: Settings, an instance of ``self.config``.
        """

    def discriminator(self, weights: Weights, seed: int) -> nn.Module | None:
        """Return a discriminator for the adversarial loss of image-to-image tasks.

        Args:
            weights: As for ``load``.
            seed: Seed of the new layers.

        Returns:
            A module that maps RGB images (N, 3, S, S) in [0, 1] to logits, one or several per image, or None for no
            adversarial loss.
        """
        return None

    def program(
        self,
        network: Network,
        weights: Weights,
        task: Task,
        data: TrainingData,
        config: Config,
        device: torch.device,
        seed: int,
    ) -> FiniteProgram:
        """Return the training program of ``build``'s network.

        Args:
            network: The network.
            weights: As for ``load``.
            task: The task.
            data: Crops and their labels.
            config: Settings, an instance of ``self.config``.
            device: Where to train.
            seed: Seed of the training.

        Raises:
            ValueError: If the data do not fit this backbone.
        """
        discriminator = self.discriminator(weights, seed) if task.paints and config.adversarial_weight else None
        return FineTuning(network, task, data, config, device, seed, discriminator)

    @abstractmethod
    def network_from_dict(self, settings: dict[str, Any]) -> Network:
        """Build the network that ``AdaptedNetwork.to_dict`` describes, with random weights."""

    def embedded_state(self) -> dict[str, Tensor]:
        """Return the embedded tensors by their names in networks of this backbone. Files may leave them out."""
        return {}

    def pretraining(self, kind: str, request: Request) -> Run:
        """Prepare a pre-training.

        Args:
            kind: One of ``pretrainings``.
            request: The arguments of `facekit.pretrain`.
        """
        raise ValueError(f"backbone={kind!r}: expected one of {', '.join(map(repr, self.pretrainings))}")
