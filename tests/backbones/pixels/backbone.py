"""The toy backbone."""

from __future__ import annotations

from typing import Any, ClassVar

from facekit.backbones.base import Backbone, Weights
from facekit.backbones.registry import register
from facekit.core.global_state import seeded_random
from facekit.tasks import Task
from facekit.training.config import Adaptation

from .config import QUICK, PixelAdaptation
from .network import PixelEncoder, PixelNetwork


@register
class Pixels(Backbone[PixelAdaptation, PixelNetwork]):
    """Parts from the colours and positions of single pixels."""

    name: ClassVar[str] = "pixels"
    tasks: ClassVar[tuple[str, ...]] = ("segmentation",)
    config: ClassVar[type[Adaptation]] = PixelAdaptation

    def recipe(self, name: str, task: str, customised: bool, faces: int) -> PixelAdaptation:
        if name != "quick":
            raise ValueError(f"recipe={name!r}: expected 'quick' or a PixelAdaptation")
        return QUICK

    def load(self, weights: Weights = "auto", seed: int = 0) -> PixelEncoder:
        return PixelEncoder()

    def build(self, weights: Weights, seed: int, task: Task, config: PixelAdaptation) -> PixelNetwork:
        with seeded_random(seed):
            return PixelNetwork(task.channels, task.stride, config.width)

    def network_from_dict(self, settings: dict[str, Any]) -> PixelNetwork:
        return PixelNetwork(**settings)
