"""Base class of the backbones, and their registry.

A backbone is one paper's system. `adapt`, `load_backbone` and `pretrain` use nothing but the methods of `Backbone`, so
a new backbone is a subclass in a folder of its own, made known by `register`.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..core.global_state import own_import
from ..tasks import Task
from ..training.adapted_network import AdaptedNetwork
from ..training.config import Adaptation
from ..training.finetune import FineTuning, TrainingData
from ..training.loop import Program
from ..training.pretraining_run import Request, Run

Weights = str | Path


@dataclass(frozen=True)
class WeightFiles:
    """Access to weights outside a backbone's own folder.

    Attributes:
        embedded: Returns the path of an embedded file by its name in `facekit.zoo`.
        official: Returns the path of published weights by name. Downloads them if they are not in the cache.
        cached: Returns the path of published weights if they are in the cache, else None.
        ready_network: Returns the network of a ready model by its name.
    """

    embedded: Callable[[str], Path]
    official: Callable[[str], Path]
    cached: Callable[[str], Path | None]
    ready_network: Callable[[str], AdaptedNetwork]


class Backbone(ABC):
    """What one paper offers to the public functions.

    Attributes:
        name: Name in ``adapt(backbone=...)``.
        tasks: Names of the tasks that ``build`` supports.
        config: Class of its adaptation settings.
        pretrainings: Names that ``facekit.pretrain`` accepts for it.
    """

    name: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]]
    config: ClassVar[type[Adaptation]]
    pretrainings: ClassVar[tuple[str, ...]] = ()

    def __init__(self, files: WeightFiles):
        self.files = files

    @abstractmethod
    def recipe(self, name: str, task: str, customised: bool, faces: int) -> Adaptation:
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
    def build(self, weights: Weights, seed: int, task: Task, config: Adaptation) -> AdaptedNetwork:
        """Build the network that adaptation trains.

        Args:
            weights: As for ``load``.
            seed: Seed of the new layers.
            task: The task, with its label set.
            config: Settings, an instance of ``self.config``.
        """

    def discriminator(self, weights: Weights, seed: int) -> nn.Module | None:
        """Return a discriminator for the adversarial loss of image-to-image tasks.

        It maps RGB images (N, 3, S, S) in [0, 1] to logits (N,). None trains without an adversarial loss.
        """
        return None

    def program(
        self,
        network: AdaptedNetwork,
        weights: Weights,
        task: Task,
        data: TrainingData,
        config: Adaptation,
        device: torch.device,
        seed: int,
    ) -> Program:
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
        if data.support is not None:
            raise ValueError(f"support_images came, but backbone {self.name!r} learns from labelled images only")
        discriminator = self.discriminator(weights, seed) if task.paints else None
        return FineTuning(network, task, data, config, device, seed, discriminator)

    @abstractmethod
    def network_from_dict(self, settings: dict[str, Any]) -> AdaptedNetwork:
        """Build the network that ``AdaptedNetwork.to_dict`` describes, with random weights."""

    def frozen_keys(self, network: AdaptedNetwork) -> set[str]:
        """Return the names of tensors that are this backbone's own embedded weights."""
        return set()

    def embedded_state(self) -> dict[str, Tensor]:
        """Return the embedded tensors that ``frozen_keys`` names."""
        return {}

    def pretraining(self, kind: str, request: Request) -> Run:
        """Prepare a pre-training.

        Args:
            kind: One of ``pretrainings``.
            request: The arguments of `facekit.pretrain`.
        """
        raise ValueError(f"backbone={kind!r}: expected one of {', '.join(map(repr, self.pretrainings))}")


# Name -> "module:class". Modules are imported at first use, for timm and open_clip take seconds.
_CLASSES = {
    "fsma": "facekit.backbones.fsma.backbone:FSMA",
    "farl": "facekit.backbones.farl.backbone:FaRL",
    "synthparse": "facekit.backbones.synthparse.backbone:SynthParse",
    "pftgan": "facekit.backbones.pftgan.backbone:PFTGAN",
}
_REGISTERED: dict[str, type[Backbone]] = {}


def register(backbone: type[Backbone]) -> type[Backbone]:
    """Make a backbone known by its name. Usable as a class decorator.

    Raises:
        ValueError: If another backbone has the name already.
    """
    if backbone.name in _CLASSES or _REGISTERED.get(backbone.name, backbone) is not backbone:
        raise ValueError(f"backbone {backbone.name!r} is registered already; choose another name")
    _REGISTERED[backbone.name] = backbone
    return backbone


def backbone_names() -> list[str]:
    """Return the names of all backbones."""
    return [*_CLASSES, *_REGISTERED]


def backbone_class(name: str) -> type[Backbone]:
    """Return the class of a backbone.

    Raises:
        ValueError: If there is no backbone of that name. The message lists them.
    """
    if name in _REGISTERED:
        return _REGISTERED[name]
    if name not in _CLASSES:
        raise ValueError(f"backbone={name!r}: expected one of {', '.join(map(repr, backbone_names()))}")
    module, _, attribute = _CLASSES[name].partition(":")
    with own_import():
        found: type[Backbone] = getattr(importlib.import_module(module), attribute)
    return found
