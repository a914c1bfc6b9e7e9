"""Keep the weights of the epoch that scores best on validation faces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .loop import Hook


class BestCheckpoint(Hook):
    """Score a network every few steps and keep its best weights."""

    def __init__(self, network: nn.Module, score: Callable[[], float], every: int, steps: int):
        """Keep the weights as they are until the first score.

        Args:
            network: The network in training.
            score: Scores the network as it is; larger is better.
            every: Steps between two scores.
            steps: Steps of the whole training. The last step is scored, too.
        """
        self.network, self.score, self.every, self.steps = network, score, every, steps
        self.best, self.weights = float("-inf"), self._current()

    def after_step(self, index: int, losses: dict[str, float]) -> None:
        """Score the network where it is due, and add the score to the losses as "validation"."""
        if (index + 1) % self.every and index + 1 != self.steps:
            return
        self.network.eval()
        with torch.inference_mode():
            losses["validation"] = self.score()
        if losses["validation"] > self.best:
            self.best, self.weights = losses["validation"], self._current()

    def restore(self) -> float:
        """Put the best weights into the network and return their score."""
        self.network.load_state_dict(self.weights)
        return self.best

    def state_dict(self) -> dict[str, Any]:
        """Return the best score and weights."""
        return {"best": self.best, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self.best, self.weights = state["best"], state["weights"]

    def _current(self) -> dict[str, Tensor]:
        return {k: v.detach().cpu().clone() for k, v in self.network.state_dict().items()}
