"""Unsupervised stage of FSMA: an adversarial auto-encoder on unlabelled faces (section 3.1, supplement section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from ...augmentation.affine import Affine, jitter, random_matrices
from ...core.device import autocast
from ...core.random_streams import generator_for, shuffled_batch
from ...data.face_pool import Pool, views
from ...training.distributed import ALONE, Processes
from ...training.losses import gan_loss, ssim_loss
from ...training.part_states import PartStates
from .autoencoder import AutoEncoder, AutoEncoderSize, ImageDiscriminator, LatentDiscriminator
from .config import FSMAPretraining

# Images from which the scale of the first codes is computed: several times the length of the code.
WHITENING = 1000


class Pretraining(PartStates):
    """Minimise L_unsup = L_rec + L_adv + L_enc + 60 L_ssim: a `facekit.training.loop.Program`.

    As in the public code of 3FabRec, the image discriminator learns at every 2nd step with half the learning rate, the
    latent discriminator at every 4th; L_enc is part of every 2nd step. Several processes share each batch and make the
    same steps as one process with the whole batch.
    """

    def __init__(
        self,
        pool: Pool,
        size: AutoEncoderSize,
        recipe: FSMAPretraining,
        steps: int,
        device: torch.device,
        seed: int = 0,
        autoencoder: AutoEncoder | None = None,
        processes: Processes = ALONE,
    ):
        """Build the networks.

        Args:
            pool: Unlabelled face crops.
            size: Size of the auto-encoder.
            recipe: Settings.
            steps: Number of steps of the whole training.
            device: Where to train.
            seed: Seed of all random numbers.
            autoencoder: Network to go on from. None starts from random weights with whitened codes.
            processes: The processes that train together.

        Raises:
            ValueError: If the batch size does not divide by the number of processes.
        """
        torch.manual_seed(seed)
        self.processes, self.part = processes, processes.part(recipe.batch_size)
        self.pool, self.recipe, self.steps, self.device, self.seed = pool, recipe, steps, device, seed
        self.net = (autoencoder or AutoEncoder(size)).to(device).to(memory_format=torch.channels_last)
        self.discriminator = ImageDiscriminator().to(device).to(memory_format=torch.channels_last)
        self.discriminator_z = LatentDiscriminator(size.z_dim).to(device)
        self.affine = Affine(recipe.rotate, recipe.scale, recipe.shift, mirror=0.5)
        if autoencoder is None:
            whiten_codes(self.net, (self.batch(-1 - i) for i in range(-(-WHITENING // recipe.batch_size))))
        for network in (self.net, self.discriminator, self.discriminator_z):
            processes.share_norms(network)
            processes.copy_from_first(network)
        adam = torch.optim.Adam
        self.optimiser = adam(self.net.parameters(), recipe.lr, recipe.betas)
        self.optimiser_discriminator = adam(self.discriminator.parameters(), recipe.lr / 2, recipe.betas)
        self.optimiser_discriminator_z = adam(self.discriminator_z.parameters(), recipe.lr, recipe.betas)
        self.autocast = autocast(device, recipe.bfloat16)

    def batch(self, index: int, part: slice = slice(None)) -> Tensor:
        """Return the augmented images of a step.

        Args:
            index: Step, from 0.
            part: Which of the images to return. The default is all.

        Returns:
            RGB in [0, 1], shape (N, 3, S, S), on the training's device.
        """
        chosen = shuffled_batch(self.seed, index, len(self.pool), self.recipe.batch_size)
        matrices, _ = random_matrices(len(chosen), self.affine, generator_for(self.seed, index, 3))
        images = views(self.pool, chosen[part], matrices[part], self.net.size.input_size, self.device)
        if not self.recipe.jitter:
            return images
        first = index * self.recipe.batch_size
        numbers = range(first, first + self.recipe.batch_size)[part]
        return jitter(images, self.recipe.jitter, [generator_for(self.seed, number, 5) for number in numbers])

    def _inputs(self, x: Tensor, index: int) -> Tensor:
        """Return the network's inputs of step ``index``: images ``x`` (N, 3, S, S), centred, with erased rectangles."""
        if not self.recipe.erase:
            return x
        draws = torch.rand(self.recipe.batch_size, 4, generator=generator_for(self.seed, index, 6))[self.part].to(x)
        return x * erasing_mask(draws, self.recipe.erase, x.shape[-1])

    def learning_rate(self, index: int) -> float:
        """Return the learning rate: constant, then linear to a tenth over the last part (``decay``) of the run."""
        start = self.steps * (1 - self.recipe.decay)
        return self.recipe.lr * (1 - 0.9 * max(0.0, index - start) / max(1.0, self.steps - start))

    def step(self, index: int) -> dict[str, float]:
        """Make optimisation step ``index`` and return the losses by name."""
        for optimiser, factor in (
            (self.optimiser, 1.0),
            (self.optimiser_discriminator, 0.5),
            (self.optimiser_discriminator_z, 1.0),
        ):
            for group in optimiser.param_groups:
                group["lr"] = self.learning_rate(index) * factor
        # Random numbers are drawn for the whole batch, so that they do not depend on the number of processes.
        draws = generator_for(self.seed, index, 4)
        self.net.train()
        x = self.net.normalise(self.batch(index, self.part)).contiguous(memory_format=torch.channels_last)
        losses: dict[str, Tensor] = {}
        with self.autocast:
            z, _ = self.net.Q(self._inputs(x, index))
            y = self.net.P(z)
        z, y = z.to(x.dtype), y.to(x.dtype)
        if index % 4 == 0:
            losses["discriminator_z"] = self._update_discriminator_z(z.detach(), draws)
        if index % 2 == 0:
            losses["discriminator"] = self._update_discriminator(x, y.detach())
        rec = (y - x).abs().mean() * 255
        ssim = ssim_loss(x, y)
        self.discriminator.requires_grad_(False)
        with self.autocast:
            adv = gan_loss(self.discriminator(y).to(y.dtype), real=True)
        total = self.recipe.rec * rec + self.recipe.adv * adv + self.recipe.ssim * ssim
        if index % 2 == 0:
            self.discriminator_z.requires_grad_(False)
            enc = gan_loss(self.discriminator_z(z, self._dropout(draws)), real=True)
            total = total + self.recipe.enc * enc
            losses["enc"] = enc
            self.discriminator_z.requires_grad_(True)
        self._descend(self.optimiser, self.net, total)
        self.discriminator.requires_grad_(True)
        return self.processes.average({"rec": rec, "ssim": ssim, "adv": adv, **losses})

    def _update_discriminator(self, x: Tensor, y: Tensor) -> Tensor:
        """Train the image discriminator on images and reconstructions."""
        with self.autocast:
            loss = gan_loss(self.discriminator(x).to(x.dtype), real=True) + gan_loss(
                self.discriminator(y).to(y.dtype), real=False
            )
        return self._descend(self.optimiser_discriminator, self.discriminator, loss)

    def _update_discriminator_z(self, z: Tensor, draws: torch.Generator) -> Tensor:
        """Train the latent discriminator on codes and draws from the prior."""
        prior = torch.randn(self.recipe.batch_size, z.shape[1], generator=draws)[self.part].to(self.device)
        real = gan_loss(self.discriminator_z(prior, self._dropout(draws)), real=True)
        fake = gan_loss(self.discriminator_z(z, self._dropout(draws)), real=False)
        return self._descend(self.optimiser_discriminator_z, self.discriminator_z, real + fake)

    def _dropout(self, draws: torch.Generator) -> Tensor:
        return self.discriminator_z.dropout(self.recipe.batch_size, draws)[:, self.part].to(self.device)

    def _descend(self, optimiser: torch.optim.Optimizer, network: nn.Module, loss: Tensor) -> Tensor:
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.processes.average_gradients(network.parameters())
        optimiser.step()
        return loss

    @override
    def _parts(self) -> dict[str, Any]:
        return {
            "net": self.net,
            "critic": self.discriminator,  # name in checkpoints of earlier versions
            "critic_z": self.discriminator_z,  # name in checkpoints of earlier versions
            "optimiser": self.optimiser,
            "optimiser_critic": self.optimiser_discriminator,
            "optimiser_critic_z": self.optimiser_discriminator_z,
        }


