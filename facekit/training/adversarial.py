"""L_adv for adapted networks: the discriminator of the first stage judges painted images (FSMA section 4.3)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .losses import gan_loss


class Adversary:
    """A discriminator with its optimiser. As in the first stage it learns every 2nd step at half the learning rate."""

    def __init__(self, discriminator: nn.Module, weight: float, lr: float, betas: tuple[float, float]):
        self.discriminator, self.weight = discriminator.train(), weight
        self.optimiser = torch.optim.Adam(discriminator.parameters(), lr / 2, betas)

    def learn(self, index: int, rate: float, real: Tensor, painted: Tensor) -> dict[str, float]:
        """One step on images (N,3,S,S) in [0, 1], if it is the discriminator's turn; rate: the painter's learning rate."""
        if index % 2:
            return {}
        for group in self.optimiser.param_groups:
            group["lr"] = rate / 2
        self.discriminator.requires_grad_(True)
        loss = gan_loss(self.discriminator(real), real=True) + gan_loss(self.discriminator(painted), real=False)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return {"discriminator": loss.item()}

    def loss(self, painted: Tensor) -> Tensor:
        """L_adv: how surely the painted images are told from real ones."""
        self.discriminator.requires_grad_(False)
        return gan_loss(self.discriminator(painted), real=True)

    def state_dict(self) -> dict[str, Any]:
        return {"critic": self.discriminator.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.discriminator.load_state_dict(state["critic"])
        self.optimiser.load_state_dict(state["optimiser"])
