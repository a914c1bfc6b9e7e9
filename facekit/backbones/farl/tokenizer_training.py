"""Train the visual tokenizer on unlabelled faces as a VQ-VAE.

VQ-VAE: https://arxiv.org/abs/1711.00937
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...augmentation.affine import Affine, random_matrices
from ...core.device import autocast
from ...core.random_streams import generator_for, shuffled_batch
from ...data.face_pool import Pool, views
from .config import TokenizerTraining
from .tokenizer import VisualTokenizer

SIDE = 64
# Views as in the training of the masked image model, near and far.
VIEWS = Affine(rotate=10.0, scale=(0.75, 1.35), shift=0.08, mirror=0.5)
WARMUP = 20  # Steps of linear warm-up.
# A code is replaced by a vector of the batch if it is used less than this part of an equal share.
IDLE = 0.03


class TokenizerProgram:
    """Training of a VQ-VAE: a `facekit.training.loop.Program`.

    Reconstruction (L1) and commitment are minimised. Codes are running means of the vectors assigned to them. The
    training takes minutes, so it runs in one process.
    """

    def __init__(self, pool: Pool, recipe: TokenizerTraining, steps: int, device: torch.device, seed: int = 0):
        """Build the tokenizer.

        Args:
            pool: Unlabelled face crops.
            recipe: Settings.
            steps: Number of steps of the whole training.
            device: Where to train.
            seed: Seed of all random numbers.
        """
        torch.manual_seed(seed)
        self.pool, self.recipe, self.steps, self.device, self.seed = pool, recipe, steps, device, seed
        self.net = VisualTokenizer(recipe.vocabulary).to(device).train()
        self.share = torch.full((recipe.vocabulary,), 1 / recipe.vocabulary, device=device)
        self.sums = self.net.codes / recipe.vocabulary
        self.optimiser = torch.optim.AdamW(self.net.parameters(), recipe.lr, weight_decay=0.0)
        self.autocast = autocast(device, recipe.bfloat16)

    def batch(self, index: int) -> Tensor:
        """Return the images (N, 3, 64, 64) in [0, 1] of step ``index``."""
        chosen = shuffled_batch(self.seed, index, len(self.pool), self.recipe.batch_size)
        matrices, _ = random_matrices(len(chosen), VIEWS, generator_for(self.seed, index, 3))
        return views(self.pool, chosen, matrices, SIDE, self.device)

    def step(self, index: int) -> dict[str, float]:
        """Make optimisation step ``index`` and return the losses by name."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.lr * min(1.0, (index + 1) / WARMUP) * (1 - 0.9 * index / self.steps)
        x = self.batch(index)
        with self.autocast:
            z = self.net.encode(x)
            ids = self.net.nearest(z.detach())
            codes = self.net.codes[ids]
            # Straight-through estimator: the decoder gets the codes, and its gradient goes to the encoder. In the first
            # part of the run the decoder gets the vectors themselves; otherwise the encoder uses only a dozen codes.
            quantised = index >= self.recipe.free * self.steps
            y = self.net.decode(z + (codes - z).detach() if quantised else z)
        rec = (y.float() - x).abs().mean()
        commit = (z - codes).square().sum(-1).mean()
        self.optimiser.zero_grad(set_to_none=True)
        (rec + self.recipe.commitment * quantised * commit).backward()
        self.optimiser.step()
        used = self._move_codes(z.detach().flatten(0, 2), ids.flatten(), index)
        return {"rec": 255 * rec.item(), "commit": commit.item(), "codes": used}

    @torch.no_grad()
    def _move_codes(self, z: Tensor, ids: Tensor, index: int) -> float:
        """Update the codes by running means, and return the perplexity of their use in this batch."""
        assigned = F.one_hot(ids, self.recipe.vocabulary).to(z)
        share = assigned.mean(0)
        self.share.lerp_(share, 1 - self.recipe.decay)
        self.sums.lerp_(assigned.T @ z / len(z), 1 - self.recipe.decay)
        idle = self.share < IDLE / self.recipe.vocabulary
        if idle.any():
            order = torch.randint(len(z), (int(idle.sum()),), generator=generator_for(self.seed, index, 4))
            fair = 1 / self.recipe.vocabulary
            self.share[idle], self.sums[idle] = fair, z[order.to(z.device)] * fair
        self.net.codes.copy_(F.normalize(self.sums / self.share[:, None], dim=-1))
        return float(torch.exp(-(share * share.clamp_min(1e-9).log()).sum()))

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next step depends on."""
        return {
            "net": self.net.state_dict(),
            "share": self.share,
            "sums": self.sums,
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self.net.load_state_dict(state["net"])
        self.share, self.sums = state["share"].to(self.device), state["sums"].to(self.device)
        self.optimiser.load_state_dict(state["optimiser"])
