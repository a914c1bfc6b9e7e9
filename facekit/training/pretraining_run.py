"""What all pre-trainings have in common: their arguments, and what they train and write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .distributed import Processes
from .loop import Program


@dataclass(frozen=True)
class Request:
    """The arguments of `facekit.pretrain` for one backbone.

    Attributes:
        images: Folders, shards, or names of face sources.
        preset: Name of a preset, or None for the first one.
        steps: Number of steps, or None for the preset's.
        weights: None (random), "embedded", or a file to go on from.
        pool: Folder of decoded crops, or None for the default.
        device: Where to train.
        seed: Seed of all random numbers.
        show: Whether to show progress.
        processes: The processes that train together.
        overrides: The user's values by the names of fields.
    """

    images: list[str]
    preset: str | None
    steps: int | None
    weights: Any
    pool: Any
    device: torch.device
    seed: int
    show: bool
    processes: Processes
    overrides: dict[str, Any]


@dataclass(frozen=True)
class Run:
    """A prepared pre-training.

    Attributes:
        program: What to train.
        steps: Number of steps.
        tensors: Returns the tensors of the weight file.
        about: Facts for the weight file and its card.
        per_step: What all processes together work through per step, such as {"pictures": 64}.
    """

    program: Program
    steps: int
    tensors: Callable[[], dict[str, Tensor]]
    about: dict[str, str]
    per_step: dict[str, int] = field(default_factory=dict)


def chosen_preset(preset: str | None, presets: dict[str, Any]) -> str:
    """Return the name of the chosen preset.

    Args:
        preset: The user's choice. None is the first one.
        presets: All presets by name.

    Raises:
        ValueError: If there is no such preset. The message lists them.
    """
    if preset is None:
        return next(iter(presets))
    if preset not in presets:
        raise ValueError(f"preset={preset!r}: expected one of {', '.join(map(repr, presets))}")
    return preset
