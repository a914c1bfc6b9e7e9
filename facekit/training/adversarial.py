"""Adversarial loss of adapted networks: a discriminator judges generated images (FSMA section 4.3)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .losses import gan_loss


class Adversary:
    """A discriminator with its optimiser.

    As in the unsupervised stage, it learns at every second step with half the learning rate.
    """

    def __init__(self, discriminator: nn.Module, weight: float, lr: float, betas: tuple[float, float]):
        """Put the discriminator into training mode.

        Args:
            discriminator: Maps RGB images (N, 3, S, S) in [0, 1] to logits, one or several per image.
            weight: Weight of the adversarial loss.
            lr: Learning rate of the network that generates the images.
            betas: Adam's decay rates.
        """
        self.discriminator, self.weight = discriminator.train(), weight
        self.optimiser = torch.optim.Adam(discriminator.parameters(), lr / 2, betas)

    def learn(self, index: int, lr: float, real: Tensor, painted: Tensor) -> dict[str, float]:
        """Train the discriminator if ``index`` is even.

        Args:
            index: Number of the step.
            lr: Learning rate of the network that generates the images.
            real: Real images (N, 3, S, S) in [0, 1].
            painted: Generated images, same shape.

        Returns:
            The discriminator's loss by name, or nothing.
        """
        if index % 2:
            return {}
        for group in self.optimiser.param_groups:
            group["lr"] = lr / 2
        self.discriminator.requires_grad_(True)
        loss = gan_loss(self.discriminator(real), real=True) + gan_loss(self.discriminator(painted), real=False)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return {"discriminator": loss.item()}

    def loss(self, painted: Tensor) -> Tensor:
        """Return L_adv of generated images (N, 3, S, S): the mean of -log D."""
        self.discriminator.requires_grad_(False)
        return gan_loss(self.discriminator(painted), real=True)

    def state_dict(self) -> dict[str, Any]:
        """Return the discriminator's and the optimiser's states. "critic" is the name in earlier checkpoints."""
        return {"critic": self.discriminator.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self.discriminator.load_state_dict(state["critic"])
        self.optimiser.load_state_dict(state["optimiser"])
