"""`facekit.suggest`: the images that a model is least certain about (uncertainty sampling)."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.global_state import default_settings
from ..core.listing import first_of
from ..images.reader import image_source, load_each, to_tensor
from ..images.types import Images
from ..model import Model, find_frames, resolve_model
from .uncertainty import divergence_map


@dataclass(frozen=True, eq=False)
class Suggestion:
    """Images in the order in which to label them.

    Attributes:
        order: Indices of the images, (N,) int64, the most uncertain first. Images without a face are last.
        scores: Uncertainty of each image in the order of the input, (N,) float32. NaN without a face.
        names: Name of each image in the order of the input: the file's name, or "image 3" for an array.
    """

    order: NDArray[np.int64]
    scores: NDArray[np.float32]
    names: tuple[str, ...]

    def __repr__(self) -> str:
        first = ", ".join(f"{self.names[i]} ({self.scores[i]:.3g})" for i in self.order[:3])
        return f"Suggestion(label next: {first}{' ...' if len(self.order) > 3 else ''})"


@default_settings()
def suggest(model: Model | str | os.PathLike[str], images: Images, *, align: str | None = None) -> Suggestion:
    """Find the images to label next: those with the largest uncertainty.

    The uncertainty of a face depends on the task. Compare scores of one model only.

    - "landmarks": 1 minus the mean score of the points, 0 to 1.
    - "segmentation": mean entropy of the class probabilities over the pixels, in nats. With several ``members``
      (pftgan), the mean Jensen-Shannon divergence of the classifiers, as in `facekit.uncertainty`.
    - "attributes": mean entropy of the attributes, in nats.
    - "stylization", "shadow_removal" and tasks of your own: mean absolute difference between the output and the output
      for the mirrored image, turned back.

    Args:
        model: A model, its file, or the name of a ready model.
        images: Images without labels, as in `facekit.predict`. One is in memory at a time.
        align: How faces are cropped. None is the model's own ``align``.

    Returns:
        The order and the scores. Of several faces in one image the most uncertain one counts.

    Raises:
        ImageError: If an image cannot be read.
        ValueError: If the model or ``align`` is wrong.

    Example:
        >>> suggestion = facekit.suggest(model, images)
        >>> suggestion.order[0]  # the image to label next
        >>> suggestion.names[suggestion.order[0]]  # its name
    """
    runner = resolve_model(model)
    found = [
        (name, _uncertainty(runner, image, align or runner.align))
        for _, name, image in load_each(image_source(images), "raise", {})
    ]
    scores = np.array([score for _, score in found], np.float32)
    without = [name for name, score in found if score != score]
    if without:
        listing = first_of(without, 5)
        problem = f"no face found in {len(without)} of {len(found)} images ({listing})"
        fix = "their scores are NaN, and they come last; label others, or pass align='none' for face crops"
        warnings.warn(f"{problem}, expected one in each: {fix}", stacklevel=3)
    order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")
    return Suggestion(order, scores, tuple(name for name, _ in found))


def _uncertainty(model: Model, image: NDArray[np.uint8], align: str) -> float:
    """Return the uncertainty of one image, NaN without a face."""
    frames = find_frames(image, align, None)
    if not frames:
        return float("nan")
    if model.network.members > 1 and model.adapter is None:
        return max(float(np.nanmean(divergence_map(model, image, [frame]))) for frame in frames)
    x = to_tensor([frame.crop(image.shape[:2], model.input_size).image(image) for frame in frames])

    def mirrored() -> torch.Tensor:
        return model.task.mirror_maps(model.maps(x.flip(-1)))

    return float(model.task.uncertainty(model.maps(x), mirrored).max())