def erasing_mask(draws: Tensor, largest: float, side: int) -> Tensor:
    """Return masks with one empty rectangle each.

    Args:
        draws: (N, 4) in [0, 1): height and width of each rectangle relative to the largest, and the relative position
            of its top left corner.
        largest: Largest side of a rectangle, as a part of the side.
        side: Side of the masks in pixels.

    Returns:
        (N, 1, side, side): 0 in the rectangle, else 1.
    """
    size = draws[:, :2] * largest
    low = draws[:, 2:] * (1 - size)
    places = (torch.arange(side, device=draws.device) + 0.5) / side
    inside = (places >= low[..., None]) & (places < (low + size)[..., None])
    return 1 - (inside[:, 0, :, None] & inside[:, 1, None, :]).to(draws)[:, None]


@torch.no_grad()
def whiten_codes(net: AutoEncoder, images: Iterable[Tensor]) -> None:
    """Set the encoder's last layer so that codes have zero mean, unit variance and no correlation.

    The pooled outputs of random convolutions are nearly constant. With nearly constant codes, the decoder would learn
    the mean face for thousands of steps. This is ours; the paper starts from random weights.

    Args:
        net: The auto-encoder.
        images: Batches of RGB images (N, 3, S, S) in [0, 1], many more than the length of the code. If the code is
            longer than the layer's input, its last elements stay as they are.
    """
    net.train()  # BatchNorm has no running statistics yet
    parts = (part for batch in images for part in batch.split(50))
    pooled = torch.cat([net.Q(net.normalise(x))[1][-1].mean(dim=(2, 3)) for x in parts]).double()
    centre = pooled.mean(0)
    _, s, v = torch.linalg.svd(pooled - centre, full_matrices=False)
    z = min(net.size.z_dim, len(v))
    weight = v[:z] / (s[:z, None] / len(pooled) ** 0.5 + 1e-6)
    net.Q.fc.weight[:z] = weight.to(net.Q.fc.weight)
    net.Q.fc.bias[:z] = -(weight @ centre).to(net.Q.fc.bias)
