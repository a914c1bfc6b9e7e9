"""Train an inversion encoder for a frozen generator, and refine single codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from ...augmentation.affine import Affine, random_matrices
from ...core.device import autocast
from ...core.random_streams import generator_for, shuffled_batch
from ...data.face_pool import Pool, plain_batches, views
from ...training.distributed import ALONE, Processes
from ...training.part_states import PartStates
from .code_distribution import fitted_distribution
from .config import InversionPretraining
from .generator_files import generator_digest
from .inversion_encoder import InversionEncoder, at_encoder
from .stylegan2 import Generator, GeneratorSize, Synthesis

AT_ONCE = 32  # Images whose gradients are computed at once.


class Inverting(PartStates):
    """Training of an inversion encoder: a `facekit.training.loop.Program`.

    A step uses real images, which are to be reconstructed, and generated ones, whose codes are known. The loss is that
    of pSp and e4e: squared error, LPIPS, and e4e's penalty on deltas. The known codes are ours; without them, codes of
    a small generator drift far from those of its mapping network.
    """

    def __init__(
        self,
        pool: Pool,
        generator: Generator,
        encoder: InversionEncoder,
        distance: nn.Module,
        recipe: InversionPretraining,
        steps: int,
        device: torch.device,
        seed: int = 0,
        processes: Processes = ALONE,
    ):
        """Prepare the training.

        Args:
            pool: Unlabelled face crops.
            generator: The frozen generator.
            encoder: The encoder.
            distance: A perceptual distance.
            recipe: Settings.
            steps: Number of steps of the whole training.
            device: Where to train.
            seed: Seed of all random numbers.
            processes: The processes that train together.

        Raises:
            ValueError: If the batch size does not divide by the number of processes.
        """
        self.processes, self.part = processes, processes.part(recipe.batch_size)
        self.pool, self.recipe, self.steps, self.device, self.seed = pool, recipe, steps, device, seed
        self.generator = generator.to(device).eval().requires_grad_(False)
        self.generator_digest = generator_digest(generator.synthesis)
        self.encoder = encoder.to(device).to(memory_format=torch.channels_last)
        self.distance = distance.to(device)
        self.affine = Affine(recipe.rotate, recipe.scale, recipe.shift, mirror=0.5)
        processes.share_norms(self.encoder)
        processes.copy_from_first(self.encoder)
        self.optimiser = torch.optim.Adam(self.encoder.parameters(), recipe.lr, recipe.betas)
        self.autocast = autocast(device, recipe.bfloat16)

    def real(self, index: int) -> Tensor:
        """Return this process's real images (n, 3, S, S) in [0, 1] of step ``index``."""
        chosen = shuffled_batch(self.seed, index, len(self.pool), self.recipe.batch_size)
        matrices, _ = random_matrices(len(chosen), self.affine, generator_for(self.seed, index, 3))
        side = self.generator.size.resolution
        return views(self.pool, chosen[self.part], matrices[self.part], side, self.device)

    @torch.no_grad()
    def own(self, count: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """Generate images with known codes.

        Args:
            count: Number of images n.
            draws: Source of random numbers on the CPU.

        Returns:
            RGB images (n, 3, S, S) in [0, 1] and their codes (n, L, w_dim).
        """
        z = torch.randn(count, self.generator.size.z_dim, generator=draws).to(self.device)
        codes = self.generator.codes(z, self.recipe.truncation)
        return images_of(self.generator.synthesis, codes).clamp(0, 1), codes

    def step(self, index: int) -> dict[str, float]:
        """Make optimisation step ``index`` and return the losses by name."""
        r = self.recipe
        for group in self.optimiser.param_groups:
            group["lr"] = r.lr * (1 - 0.9 * max(0.0, index / self.steps - (1 - r.decay)) / max(r.decay, 1e-9))
        self.encoder.train()
        real = self.real(index)
        generated, known = self.own(r.generated * len(real), generator_for(self.seed, index, 17 + self.part.start))
        x = torch.cat([real, generated]).contiguous(memory_format=torch.channels_last)
        with self.autocast:
            codes = self.encoder(at_encoder(x, self.encoder)).float()
            shown = self.generator.synthesis(codes).float()
            far = self.distance(shown, 2 * x - 1).float().mean()
        losses = {
            "l2": (shown - (2 * x - 1)).square().mean(),
            "lpips": far,
            "deltas": (codes[:, 1:] - codes[:, :1]).square().sum(2).sqrt().mean(),
        }
        if r.generated:
            losses["codes"] = (codes[len(real) :] - known).square().mean()
        total = sum(weight * losses[name] for name, weight in r.weights.items() if name in losses)
        self.optimiser.zero_grad(set_to_none=True)
        assert isinstance(total, Tensor)
        total.backward()
        self.processes.average_gradients(self.encoder.parameters())
        self.optimiser.step()
        return self.processes.average({name: loss.detach() for name, loss in losses.items()})

    @override
    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "generator": self.generator_digest}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        # Checkpoints of earlier versions do not name the generator.
        if state.get("generator", self.generator_digest) != self.generator_digest:
            raise ValueError("the encoder was trained for another generator")
        super().load_state_dict(state)

    @override
    def _parts(self) -> dict[str, Any]:
        return {"encoder": self.encoder, "optimiser": self.optimiser}


