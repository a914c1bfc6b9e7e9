"""Settings of the toy backbone."""

from __future__ import annotations

from dataclasses import dataclass

from facekit.training.config import Adaptation


@dataclass(frozen=True)
class PixelAdaptation(Adaptation):
    """Training of a perceptron on single pixels.

    Attributes:
        width: Channels of the hidden layer.
    """

    width: int = 32


QUICK = PixelAdaptation(steps=150, batch_size=4, lr=2e-2, views=4, least_views=8, rotate=5.0, mirror=False)
