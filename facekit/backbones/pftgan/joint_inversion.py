"""Train an inversion encoder together with its generator on reconstructions of real images."""

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
from ...training.part_states import PartStates
from .config import InversionPretraining
from .inversion_encoder import InversionEncoder, at_encoder
from .stylegan2 import Generator
from .stylegan2_layers import Linear


class LatentDiscriminator(nn.Module):
    """Classify codes as outputs of the mapping network or of the encoder (e4e's latent discriminator).

    e4e: https://arxiv.org/abs/2102.02766, section 3.2
    """

    def __init__(self, w_dim: int):
        """Build the network for codes of ``w_dim`` numbers."""
        super().__init__()
        hidden = [Linear(w_dim, w_dim, lrelu=True) for _ in range(4)]
        self.layers = nn.Sequential(*hidden, Linear(w_dim, 1))

    @override
    def forward(self, codes: Tensor) -> Tensor:
        """Return logits (P,) of codes (P,w_dim). Positive: of the mapping network."""
        logits: Tensor = self.layers(codes)
        return logits[:, 0]


class JointInversion(PartStates):
    """Training of an inversion encoder within `generator_training.Pretraining`.

    It adds terms to the generator's loss. A generator that was trained on a hundred thousand images, not 25 million,
    gets a weak signal from its discriminator; the reconstruction of real images adds a signal for each pixel. The
    other terms are those of `inversion_training.Inverting`: deltas stay small, and generated images have known codes.
    e4e's latent discriminator draws the codes of real images to the mapping's distribution. We also draw the
    mapping's distribution to the codes of real images, so that all generated images profit.

    Attributes:
        encoder: The trained encoder.
        mean: The encoder with moving averages of the weights, which is saved.
    """

    def __init__(
        self,
        encoder: InversionEncoder,
        distance: nn.Module,
        recipe: InversionPretraining,
        device: torch.device,
        processes: Processes = ALONE,
    ):
        """Prepare the training.

        Args:
            encoder: The encoder.
            distance: A perceptual distance.
            recipe: Settings.
            device: Where to train.
            processes: The processes that train together.
        """
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

    def real(self, pool: Pool, chosen: Tensor, side: int, seed: int, index: int) -> Tensor:
        """Return randomly moved real images.

        Args:
            pool: Unlabelled face crops.
            chosen: Indices (n,) of the images.
            side: Side S of the images in pixels.
            seed: Seed of the training.
            index: Number of the step.

        Returns:
            Images (n,3,S,S) in [-1, 1].
        """
        matrices, _ = random_matrices(len(chosen), self.affine, generator_for(seed, index, 19))
        x = views(pool, chosen, matrices, side, self.device)
        return (x * 2 - 1).contiguous(memory_format=torch.channels_last)

    def reconstruct(
        self, generator: Generator, real: Tensor, generated: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Encode real and generated images, and reconstruct the real ones. Images are in [-1, 1].

        Args:
            generator: The generator.
            real: Real images (n,3,S,S).
            generated: Generated images (m,3,S,S).
            draws: Source of the generator's noise.

        Returns:
            Codes (n+m,L,w_dim) and reconstructions (n,3,S,S).
        """
        self.encoder.train()
        images = (torch.cat([real, generated.detach()]) + 1) / 2
        codes = self.encoder(at_encoder(images, self.encoder)).float()
        return codes, generator.synthesis(codes[: len(real)], "random", draws).float()

    def losses(self, real: Tensor, codes: Tensor, reconstructed: Tensor, known: Tensor) -> dict[str, Tensor]:
        """Compute the losses, and update the latent discriminator.

        Args:
            real: Real images (n,3,S,S) in [-1, 1].
            codes: Codes (n+m,L,w_dim) that ``reconstruct`` returned.
            reconstructed: Images (n,3,S,S) that ``reconstruct`` returned.
            known: True codes (m,L,w_dim) of the generated images.

        Returns:
            Losses by name, without weights.
        """
        found = codes[: len(real)].flatten(0, 1)
        self.discriminator.requires_grad_(False)
        return {
            "l2": (reconstructed - real).square().mean(),
            "lpips": self.distance(reconstructed, real).float().mean(),
            "codes": (codes[len(real) :] - known.detach()).square().mean(),
            "deltas": (codes[:, 1:] - codes[:, :1]).square().sum(2).sqrt().mean(),
            "prior": F.softplus(-self.discriminator(found)).mean(),
            "mapped": F.softplus(self.discriminator(known.flatten(0, 1))).mean(),
            "discriminator_reconstructed": self._update_discriminator(known.detach().flatten(0, 1), found.detach()),
        }

    def _update_discriminator(self, generated: Tensor, found: Tensor) -> Tensor:
        """Update the latent discriminator, with R1, on codes (P,w_dim) of the mapping network and of the encoder."""
        self.discriminator.requires_grad_(True)
        generated = generated.requires_grad_(True)
        logits = self.discriminator(generated)
        (gradient,) = torch.autograd.grad(logits.sum(), generated, create_graph=True)
        loss = F.softplus(-logits).mean() + F.softplus(self.discriminator(found)).mean()
        self.optimiser_discriminator.zero_grad(set_to_none=True)
        (loss + self.recipe.prior_r1 / 2 * gradient.square().sum(1).mean()).backward()
        self.processes.average_gradients(self.discriminator.parameters())
        self.optimiser_discriminator.step()
        self.discriminator.requires_grad_(False)
        return loss.detach()

    def weighted(self, losses: dict[str, Tensor]) -> Tensor:
        """Return the weighted sum of the losses that generator and encoder minimise."""
        total = torch.zeros((), device=self.device)
        for name, weight in {**self.recipe.weights, "prior": self.recipe.prior, "mapped": self.recipe.prior}.items():
            total = total + weight * losses[name]
        return total

    @override
    def _parts(self) -> dict[str, Any]:
        return {
            "encoder": self.encoder,
            "mean": self.mean,
            "critic": self.discriminator,  # name in checkpoints of earlier versions
            "optimiser": self.optimiser,
            "optimiser_critic": self.optimiser_discriminator,
        }
