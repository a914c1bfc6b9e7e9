"""Train pixel classifiers on the features of drawn pixels, without a stack of maps (PFTGAN sections 3.3 and 4.1).

Pixels are drawn once from the maps of labelled images. All members of an ensemble are trained on them at once, each in
an order of its own. A step of the training loop is one epoch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.random_streams import generator_for
from .pixel_classifier import Ensemble
from .pixel_sampling import Pixels
from .stacked_classifiers import StackedClassifiers


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
    """

    optimiser: str = "adam"
    lr: float = 1e-3
    batch_size: int = 64
    epochs: int = 100
    patience: int = 50
    patience_from: int = 4
    unhurried: int = 0
    members: int = 10


class PixelFitting:
    """Training of an ensemble: a `facekit.training.loop.Program`. A step is one epoch of all members at once.

    A member that has stopped early keeps the weights of that moment.
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
        self.lowest = [math.inf] * len(ensemble.members)
        self.waited = [0] * len(ensemble.members)
        self.losses = [math.nan] * len(ensemble.members)
        self._stack()

    @property
    def steps(self) -> int:
        """Number of steps of the whole training."""
        return self.recipe.epochs

    @property
    def active(self) -> list[int]:
        """Numbers of the members that have not stopped early."""
        return [m for m, waited in enumerate(self.waited) if waited <= self.recipe.patience]

    def _stack(self) -> None:
        """Copy the members into one network, and begin with an optimiser of all."""
        self.network = StackedClassifiers(self.ensemble.each()).to(self.device)
        kind = torch.optim.Adam if self.recipe.optimiser == "adam" else torch.optim.SGD
        self.optimiser = kind(self.network.parameters(), lr=self.recipe.lr)

    def step(self, index: int) -> dict[str, float]:
        """Make optimisation step ``index`` and return the losses by name.

        Raises:
            FloatingPointError: If the loss is not finite.
        """
        if self.active:
            samples = index * len(self.labels)
            self._epoch(index, index >= self.recipe.patience_from and samples >= self.recipe.unhurried)
        loss = sum(self.losses) / len(self.losses)
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"loss of the pixel classifiers: expected a finite number, got {loss} in epoch {index} with learning "
                f"rate {self.recipe.lr:g}; lower it (classifier_lr)"
            )
        return {"loss": loss}

    def _epoch(self, index: int, impatient: bool) -> None:
        """Train all members for one epoch. Those that stop early are copied to the ensemble at once."""
        training, seen = self.active, []
        for chosen in self._batches(index):
            losses = self.descend(chosen)
            seen.append(losses)
            for m, loss in enumerate(losses.tolist() if impatient else []):
                if m not in training:
                    continue
                self.waited[m] = 0 if loss < self.lowest[m] else self.waited[m] + 1
                self.lowest[m] = min(self.lowest[m], loss)
            for m in set(training) - set(self.active):
                self._finish(m, seen)
                training.remove(m)
            if not training:
                return
        for m in training:
            self._finish(m, seen)

    def _batches(self, index: int) -> Iterable[Tensor]:
        """Return pixel numbers (M, P) of each batch of an epoch. Each member has an order of its own.

        An incomplete last batch is left out, as BatchNorm fails on one pixel.
        """
        whole = len(self.labels) // self.batch * self.batch
        numbers = [member * self.recipe.epochs + index for member in range(len(self.waited))]
        orders = torch.empty(len(numbers), whole, dtype=torch.int64)
        for order, n in zip(orders, numbers, strict=True):
            order.copy_(torch.randperm(len(self.labels), generator=generator_for(self.seed, n, 14))[:whole])
        return orders.to(self.device).split(self.batch, 1)

    def descend(self, chosen: Tensor) -> Tensor:
        """Make one step on pixels (M, P). Return the members' losses (M,)."""
        logits, labels = self.network(self.features[chosen]), self.labels[chosen]
        each = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
        losses = each.view(labels.shape).mean(1)
        self.optimiser.zero_grad(set_to_none=True)
        losses.sum().backward()  # no weight has an effect on more than one member's loss
        self.optimiser.step()
        return losses.detach()

    def _finish(self, member: int, seen: list[Tensor]) -> None:
        """Copy a member's weights to the ensemble, and keep its mean loss over the batches of this epoch."""
        self.network.copy_member(member, self.ensemble.each()[member])
        self.losses[member] = float(torch.stack(seen)[:, member].mean())

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next step depends on."""
        return {
            "ensemble": self.ensemble.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "lowest": self.lowest,
            "waited": self.waited,
            "losses": self.losses,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self.ensemble.load_state_dict(state["ensemble"])
        self._stack()
        self.optimiser.load_state_dict(state["optimiser"])
        self.lowest, self.waited, self.losses = list(state["lowest"]), list(state["waited"]), list(state["losses"])
