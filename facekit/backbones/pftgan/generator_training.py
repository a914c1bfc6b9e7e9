"""Train StyleGAN2: non-saturating loss, R1, path lengths, mean weights, adaptive augmentation.

StyleGAN2: https://arxiv.org/abs/1912.04958, adaptive augmentation: https://arxiv.org/abs/2006.06676
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from ...augmentation.affine import Affine, random_matrices
from ...core.device import autocast
from ...core.random_streams import generator_for, shuffled_batch
from ...data.face_pool import Pool, views
from ...training.adapted_network import AdaptedNetwork
from ...training.distributed import ALONE, Processes
from ...training.part_states import PartStates
from .adaptive_augmentation import adapted_chance, augmented
from .config import StyleGAN2Pretraining
from .discriminator import Discriminator
from .joint_inversion import JointInversion
from .projected_discriminator import ProjectedDiscriminator
from .stylegan2 import Generator, GeneratorSize

MIRRORED = Affine(mirror=0.5)
W_AVG_KEPT = 0.995  # Decay of the mean code per step.
PATH_MEAN_LEARNED = 0.01  # Update rate of the mean path length per measurement.


class _Reconstruction(NamedTuple):
    """Real images and their reconstructions. Images are in [-1, 1].

    Attributes:
        real: Real images (n,3,S,S).
        codes: Encoded codes (n+m,L,w_dim) of the real images and of m generated ones.
        reconstructed: Images (n,3,S,S) of the first n codes.
    """

    real: Tensor
    codes: Tensor
    reconstructed: Tensor


class Pretraining(PartStates):
    """Training of generator and discriminator: a `facekit.training.loop.Program`.

    One batch of generated images serves both networks: first the discriminator is updated, then the generator. R1 is
    computed on augmented images. R1 and path lengths are computed every few steps only, with weights larger by as
    much (StyleGAN2's lazy regularisation).

    Attributes:
        generator: The trained generator.
        mean: The generator with exponential moving averages of the weights, which is saved.
        discriminator: The discriminator.
        chance: Probability of augmentation, 0 to 1.
    """

    def __init__(
        self,
        pool: Pool,
        size: GeneratorSize,
        recipe: StyleGAN2Pretraining,
        steps: int,
        device: torch.device,
        seed: int = 0,
        processes: Processes = ALONE,
        joint: JointInversion | None = None,
        parser: AdaptedNetwork | None = None,
    ):
        """Prepare the training.

        Args:
            pool: Unlabelled face crops.
            size: Size of the generator.
            recipe: Settings.
            steps: Number of steps of the whole training.
            device: Where to train.
            seed: Seed of all random numbers.
            processes: The processes that train together.
            joint: Training of an encoder together with the generator, if ``recipe.reconstructed`` is positive.
            parser: Network of the ready parser, if ``recipe.projected`` is set.

        Raises:
            ValueError: If the batch size does not divide by the number of processes.
        """
        torch.manual_seed(seed)
        self.processes, self.part = processes, processes.part(recipe.batch_size)
        self.pool, self.size, self.recipe, self.steps, self.device, self.seed = pool, size, recipe, steps, device, seed
        self.generator = Generator(size).to(device)
        self.discriminator: nn.Module = _new_discriminator(size, parser if recipe.projected else None).to(device)
        for network in (self.generator, self.discriminator):
            processes.copy_from_first(network)
        processes.share_norms(self.discriminator)
        self.discriminator_parameters = [weight for weight in self.discriminator.parameters() if weight.requires_grad]
        self.mean = copy.deepcopy(self.generator).requires_grad_(False).eval()
        self.joint = joint
        if joint is not None:
            self.joint_part = processes.part(recipe.reconstructed)
        self.optimiser = self._adam(
            list(self.generator.parameters()), recipe.path_length_every if recipe.path_length else 0
        )
        self.optimiser_discriminator = self._adam(self.discriminator_parameters, recipe.r1_every if recipe.r1 else 0)
        self.autocast = autocast(device, recipe.bfloat16)
        self.chance, self.signs, self.path_mean = 0.0, [0.0, 0.0], 0.0

    def _adam(self, weights: list[nn.Parameter], every: int) -> torch.optim.Adam:
        """Build Adam for a network with a regulariser every `every` steps. 0: without one.

        The regulariser is one more step in `every`. Learning rate and decay rates are corrected for it (StyleGAN2,
        appendix B).
        """
        ratio = every / (every + 1) if every else 1.0
        b0, b1 = self.recipe.betas
        return torch.optim.Adam(weights, self.recipe.lr * ratio, (b0**ratio, b1**ratio))

    def real(self, index: int) -> Tensor:
        """Return this process's real images of step ``index``, mirrored at random: (n,3,S,S) in [-1, 1]."""
        chosen = shuffled_batch(self.seed, index, len(self.pool), self.recipe.batch_size)
        matrices, _ = random_matrices(len(chosen), MIRRORED, generator_for(self.seed, index, 3))
        x = views(self.pool, chosen[self.part], matrices[self.part], self.size.resolution, self.device)
        return (x * 2 - 1).contiguous(memory_format=torch.channels_last)

    def mixed_codes(self, count: int, draws: torch.Generator) -> Tensor:
        """Map random codes to styles, and update the mean code.

        Args:
            count: Number of images.
            draws: Source of random numbers.

        Returns:
            Codes (count,L,w_dim). With probability ``recipe.style_mixing`` the later layers of an image get the codes
            of another one.
        """
        mapping, layers = self.generator.mapping, self.size.codes
        z = torch.randn(2 * count, self.size.z_dim, generator=draws).to(self.device)
        first, second = mapping(z).chunk(2)
        if self.generator.training:
            with torch.no_grad():
                mapping.w_avg.copy_(first.mean(0).lerp(mapping.w_avg, W_AVG_KEPT))
        change = torch.randint(1, layers, (count, 1), generator=draws)
        change[torch.rand(count, 1, generator=draws) >= self.recipe.style_mixing] = layers
        later = (torch.arange(layers) >= change).to(self.device)[:, :, None]
        return torch.where(later, second[:, None], first[:, None])

    def image(self, codes: Tensor, draws: torch.Generator) -> Tensor:
        """Synthesise images with random noise.

        Args:
            codes: Style codes (n, L, w_dim).
            draws: Source of the noise.

        Returns:
            Float32 RGB in about [-1, 1], shape (n, 3, S, S).
        """
        with self.autocast:
            generated: Tensor = self.generator.synthesis(codes, "random", draws)
        return generated.float()

    def logits(self, x: Tensor) -> Tensor:
        """Return the discriminator's logits, float32, of images (n,3,S,S) in [-1, 1]."""
        with self.autocast:
            logits: Tensor = self.discriminator(x)
        return logits.float()

    def step(self, index: int) -> dict[str, float]:
        """Make optimisation step ``index`` and return the losses by name."""
        # Each process draws its own part of the batch.
        draws = generator_for(self.seed, index, 5 + self.part.start)
        self.generator.train()
        real = augmented(self.real(index), self.chance, draws)
        codes = self.mixed_codes(len(real), draws)
        generated = self.image(codes, draws)
        fakes, reconstruction = generated, None
        if self.joint is not None:
            reconstruction = self._encode_and_reconstruct(generated, index, draws)
            if self.recipe.discriminate_reconstructions:
                fakes = torch.cat([generated, reconstruction.reconstructed[: len(generated)]])
        losses = {"discriminator": self._update_discriminator(real, fakes.detach(), draws)}
        if self.recipe.r1 and index % self.recipe.r1_every == 0:
            losses["r1"] = self._penalise_gradients(real)
        self._train_discriminator(False)
        loss = F.softplus(-self.logits(augmented(fakes, self.chance, draws))).mean()
        losses["generator"] = loss.detach()
        if reconstruction is None:
            self._descend(self.optimiser, self.generator, loss)
        else:
            losses |= self._update_generator_and_encoder(loss, reconstruction, codes)
        if self.recipe.path_length and index % self.recipe.path_length_every == 0:
            losses["path"] = self._penalise_path_lengths(len(real), draws)
        self._train_discriminator(True)
        self._update_mean_weights(index)
        averages = self.processes.average(losses)
        self._adapt_chance(index)
        return {**averages, "chance": self.chance}

    def _train_discriminator(self, mode: bool) -> None:
        """Switch gradients of the discriminator's trainable parameters on or off."""
        for weight in self.discriminator_parameters:
            weight.requires_grad_(mode)

    def _update_discriminator(self, real: Tensor, generated: Tensor, draws: torch.Generator) -> Tensor:
        """Update the discriminator on real and generated images. Return its loss."""
        logits = self.logits(real)
        self.signs = [self.signs[0] + float(logits.detach().sign().mean()), self.signs[1] + 1]
        fake = self.logits(augmented(generated, self.chance, draws))
        return self._descend(
            self.optimiser_discriminator, self.discriminator, F.softplus(-logits).mean() + F.softplus(fake).mean()
        )

    def _encode_and_reconstruct(self, generated: Tensor, index: int, draws: torch.Generator) -> _Reconstruction:
        """Encode real and generated images, and reconstruct the real ones."""
        assert self.joint is not None
        chosen = shuffled_batch(self.seed, index, len(self.pool), self.recipe.reconstructed)[self.joint_part]
        real = self.joint.real(self.pool, chosen, self.size.resolution, self.seed, index)
        with self.autocast:
            return _Reconstruction(real, *self.joint.reconstruct(self.generator, real, generated[: len(real)], draws))

    def _update_generator_and_encoder(
        self, loss: Tensor, reconstruction: _Reconstruction, known: Tensor
    ) -> dict[str, Tensor]:
        """Update generator and encoder by the adversarial loss and the losses of reconstruction.

        Args:
            loss: The adversarial loss.
            reconstruction: Real images and their reconstructions.
            known: Codes (n,L,w_dim) of the generated images.

        Returns:
            Losses of reconstruction by name.
        """
        assert self.joint is not None
        real, codes, reconstructed = reconstruction
        with self.autocast:
            losses = self.joint.losses(real, codes, reconstructed, known[: len(real)])
        self.joint.optimiser.zero_grad(set_to_none=True)
        self._descend(self.optimiser, self.generator, loss + self.recipe.reconstruction * self.joint.weighted(losses))
        self.processes.average_gradients(self.joint.encoder.parameters())
        self.joint.optimiser.step()
        return {name: value.detach() for name, value in losses.items()}

    def _penalise_gradients(self, real: Tensor) -> Tensor:
        """Update the discriminator by R1: gamma / 2 times the squared gradient of the logits at real images."""
        x = real.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(self.logits(x).sum(), x, create_graph=True)
        penalty = gradient.float().square().sum((1, 2, 3)).mean()
        self._descend(
            self.optimiser_discriminator, self.discriminator, penalty * (self.recipe.r1 / 2 * self.recipe.r1_every)
        )
        return penalty.detach()

    def _penalise_path_lengths(self, count: int, draws: torch.Generator) -> Tensor:
        """Update the generator by path length regularisation (StyleGAN2, equation 4).

        Steps of equal length in w should change images by equal amounts.
        """
        codes = self.mixed_codes(max(1, count // self.recipe.path_length_shrink), draws)
        generated = self.image(codes, draws)
        noise = torch.randn(generated.shape, generator=draws).to(generated) / math.sqrt(
            generated.shape[2] * generated.shape[3]
        )
        (gradient,) = torch.autograd.grad((generated * noise).sum(), codes, create_graph=True)
        lengths = gradient.float().square().sum(2).mean(1).sqrt()
        mean = self.processes.average({"lengths": lengths.detach().mean()})["lengths"]
        self.path_mean += PATH_MEAN_LEARNED * (mean - self.path_mean)
        penalty = (lengths - self.path_mean).square().mean()
        strength = self.recipe.path_length * self.recipe.path_length_every
        self._descend(self.optimiser, self.generator, penalty * strength)
        return penalty.detach()

    @torch.no_grad()
    def _update_mean_weights(self, index: int) -> None:
        """Update the moving averages of the weights.

        Early in a run the half-life is shorter (``recipe.ema_rampup``), so that the averages do not keep the random
        weights of the beginning.
        """
        half_life = float(self.recipe.ema_images)
        if self.recipe.ema_rampup:
            half_life = min(half_life, (index + 1) * self.recipe.batch_size * self.recipe.ema_rampup)
        kept = 0.5 ** (self.recipe.batch_size / max(half_life, 1e-8))
        pairs: list[tuple[nn.Module, nn.Module]] = [(self.mean, self.generator)]
        if self.joint is not None:
            pairs.append((self.joint.mean, self.joint.encoder))
        for mean, network in pairs:
            for weight, now in zip(mean.parameters(), network.parameters(), strict=True):
                weight.lerp_(now, 1 - kept)
            for constant, value in zip(mean.buffers(), network.buffers(), strict=True):
                constant.copy_(value)

    def _adapt_chance(self, index: int) -> None:
        """Adapt the probability of augmentation to the signs of the discriminator's logits on real images."""
        if not self.recipe.ada_target or (index + 1) % self.recipe.ada_every:
            return
        sign = torch.tensor(self.signs[0] / max(self.signs[1], 1.0), device=self.device)
        sign_of_all = self.processes.average({"sign": sign})["sign"]
        images = self.recipe.batch_size * self.recipe.ada_every
        self.chance = adapted_chance(self.chance, sign_of_all, images, self.recipe.ada_target, self.recipe.ada_images)
        self.signs = [0.0, 0.0]

    def _descend(self, optimiser: torch.optim.Optimizer, network: nn.Module, loss: Tensor) -> Tensor:
        """Make one step of an optimiser. Return the loss."""
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        parameters: Iterable[nn.Parameter] = [p for p in network.parameters() if p.grad is not None]
        self.processes.average_gradients(parameters)
        optimiser.step()
        return loss.detach()

    @override
    def state_dict(self) -> dict[str, Any]:
        numbers = {"chance": self.chance, "signs": list(self.signs), "path_mean": self.path_mean}
        return {**super().state_dict(), "numbers": numbers}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self.joint is None and "beside" in state:
            raise ValueError("it trained an encoder, too: reconstructed is not 0")
        super().load_state_dict(state)
        numbers = state["numbers"]
        self.chance, self.signs, self.path_mean = numbers["chance"], list(numbers["signs"]), numbers["path_mean"]

    @override
    def _parts(self) -> dict[str, Any]:
        parts: dict[str, Any] = {
            "generator": self.generator,
            "critic": self.discriminator,  # name in checkpoints of earlier versions
            "mean": self.mean,
            "optimiser": self.optimiser,
            "optimiser_critic": self.optimiser_discriminator,
        }
        return parts if self.joint is None else parts | {"beside": self.joint}


def _new_discriminator(size: GeneratorSize, parser: AdaptedNetwork | None) -> nn.Module:
    """Return StyleGAN2's discriminator, or a projected one on the features of a parser."""
    return Discriminator(size) if parser is None else ProjectedDiscriminator(parser)
