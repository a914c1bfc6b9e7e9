"""Keeping the weights that did best on validation faces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..geometry.affine_crop import AffineCrop
from ..model import Model
from ..results.types import Drawable
from .finetune import Fitting


class KeepBest:
    """A `Fitting` whose network is scored every `every` steps and at the end; a `facekit.training.loop.Program`.

    score: of the network as it is, more is better. steps: of the whole training.
    """

    def __init__(self, program: Fitting, score: Callable[[], float], every: int, steps: int):
        self.program, self.score, self.every, self.steps = program, score, every, steps
        self.best, self.kept = float("-inf"), self._weights()

    def _weights(self) -> dict[str, Tensor]:
        return {k: v.detach().cpu().clone() for k, v in self.program.network.state_dict().items()}

    def step(self, index: int) -> dict[str, float]:
        losses = self.program.step(index)
        if (index + 1) % self.every == 0 or index + 1 == self.steps:
            self.program.network.eval()
            with torch.inference_mode():
                losses["validation"] = self.score()
            if losses["validation"] > self.best:
                self.best, self.kept = losses["validation"], self._weights()
        return losses

    def finish(self) -> float:
        """Put the best weights into the network. Returns their score."""
        self.program.network.load_state_dict(self.kept)
        return self.best

    def state_dict(self) -> dict[str, Any]:
        return {"fitting": self.program.state_dict(), "best": self.best, "kept": self.kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.program.load_state_dict(state["fitting"])
        self.best, self.kept = state["best"], state["kept"]


def crop_score(model: Model, crops: Tensor, labels: Tensor) -> float:
    """How well the model does on crops (N,3,S,S) uint8 of its input size, more is better: mean IoU of segmentations,
    else the first of its task's metrics.

    labels: the crops' own, from `crops.training_crops`.
    """
    results: list[Drawable] = []
    for part in crops.split(50):
        images = list(part.permute(0, 2, 3, 1).numpy())
        predictions = model.task.decode(model.maps(part.float().div_(255)))
        whole = AffineCrop(np.eye(3), part.shape[2:])
        results += [model.task.result(p, whole, q, None) for p, q in zip(predictions, images, strict=True)]
    scores = model.task.score(results, list(labels.numpy()))
    if "miou" in scores:
        return scores["miou"]
    value = next(iter(scores.values()))
    return value if model.task.higher_is_better else -value
