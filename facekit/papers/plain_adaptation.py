"""Adapted models as the papers have them: none averages a prediction with that of the mirrored image."""

from __future__ import annotations

from typing import Any

from ..api.adaptation import adapt
from ..model import Model


def adapt_plain(images: Any, labels: Any, task: str, backbone: str, draw: int, **settings: Any) -> Model:
    """Adapt a model whose predictions are not averaged with those of mirrored images.

    Args:
        images: As for `facekit.adapt`.
        labels: As for `facekit.adapt`.
        task: Name of the task.
        backbone: Name of the backbone.
        draw: Number of the draw, which is the seed.
        **settings: Other arguments of `facekit.adapt`.

    Returns:
        The model.
    """
    model = adapt(images, labels, task, backbone, seed=draw, progress=False, **settings)
    model.task.averages = False  # type: ignore[misc]
    return model
