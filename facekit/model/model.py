"""The public model class, and how models are found: by name, by path, or as they are."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any, Literal

import torch
from numpy.typing import ArrayLike

from ..alignment import FaceBoxes
from ..annotations.label_items import Labels
from ..core.arguments import check_path, suggestion
from ..core.global_state import default_settings
from ..images import read_images
from ..images.types import Images
from ..zoo import EMBEDDED, embedded_file
from .evaluation import score_labelled
from .model_reader import read_parts
from .prediction import predict_all
from .trained_model import TrainedModel

# Names of the embedded models that `predict` accepts.
READY = tuple(name for name, file in EMBEDDED.items() if file.endswith(".facekit") and not name.startswith("start-"))


class Model(TrainedModel):
    """A trained face model. `facekit.adapt` and `facekit.load` return it."""

    @default_settings()
    def predict(
        self,
        images: Images,
        *,
        faces: FaceBoxes | None = None,
        align: str | None = None,
        on_error: Literal["raise", "skip"] = "raise",
    ) -> Any:
        """Run this model on one image or many.

        Args:
            images: A path, folder, PIL image, array or tensor, or a sequence of these.
            faces: Face boxes (x0, y0, x1, y1) in pixels instead of face detection; for many images one list per image.
            align: How faces are cropped. None is the model's own ``align``.
            on_error: "raise", or "skip" to leave out unreadable files with a warning.

        Returns:
            As `facekit.predict`: one result for one image, a list for several.

        Raises:
            ImageError: If an image cannot be read. The message names it.
            ValueError: If ``align`` or the boxes are wrong.

        Example:
            >>> faces = facekit.load("mine.facekit").predict("photo.jpg")
        """
        return predict_all([self], images, faces, align, on_error, stacklevel=4)[0]

    @default_settings()
    def evaluate(
        self, images: Images, labels: Labels, *, align: str | None = None, boxes: ArrayLike | None = None
    ) -> dict[str, float]:
        """Score this model on labelled images with one face each.

        Args:
            images: As for ``predict``.
            labels: As for `facekit.adapt`.
            align: How faces are cropped. None is the model's own ``align``.
            boxes: As for `facekit.evaluate`.

        Returns:
            The metrics of the task by name, in percent (PSNR in dB). `facekit.evaluate` lists them.

        Raises:
            ValueError: If a label or a box is wrong. The message names it.
        """
        return score_labelled(self, read_images(images), labels, align, boxes, stacklevel=5)


@default_settings()
def load(path: str | os.PathLike[str], device: str | torch.device | None = None) -> Model:
    """Read a .facekit file, or one of facer's released models. Nothing in it is executed.

    Args:
        path: The file. facer's TorchScript archives of FaRL are read, too: parsing of LaPa and CelebAMask-HQ, and
            landmarks of 300-W, WFLW and AFLW-19.
        device: Where the model runs. None is the best available device.

    Returns:
        The model.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError: If ``path`` is no path.
        ValueError: If the file is no model, is damaged, or comes from a newer facekit.

    Example:
        >>> model = facekit.load("mine.facekit")
    """
    check_path(path, "path")
    return Model(**vars(read_parts(path))).to(device)


@functools.cache
def ready_model(name: str) -> Model:
    """Return an embedded ready model. It is loaded once.

    Args:
        name: "landmarks", "farl-landmarks" (68 points), "segmentation", "farl-segmentation" (face parts),
            "segmentation-fasseg" (the first parser with a label adapter to FASSEG), "attributes" (CelebA's 40),
            "sketch", "sketch-fs2k" (a face as a sketch, in two styles), or "shadow-removal".

    Raises:
        ValueError: If there is no model of that name. The message lists them.
    """
    if name not in READY:
        raise ValueError(
            f"no ready model {name!r}: there are {', '.join(map(repr, READY))}; "
            + suggestion(name, READY, "or pass a model from adapt or load")
        )
    return load(embedded_file(name))


class MissingModel(FileNotFoundError, ValueError):  # noqa: N818
    """A text is neither the name of a ready model nor a file."""


def resolve_model(model: Model | str | os.PathLike[str], device: str | torch.device | None = None) -> Model:
    """Return the model that is meant: a model itself, a ready one by its name, or a .facekit file by its path.

    Args:
        model: A model, a name of `READY`, or a path.
        device: Where to move the model. None leaves a model where it is.

    Raises:
        MissingModel: If a text is neither a ready model nor a file.
        ValueError: If the file holds no model.
        TypeError: If it is of another type.
    """
    known = ", ".join(map(repr, READY))
    if isinstance(model, Model):
        resolved = model
    elif isinstance(model, str) and model in READY:
        resolved = ready_model(model)
    elif isinstance(model, (str, os.PathLike)):
        if not Path(model).exists():
            name = os.fspath(model)
            advice = suggestion(name, READY, "correct the name")
            raise MissingModel(f"{name}: no such file or ready model, expected a .facekit file or {known}; {advice}")
        resolved = load(model)
    else:
        type_name = type(model).__name__
        raise TypeError(
            f"model is {type_name}: expected a facekit.Model, the path of a .facekit file, or one of {known}; pass one "
            "of these"
        )
    return resolved if device is None else resolved.to(device)
