"""What all pre-trainings have in common: their arguments, and what they train and write."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..core.arguments import check_choice
from ..core.cache_folder import cache_folder
from ..data.face_pool import FacePool
from ..data.named_pools import open_pool
from .distributed import Processes
from .loop import Program

log = logging.getLogger("facekit")


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
        per_step: What all processes together work through per step, such as {"images": 64}.
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
    check_choice(preset, "preset", presets)
    return preset


def pool_of(request: Request, input_size: int, portraits: bool = False) -> FacePool:
    """Open the face crops of a request. Of several processes the first one makes the file.

    Args:
        request: The arguments of `facekit.pretrain`.
        input_size: Side of the network's input, px.
        portraits: Crop as much around the face as the images of FFHQ and CelebA-HQ contain.

    Returns:
        The pool, in the request's folder or else in the cache.

    Raises:
        FileNotFoundError: If a source does not exist.
        ValueError: If a source's COUNT is not a positive integer, or no face is left.
    """
    with request.processes.first_before_others():
        folder = request.pool or cache_folder() / "pools"
        faces = open_pool(request.images, input_size, folder, request.show, portraits, request.device)
    log.info("%d faces: %s", len(faces), faces.sources)
    return faces
