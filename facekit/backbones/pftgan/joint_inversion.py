"""An encoder that learns beside its generator: real images, found and shown again, teach both."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from ...augmentation.affine import Affine, random_matrices
from ...core.random_streams import generator_for
from ...data.face_pool import Pool, views
from ...training.distributed import ALONE, Processes
from .config import InversionPretraining
from .inversion_encoder import InversionEncoder
from .stylegan2 import Generator, Linear


class LatentDiscriminator(nn.Module):
    """Tells codes that the mapping makes from those that the encoder finds (e4e's latent discriminator): (P,w_dim) to
    logits (P,) of being the mapping's."""

    def __init__(self, w_dim: int):
        super().__init__()
        hidden = [Linear(w_dim, w_dim, lrelu=True) for _ in range(4)]
        self.layers = nn.Sequential(*hidden, Linear(w_dim, 1))

    @override
    def forward(self, codes: Tensor) -> Tensor:
        logits: Tensor = self.layers(codes)
        return logits[:, 0]


class Reconstructing:
    """The terms that `pretraining.Pretraining` adds to the generator's loss, of an inversion encoder's training.

    A generator that has seen a hundred thousand images, not 25 million, knows faces from its discriminator only roughly;
    showing real ones again tells it of every pixel. The rest is `inverting.Inverting`: deltas stay small, and the
    generator's own images have known codes. By e4e's latent discriminator the codes of real images become such as
    the mapping makes, and (ours) the mapping makes such as real images have: then what is learned from them serves
    all that the generator makes. `mean` is the encoder with running mean weights, the one to keep.
    """

    def __init__(
        self,
        encoder: InversionEncoder,
        distance: nn.Module,
        recipe: InversionPretraining,
        device: torch.device,
        processes: Processes = ALONE,
    ):
        self.processes = processes
        self.recipe, self.device, self.distance = recipe, device, distance.to(device)
        self.encoder = encoder.to(device).to(memory_format=torch.channels_last)
        processes.share_norms(self.encoder)
        processes.copy_from_first(self.encoder)
        self.mean = copy.deepcopy(self.encoder).requires_grad_(False).eval()
        self.optimiser = torch.optim.Adam(self.encoder.parameters(), recipe.lr, recipe.betas)
        self.discriminator = LatentDiscriminator(encoder.size.w_dim).to(device)
        processes.copy_from_first(self.discriminator)
        self.optimiser_discriminator = torch.optim.Adam(self.discriminator.parameters(), recipe.lr, (0.0, 0.99))
        self.affine = Affine(recipe.rotate, recipe.scale, recipe.shift, mirror=0.5)

    def real(self, pool: Pool, chosen: Tensor, seed: int, index: int) -> Tensor:
        """The chosen images, moved a little: (n,3,S,S) in [-1, 1]."""
        matrices, _ = random_matrices(len(chosen), self.affine, generator_for(seed, index, 19))
        x = views(pool, chosen, matrices, self.encoder.size.input_size, self.device)
        return (x * 2 - 1).contiguous(memory_format=torch.channels_last)

    def show(self, generator: Generator, real: Tensor, made: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """Codes (n+m,L,w_dim) of real images (n,3,S,S) and of the generator's (m,3,S,S), and the real ones shown
        again (n,3,S,S); all images in [-1, 1]."""
        self.encoder.train()
        codes = self.encoder((torch.cat([real, made.detach()]) + 1) / 2).float()
        return codes, generator.synthesis(codes[: len(real)], "random", draws).float()

    def losses(self, real: Tensor, codes: Tensor, shown: Tensor, known: Tensor) -> dict[str, Tensor]:
        """By name, unweighted. real: (n,3,S,S); codes, shown: what `show` returned; known: the codes (m,L,w_dim) that
        the generated images were made of."""
        found = codes[: len(real)].flatten(0, 1)
        self.discriminator.requires_grad_(False)
        return {
            "l2": (shown - real).square().mean(),
            "lpips": self.distance(shown, real).float().mean(),
            "codes": (codes[len(real) :] - known.detach()).square().mean(),
            "deltas": (codes[:, 1:] - codes[:, :1]).square().sum(2).sqrt().mean(),
            "prior": F.softplus(-self.discriminator(found)).mean(),
            "mapped": F.softplus(self.discriminator(known.flatten(0, 1))).mean(),
            "judged": self._learn(known.detach().flatten(0, 1), found.detach()),
        }

    def _learn(self, made: Tensor, found: Tensor) -> Tensor:
        """A step of the latent discriminator, with R1, on codes (P,w_dim) that were made and that were found."""
        self.discriminator.requires_grad_(True)
        made = made.requires_grad_(True)
        logits = self.discriminator(made)
        (gradient,) = torch.autograd.grad(logits.sum(), made, create_graph=True)
        loss = F.softplus(-logits).mean() + F.softplus(self.discriminator(found)).mean()
        self.optimiser_discriminator.zero_grad(set_to_none=True)
        (loss + self.recipe.prior_r1 / 2 * gradient.square().sum(1).mean()).backward()
        self.processes.average_gradients(self.discriminator.parameters())
        self.optimiser_discriminator.step()
        self.discriminator.requires_grad_(False)
        return loss.detach()

    def weighted(self, losses: dict[str, Tensor]) -> Tensor:
        total = torch.zeros((), device=self.device)
        for name, weight in {**self.recipe.weights, "prior": self.recipe.prior, "mapped": self.recipe.prior}.items():
            total = total + weight * losses[name]
        return total

    def _parts(self) -> dict[str, Any]:
        return {
            "encoder": self.encoder, "mean": self.mean, "critic": self.discriminator, "optimiser": self.optimiser,
            "optimiser_critic": self.optimiser_discriminator,
        }  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
