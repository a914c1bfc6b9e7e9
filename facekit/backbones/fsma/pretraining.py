"""The unsupervised stage of FSMA (section 3.1, supplement section 3): an adversarial auto-encoder on unlabelled
faces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ...augmentation.affine import Affine, random_matrices
from ...core.device import autocast
from ...core.random_streams import generator_for, shuffled_batch
from ...data.face_pool import Pool, views
from ...training.distributed import ALONE, Processes
from ...training.losses import gan_loss, ssim_loss
from .autoencoder import AutoEncoder, AutoEncoderSize, ImageDiscriminator, LatentDiscriminator
from .config import FSMAPretraining

# Images that set the first codes' scale: several times the code's length.
WHITENING = 1000


class Pretraining:
    """One step of L_unsup = L_rec + L_adv + L_enc + 60 L_ssim; a `facekit.training.loop.Program`.

    The discriminators take turns as in the public 3FabRec code: the image's every 2nd step at half the learning
    rate, the code's every 4th; the encoder hears the latter every 2nd. Of several processes each takes its part of
    the recipe's batch, and all together make the steps that one would make with the whole.
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
        """autoencoder: where to start, of the same `size`; None: from noise, with whitened codes.

        Raises ValueError for a batch that does not divide by the processes.
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
        """The augmented images of step `index`, or a part of them: (N,3,S,S) RGB in [0, 1]."""
        chosen = shuffled_batch(self.seed, index, len(self.pool), self.recipe.batch_size)
        matrices, _ = random_matrices(len(chosen), self.affine, generator_for(self.seed, index, 3))
        return views(self.pool, chosen[part], matrices[part], self.net.size.input_size, self.device)

    def learning_rate(self, index: int) -> float:
        """Constant, then linear to a tenth over the last part of the run (`decay`)."""
        start = self.steps * (1 - self.recipe.decay)
        return self.recipe.lr * (1 - 0.9 * max(0.0, index - start) / max(1.0, self.steps - start))

    def step(self, index: int) -> dict[str, float]:
        for optimiser, factor in (
            (self.optimiser, 1.0),
            (self.optimiser_discriminator, 0.5),
            (self.optimiser_discriminator_z, 1.0),
        ):
            for group in optimiser.param_groups:
                group["lr"] = self.learning_rate(index) * factor
        # Draws are for the whole batch, so that they are the same however many processes share it.
        draws = generator_for(self.seed, index, 4)
        self.net.train()
        x = self.net.normalise(self.batch(index, self.part)).contiguous(memory_format=torch.channels_last)
        losses: dict[str, Tensor] = {}
        with self.autocast:
            z, _ = self.net.Q(x)
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
        with self.autocast:
            loss = gan_loss(self.discriminator(x).to(x.dtype), real=True) + gan_loss(
                self.discriminator(y).to(y.dtype), real=False
            )
        return self._descend(self.optimiser_discriminator, self.discriminator, loss)

    def _update_discriminator_z(self, z: Tensor, draws: torch.Generator) -> Tensor:
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

    def state_dict(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        return {
            "net": self.net,
            "critic": self.discriminator,
            "critic_z": self.discriminator_z,
            "optimiser": self.optimiser,
            "optimiser_critic": self.optimiser_discriminator,
            "optimiser_critic_z": self.optimiser_discriminator_z,
        }


@torch.no_grad()
def whiten_codes(net: AutoEncoder, images: Iterable[Tensor]) -> None:
    """Set the encoder's last layer so that the codes of `images` are white: zero mean, unit variance, uncorrelated.

    Random convolutions tell faces apart a little, but their pooled outputs are nearly constant, and a decoder that sees
    nearly constant codes spends its first thousands of steps on the mean face. Ours; the paper starts from plain noise.
    images: batches (N,3,S,S) RGB in [0, 1], together well above the code's length. A code longer than what the layer
    reads keeps its last elements as they are.
    """
    net.train()  # BatchNorm by the batch: its running statistics are empty yet
    parts = (part for batch in images for part in batch.split(50))
    pooled = torch.cat([net.Q(net.normalise(x))[1][-1].mean(dim=(2, 3)) for x in parts]).double()
    centre = pooled.mean(0)
    _, s, v = torch.linalg.svd(pooled - centre, full_matrices=False)
    z = min(net.size.z_dim, len(v))
    weight = v[:z] / (s[:z, None] / len(pooled) ** 0.5 + 1e-6)
    net.Q.fc.weight[:z] = weight.to(net.Q.fc.weight)
    net.Q.fc.bias[:z] = -(weight @ centre).to(net.Q.fc.bias)
