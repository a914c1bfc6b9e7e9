"""Training StyleGAN2: non-saturating loss, R1, path lengths, mean weights, adaptive augmentation."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...augmentation.affine import Affine, random_matrices
from ...core.device import autocast
from ...core.random_streams import generator_for, shuffled_batch
from ...data.face_pool import Pool, views
from ...training.adapted_network import AdaptedNetwork
from ...training.distributed import ALONE, Processes
from .adaptive_augmentation import adapted_chance, augmented
from .config import StyleGAN2Pretraining
from .discriminator import Discriminator
from .joint_inversion import Reconstructing
from .projected_discriminator import ProjectedDiscriminator
from .stylegan2 import Generator, GeneratorSize

MIRRORED = Affine(mirror=0.5)
W_AVG_KEPT = 0.995  # of the mean code, a step
PATH_MEAN_LEARNED = 0.01  # of the mean path length, each time that it is measured


class _Again(NamedTuple):
    """Real images (n,3,S,S), the codes (n+m,L,w_dim) found for them and for m generated ones, and what the first n
    codes show (n,3,S,S); images in [-1, 1]."""

    real: Tensor
    codes: Tensor
    shown: Tensor


class Pretraining:
    """One step of both networks; a `facekit.training.loop.Program`. `mean` holds the generator whose weights are the running
    mean of `generator`'s, the one to keep.

    One batch of generated images serves both: the discriminator learns from it first, then judges it again for the
    generator. R1 is that of the images as the discriminator sees them, after augmentation. Both it and the path
    lengths come every few steps only, and stronger by as much ("lazy regularisation").
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
        beside: Reconstructing | None = None,
        parser: AdaptedNetwork | None = None,
    ):
        """beside: an encoder that learns with the generator, for recipes with `reconstructed` images. parser: the ready
        parser's network, for recipes that are `projected`. Raises ValueError for batches that do not divide by the
        processes."""
        torch.manual_seed(seed)
        self.processes, self.part = processes, processes.part(recipe.batch_size)
        self.pool, self.size, self.recipe, self.steps, self.device, self.seed = pool, size, recipe, steps, device, seed
        self.generator = Generator(size).to(device)
        self.discriminator: nn.Module = _new_discriminator(size, parser if recipe.projected else None).to(device)
        for network in (self.generator, self.discriminator):
            processes.copy_from_first(network)
        processes.share_norms(self.discriminator)
        self.judging = [weight for weight in self.discriminator.parameters() if weight.requires_grad]
        self.mean = copy.deepcopy(self.generator).requires_grad_(False).eval()
        self.beside = beside
        if beside is not None:
            self.shown = processes.part(recipe.reconstructed)
        self.optimiser = self._adam(
            list(self.generator.parameters()), recipe.path_length_every if recipe.path_length else 0
        )
        self.optimiser_discriminator = self._adam(self.judging, recipe.r1_every if recipe.r1 else 0)
        self.autocast = autocast(device, recipe.bfloat16)
        self.chance, self.signs, self.path_mean = 0.0, [0.0, 0.0], 0.0

    def _adam(self, weights: list[nn.Parameter], every: int) -> torch.optim.Adam:
        """A regulariser that comes every so many steps is one more step; Adam's constants make up for it."""
        ratio = every / (every + 1) if every else 1.0
        b0, b1 = self.recipe.betas
        return torch.optim.Adam(weights, self.recipe.lr * ratio, (b0**ratio, b1**ratio))

    def real(self, index: int) -> Tensor:
        """This process's images of step `index`, mirrored at random: (n,3,S,S) in [-1, 1]."""
        chosen = shuffled_batch(self.seed, index, len(self.pool), self.recipe.batch_size)
        matrices, _ = random_matrices(len(chosen), MIRRORED, generator_for(self.seed, index, 3))
        x = views(self.pool, chosen[self.part], matrices[self.part], self.size.resolution, self.device)
        return (x * 2 - 1).contiguous(memory_format=torch.channels_last)

    def mixed_codes(self, count: int, draws: torch.Generator) -> Tensor:
        """Random codes (count,L,w_dim), of two images each where styles are mixed; moves the mean code."""
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
        with self.autocast:
            made: Tensor = self.generator.synthesis(codes, "random", draws)
        return made.float()

    def judged(self, x: Tensor) -> Tensor:
        with self.autocast:
            logits: Tensor = self.discriminator(x)
        return logits.float()

    def step(self, index: int) -> dict[str, float]:
        # One generator a process: its share of the batch is its own.
        draws = generator_for(self.seed, index, 5 + self.part.start)
        self.generator.train()
        real = augmented(self.real(index), self.chance, draws)
        codes = self.mixed_codes(len(real), draws)
        made = self.image(codes, draws)
        judged, again = made, None
        if self.beside is not None:
            again = self._show(made, index, draws)
            if self.recipe.judged_again:
                judged = torch.cat([made, again.shown[: len(made)]])
        losses = {"discriminator": self._update_discriminator(real, judged.detach(), draws)}
        if self.recipe.r1 and index % self.recipe.r1_every == 0:
            losses["r1"] = self._flatten_discriminator(real)
        self._let_discriminator_learn(False)
        loss = F.softplus(-self.judged(augmented(judged, self.chance, draws))).mean()
        losses["generator"] = loss.detach()
        if again is None:
            self._descend(self.optimiser, self.generator, loss)
        else:
            losses |= self._reconstruct(loss, again, codes)
        if self.recipe.path_length and index % self.recipe.path_length_every == 0:
            losses["path"] = self._even_paths(len(real), draws)
        self._let_discriminator_learn(True)
        self._follow(index)
        said = self.processes.average(losses)
        self._adapt_chance(index)
        return {**said, "chance": self.chance}

    def _let_discriminator_learn(self, learn: bool) -> None:
        """Only what ever learns of it: its frozen part stays as it is."""
        for weight in self.judging:
            weight.requires_grad_(learn)

    def _update_discriminator(self, real: Tensor, made: Tensor, draws: torch.Generator) -> Tensor:
        logits = self.judged(real)
        self.signs = [self.signs[0] + float(logits.detach().sign().mean()), self.signs[1] + 1]
        fake = self.judged(augmented(made, self.chance, draws))
        return self._descend(
            self.optimiser_discriminator, self.discriminator, F.softplus(-logits).mean() + F.softplus(fake).mean()
        )

    def _show(self, made: Tensor, index: int, draws: torch.Generator) -> _Again:
        assert self.beside is not None
        chosen = shuffled_batch(self.seed, index, len(self.pool), self.recipe.reconstructed)[self.shown]
        real = self.beside.real(self.pool, chosen, self.seed, index)
        with self.autocast:
            return _Again(real, *self.beside.show(self.generator, real, made[: len(real)], draws))

    def _reconstruct(self, loss: Tensor, again: _Again, known: Tensor) -> dict[str, Tensor]:
        """The generator's step, and the encoder's: by the adversarial loss and by what is shown again."""
        assert self.beside is not None
        with self.autocast:
            losses = self.beside.losses(again.real, again.codes, again.shown, known[: len(again.real)])
        self.beside.optimiser.zero_grad(set_to_none=True)
        self._descend(self.optimiser, self.generator, loss + self.recipe.again * self.beside.weighted(losses))
        self.processes.average_gradients(self.beside.encoder.parameters())
        self.beside.optimiser.step()
        return {name: value.detach() for name, value in losses.items()}

    def _flatten_discriminator(self, real: Tensor) -> Tensor:
        """R1: gamma / 2 times the squared gradient of the logits at real images."""
        x = real.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(self.judged(x).sum(), x, create_graph=True)
        penalty = gradient.float().square().sum((1, 2, 3)).mean()
        self._descend(
            self.optimiser_discriminator, self.discriminator, penalty * (self.recipe.r1 / 2 * self.recipe.r1_every)
        )
        return penalty.detach()

    def _even_paths(self, count: int, draws: torch.Generator) -> Tensor:
        """Steps of one length in w shall change images by one amount (StyleGAN2, equation 4)."""
        codes = self.mixed_codes(max(1, count // self.recipe.path_length_shrink), draws)
        made = self.image(codes, draws)
        noise = torch.randn(made.shape, generator=draws).to(made) / math.sqrt(made.shape[2] * made.shape[3])
        (gradient,) = torch.autograd.grad((made * noise).sum(), codes, create_graph=True)
        lengths = gradient.float().square().sum(2).mean(1).sqrt()
        mean = self.processes.average({"lengths": lengths.detach().mean()})["lengths"]
        self.path_mean += PATH_MEAN_LEARNED * (mean - self.path_mean)
        penalty = (lengths - self.path_mean).square().mean()
        strength = self.recipe.path_length * self.recipe.path_length_every
        self._descend(self.optimiser, self.generator, penalty * strength)
        return penalty.detach()

    @torch.no_grad()
    def _follow(self, index: int) -> None:
        """Mean weights; early in a run over fewer images, or they would remember the noise that it began with."""
        half_life = float(self.recipe.ema_images)
        if self.recipe.ema_rampup:
            half_life = min(half_life, (index + 1) * self.recipe.batch_size * self.recipe.ema_rampup)
        kept = 0.5 ** (self.recipe.batch_size / max(half_life, 1e-8))
        pairs: list[tuple[nn.Module, nn.Module]] = [(self.mean, self.generator)]
        if self.beside is not None:
            pairs.append((self.beside.mean, self.beside.encoder))
        for mean, network in pairs:
            for weight, now in zip(mean.parameters(), network.parameters(), strict=True):
                weight.lerp_(now, 1 - kept)
            for constant, value in zip(mean.buffers(), network.buffers(), strict=True):
                constant.copy_(value)

    def _adapt_chance(self, index: int) -> None:
        if not self.recipe.ada_target or (index + 1) % self.recipe.ada_every:
            return
        sign = torch.tensor(self.signs[0] / max(self.signs[1], 1.0), device=self.device)
        sign_of_all = self.processes.average({"sign": sign})["sign"]
        seen = self.recipe.batch_size * self.recipe.ada_every
        self.chance = adapted_chance(self.chance, sign_of_all, seen, self.recipe.ada_target, self.recipe.ada_images)
        self.signs = [0.0, 0.0]

    def _descend(self, optimiser: torch.optim.Optimizer, network: nn.Module, loss: Tensor) -> Tensor:
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        parameters: Iterable[nn.Parameter] = [p for p in network.parameters() if p.grad is not None]
        self.processes.average_gradients(parameters)
        optimiser.step()
        return loss.detach()

    def state_dict(self) -> dict[str, Any]:
        numbers = {"chance": self.chance, "signs": list(self.signs), "path_mean": self.path_mean}
        return {**{name: part.state_dict() for name, part in self._parts().items()}, "numbers": numbers}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        numbers = state["numbers"]
        self.chance, self.signs, self.path_mean = numbers["chance"], list(numbers["signs"]), numbers["path_mean"]

    def _parts(self) -> dict[str, Any]:
        parts: dict[str, Any] = {
            "generator": self.generator, "critic": self.discriminator, "mean": self.mean, "optimiser": self.optimiser,
            "optimiser_critic": self.optimiser_discriminator,
        }  # fmt: skip
        return parts if self.beside is None else parts | {"beside": self.beside}


def _new_discriminator(size: GeneratorSize, parser: AdaptedNetwork | None) -> nn.Module:
    """Return StyleGAN2's discriminator, or a projected one on the features of a parser."""
    return Discriminator(size) if parser is None else ProjectedDiscriminator(parser)
