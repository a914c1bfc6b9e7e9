"""The embedded ready models, and the framing that leans on one of them."""

from __future__ import annotations

import functools
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..alignment import FaceFramer, Frame
from ..model import Model, load
from ..results.types import Landmarks
from ..zoo.embedded import EMBEDDED, embedded_file

READY = tuple(name for name, file in EMBEDDED.items() if file.endswith(".facekit") and not name.startswith("start-"))


@functools.lru_cache(maxsize=8)
def ready_model(name: str) -> Model:
    """An embedded ready model ("landmarks", "farl-landmarks": 68 points; "segmentation", "farl-segmentation": face
    parts; "segmentation-fasseg": what the first of these says, drawn as in FASSEG; "attributes": CelebA's 40). Loaded
    once."""
    if name not in READY:
        raise ValueError(
            f"no ready model {name!r}: there are {', '.join(map(repr, READY))}; or pass a model from adapt or load"
        )
    return load(embedded_file(name))


def resolve_model(model: Model | str | os.PathLike[str], device: str | torch.device | None = None) -> Model:
    """Return the model that is meant: a model itself, a ready one by its name, or a .facekit file by its path.

    Args:
        model: A `facekit.Model`, a name of `READY`, or a path.
        device: Where to move the model. None leaves a model where it is.

    Raises:
        ValueError: If a text is neither a ready model nor a file, or the file holds no model.
        TypeError: If something else came.
    """
    if isinstance(model, Model):
        found = model
    elif isinstance(model, str) and model in READY:
        found = ready_model(model)
    elif isinstance(model, (str, os.PathLike)):
        if not Path(model).exists():
            known = ", ".join(map(repr, READY))
            raise MissingModel(f"{os.fspath(model)}: no such file or ready model, expected a .facekit file or {known}")
        found = load(model)
    else:
        known = ", ".join(map(repr, READY))
        came = type(model).__name__
        raise TypeError(f"model is {came}: expected a facekit.Model, the path of a .facekit file, or one of {known}")
    return found if device is None else found.to(device)


class MissingModel(FileNotFoundError, ValueError):
    """A text that is neither a ready model nor a file."""


def _points_68(image: np.ndarray, frame: Frame) -> np.ndarray:
    """The 68 points that the ready model finds in a frame."""
    runner = ready_model("landmarks")
    crop = frame.crop(image.shape[:2], runner.input_size)
    x = torch.from_numpy(crop.image(image)).permute(2, 0, 1)[None].float() / 255
    prediction = runner.task.decode(runner.maps(x))[0]
    result = runner.task.result(prediction, crop, image, None)
    assert isinstance(result, Landmarks)
    return result.points


_FRAMER = FaceFramer(_points_68)


def frames_in(image: np.ndarray, align: str, faces: Any) -> list[Frame]:
    """`FaceFramer.frames`, with the ready landmark model for align="landmarks", "mean", "tanh" and "ffhq"."""
    return _FRAMER.frames(image, align, faces)


def frames_in_by_way(image: np.ndarray, ways: Collection[str], faces: Any) -> dict[str, list[Frame]]:
    """`frames_in` for several aligns, with one search for faces."""
    return _FRAMER.frames_by_align(image, ways, faces)
