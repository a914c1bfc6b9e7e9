"""What the trainings of a backbone have in common: what was asked, what is trained, what is written at the end."""

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
    """The arguments of `facekit.pretrain` that a training's own file reads."""

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
    """A training. tensors: what its file holds at the end. about: plain facts for the file and its card. per_step: how
    many of what a step works through ("images", "tokens", ...), of all processes."""

    program: Program
    steps: int
    tensors: Callable[[], dict[str, Tensor]]
    about: dict[str, str]
    per_step: dict[str, int] = field(default_factory=dict)


def chosen_preset(preset: str | None, presets: dict[str, Any]) -> str:
    """The preset's name, the first one for None. Raises ValueError that lists them."""
    if preset is None:
        return next(iter(presets))
    if preset not in presets:
        raise ValueError(f"preset={preset!r}: expected one of {', '.join(map(repr, presets))}")
    return preset
