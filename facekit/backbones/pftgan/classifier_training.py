"""Train pixel classifiers on the features of drawn pixels, without a stack of maps (PFTGAN sections 3.3 and 4.1).

Pixels are drawn once from the maps of labelled images. The members of an ensemble are trained on them one after the
other. A step of the training loop is one epoch of one member.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from ...core.random_streams import generator_for
from .pixel_classifier import Ensemble
from .pixel_sampling import Pixels

log = logging.getLogger("facekit")


@dataclass(frozen=True)
class PixelRecipe:
    """Settings of the training of pixel classifiers. The defaults are those of DatasetGAN's paper and code.

    A member stops after more than ``patience`` batches in a row without a new smallest loss.

    Attributes:
        optimiser: "adam", or "sgd" without momentum.
        lr: Learning rate.
        batch_size: Pixels per batch.
        epochs: Epochs of each member, at most.
        patience: Number of batches, see above.
        patience_from: First epoch, counted from 0, in which batches are counted.
        unhurried: Number of pixels that a member is trained on before batches are counted.
        members: Number of members.
        pixels: Pixels drawn from all images. None is all labelled ones, or as many as the memory limit allows.
    """

    optimiser: str = "adam"
    lr: float = 1e-3
    batch_size: int = 64
    epochs: int = 100
    patience: int = 50
    patience_from: int = 4
    unhurried: int = 0
    members: int = 10
    pixels: int | None = None


DATASETGAN = PixelRecipe()
# Section 4.1 gives the optimiser and an "initial" learning rate without a schedule. The rest is that of DatasetGAN
# (section 3.3).
PFTGAN = PixelRecipe(optimiser="sgd", lr=0.5)


class PixelFitting:
    """Training of an ensemble: a `facekit.training.loop.Program`. A step is one epoch of one member.

    After a member has stopped early, its remaining steps do nothing.
    """

    def __init__(self, ensemble: Ensemble, pixels: Pixels, recipe: PixelRecipe, device: torch.device, seed: int = 0):
        """Prepare the training.

        Args:
            ensemble: The classifiers.
            pixels: The labelled pixels.
            recipe: Settings.
            device: Where to train.
            seed: Seed of the order of pixels.

        Raises:
            ValueError: If a setting is out of range.
        """
        if recipe.optimiser not in ("adam", "sgd"):
            raise ValueError(f"optimiser={recipe.optimiser!r}: expected 'adam' or 'sgd'")
        if recipe.batch_size < 2 or recipe.epochs < 1 or recipe.lr <= 0:
            raise ValueError(
                f"batch_size={recipe.batch_size}, epochs={recipe.epochs}, lr={recipe.lr}: expected at least 2 (for "
                "BatchNorm), at least 1 and a positive number"
            )
        self.ensemble, self.recipe, self.device, self.seed = ensemble.to(device), recipe, device, seed
        self.features, self.labels = pixels.features.to(device), pixels.labels.to(device)
        self.batch = min(recipe.batch_size, len(self.labels))
        self._begin(0)

    @property
    def steps(self) -> int:
        """Number of steps of the whole training."""
        return len(self.ensemble.members) * self.recipe.epochs

    def _begin(self, member: int) -> None:
        """Start the training of a member."""
        self.member, self.network = member, self.ensemble.members[member]
        kind = torch.optim.Adam if self.recipe.optimiser == "adam" else torch.optim.SGD
        self.optimiser = kind(self.network.parameters(), lr=self.recipe.lr)
        self.lowest, self.waited, self.loss = math.inf, 0, math.nan

    @property
    def stopped(self) -> bool:
        """Whether the current member has stopped early."""
        return self.waited > self.recipe.patience

    def step(self, index: int) -> dict[str, float]:
        """Make optimisation step ``index`` and return the losses by name."""
        member, epoch = divmod(index, self.recipe.epochs)
        if member != self.member:
            self._begin(member)
        if not self.stopped:
            samples = epoch * len(self.labels)
            self.loss = self._epoch(index, epoch >= self.recipe.patience_from and samples >= self.recipe.unhurried)
        return {"loss": self.loss}

    def _epoch(self, index: int, impatient: bool) -> float:
        """Train one epoch and return the mean loss over batches."""
        self.network.train()
        order = torch.randperm(len(self.labels), generator=generator_for(self.seed, index, 14)).to(self.device)
        losses = []
        # An incomplete last batch is left out, as BatchNorm fails on one pixel.
        for chosen in order[: len(order) // self.batch * self.batch].split(self.batch):
            loss = F.cross_entropy(self.network(self.features[chosen]), self.labels[chosen])
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
            losses.append(loss.item())
            if impatient:
                self.waited = 0 if losses[-1] < self.lowest else self.waited + 1
                self.lowest = min(self.lowest, losses[-1])
            if self.stopped:
                break
        return sum(losses) / len(losses)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next step depends on."""
        return {
            "ensemble": self.ensemble.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "member": self.member,
            "lowest": self.lowest,
            "waited": self.waited,
            "loss": self.loss,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self.ensemble.load_state_dict(state["ensemble"])
        self._begin(state["member"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.lowest, self.waited, self.loss = state["lowest"], state["waited"], state["loss"]