def check_fitted(count: int, pool: Pool) -> None:
    """Raise ValueError if ``pool_distribution`` would have too few images. It runs after the training."""
    if count and min(count, len(pool)) < 2:
        raise ValueError(
            f"fitted_codes={count} with {len(pool)} faces: expected at least 2 of both, for a distribution of codes; "
            "pass more, or fitted_codes=0"
        )


@torch.no_grad()
def pool_distribution(
    encoder: InversionEncoder, pool: Pool, count: int, size: GeneratorSize, device: torch.device
) -> dict[str, Tensor] | None:
    """Fit a normal distribution to the codes of images that are spread over a pool.

    Args:
        encoder: The encoder, in evaluation mode.
        pool: Unlabelled face crops.
        count: Number of images, at most. 0 fits none.
        size: Size of the generator.
        device: Where to encode.

    Returns:
        Tensors of a `CodeDistribution`, on the CPU, or None.
    """
    if not count:
        return None
    codes = [
        encoder(at_encoder(part.to(device), encoder)).float().cpu()
        for part in plain_batches(pool, count, size.resolution, AT_ONCE)
    ]
    return fitted_distribution(torch.cat(codes), size.z_dim)


def images_of(synthesis: Synthesis, codes: Tensor) -> Tensor:
    """Return the images of codes.

    Args:
        synthesis: The synthesis network.
        codes: Style codes (N, L, w_dim).

    Returns:
        RGB in about [0, 1], shape (N, 3, S, S).
    """
    shown: Tensor = (synthesis(codes) + 1) / 2
    return shown


class Refining:
    """Optimise codes so that they reconstruct their images better: a `facekit.training.loop.Program`.

    Squared error and perceptual distance are minimised by Adam, for each image by itself. The generator is not changed.
    """

    def __init__(
        self,
        synthesis: Synthesis,
        codes: Tensor,
        images: Tensor,
        distance: Callable[[Tensor, Tensor], Tensor],
    ):
        """Prepare the optimisation.

        Args:
            synthesis: The generator's synthesis network.
            codes: Codes (N, L, w_dim), which every step changes in place.
            images: RGB images (N, 3, S, S) in [0, 1].
            distance: A perceptual distance.
        """
        self.synthesis, self.codes, self.targets, self.distance = synthesis, codes, 2 * images - 1, distance
        self.trained_codes = codes.detach().clone().requires_grad_(True)
        self.optimiser = torch.optim.Adam([self.trained_codes], lr=0.02)

    def step(self, index: int) -> dict[str, float]:
        """Make optimisation step ``index`` and return the losses by name."""
        gradients, total = [], 0.0
        for codes, targets in zip(self.trained_codes.split(AT_ONCE), self.targets.split(AT_ONCE), strict=True):
            shown = self.synthesis(codes)
            # Sums instead of means, so that the step of an image does not depend on the number of images.
            loss = (shown - targets).square().mean((1, 2, 3)).sum() + 0.8 * self.distance(shown, targets).sum()
            gradients.append(torch.autograd.grad(loss, codes)[0])
            total += loss.item()
        self.trained_codes.grad = torch.cat(gradients)
        self.optimiser.step()
        self.codes.copy_(self.trained_codes.detach())
        return {"loss": total / len(self.codes)}

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next step depends on."""
        return {"codes": self.codes, "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        with torch.no_grad():
            self.trained_codes.copy_(state["codes"])
        self.codes.copy_(state["codes"])
        self.optimiser.load_state_dict(state["optimiser"])
