"""L_adv for adapted networks: the discriminator of the first stage judges painted pictures (FSMA section 4.3)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .losses import gan_loss


class Adversary:
    """A discriminator with its optimiser. As in the first stage it learns every 2nd step at half the learning rate."""

    def __init__(self, critic: nn.Module, weight: float, lr: float, betas: tuple[float, float]):
        self.critic, self.weight = critic.train(), weight
        self.optimiser = torch.optim.Adam(critic.parameters(), lr / 2, betas)

    def learn(self, index: int, rate: float, real: Tensor, painted: Tensor) -> dict[str, float]:
        """One step on pictures (N,3,S,S) in [0, 1], if it is the critic's turn; rate: the painter's learning rate."""
        if index % 2:
            return {}
        for group in self.optimiser.param_groups:
            group["lr"] = rate / 2
        self.critic.requires_grad_(True)
        loss = gan_loss(self.critic(real), real=True) + gan_loss(self.critic(painted), real=False)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return {"critic": loss.item()}

    def loss(self, painted: Tensor) -> Tensor:
        """L_adv: how surely the painted pictures are told from real ones."""
        self.critic.requires_grad_(False)
        return gan_loss(self.critic(painted), real=True)

    def state_dict(self) -> dict[str, Any]:
        return {"critic": self.critic.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.critic.load_state_dict(state["critic"])
        self.optimiser.load_state_dict(state["optimiser"])
