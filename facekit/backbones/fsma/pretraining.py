"""The unsupervised stage of FSMA (section 3.1, supplement section 3): an adversarial auto-encoder on unlabelled
faces."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from ...augment import Affine, random_matrices, warp
from ...losses import gan_loss, ssim_loss
from ...recipes import FSMAPretraining
from ...training import autocast, generator_for, shuffled_batch
from .autoencoder import AutoEncoder, AutoEncoderSize, ImageDiscriminator, LatentDiscriminator

# Pictures that set the first codes' scale: several times the code's length.
WHITENING = 1000


class Pool(Protocol):
    """What the pictures come from: (n,) indices -> (n,3,side,side) uint8."""

    side: int

    def __len__(self) -> int: ...

    def __getitem__(self, indices: Tensor) -> Tensor: ...


class Pretraining:
    """One step of L_unsup = L_rec + L_adv + L_enc + 60 L_ssim; a `facekit.training.Program`.

    The discriminators take turns as in the public 3FabRec code: the picture's every 2nd step at half the learning
    rate, the code's every 4th; the encoder hears the latter every 2nd.
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
    ):
        torch.manual_seed(seed)
        self.pool, self.recipe, self.steps, self.device, self.seed = pool, recipe, steps, device, seed
        self.net = (autoencoder or AutoEncoder(size)).to(device).to(memory_format=torch.channels_last)
        self.critic = ImageDiscriminator().to(device).to(memory_format=torch.channels_last)
        self.critic_z = LatentDiscriminator(size.z_dim).to(device)
        adam = torch.optim.Adam
        self.optimiser = adam(self.net.parameters(), recipe.lr, recipe.betas)
        self.optimiser_critic = adam(self.critic.parameters(), recipe.lr / 2, recipe.betas)
        self.optimiser_critic_z = adam(self.critic_z.parameters(), recipe.lr, recipe.betas)
        self.affine = Affine(recipe.rotate, recipe.scale, recipe.shift, mirror=0.5)
        if autoencoder is None:
            start = torch.cat([self.batch(-1 - i) for i in range(-(-WHITENING // recipe.batch_size))])
            whiten_codes(self.net, start)
        self.autocast = autocast(device, recipe.bfloat16)

    def batch(self, index: int) -> Tensor:
        """The augmented pictures of step `index`: (N,3,S,S) RGB in [0, 1]."""
        chosen = shuffled_batch(self.seed, index, len(self.pool), self.recipe.batch_size)
        pictures = self.pool[chosen].to(self.device).float().div_(255)
        matrices, _ = random_matrices(len(pictures), self.affine, generator_for(self.seed, index, 3))
        # The crops in the pool are wider than what the network sees.
        matrices[:, :, :2] *= self.net.size.input_size / self.pool.side
        matrices[:, :, 2] *= self.net.size.input_size / self.pool.side
        return warp(pictures, matrices, self.net.size.input_size)

    def learning_rate(self, index: int) -> float:
        """Constant, then linear to a tenth over the last part of the run (`decay`)."""
        start = self.steps * (1 - self.recipe.decay)
        return self.recipe.lr * (1 - 0.9 * max(0.0, index - start) / max(1.0, self.steps - start))

    def step(self, index: int) -> dict[str, float]:
        for optimiser, factor in (
            (self.optimiser, 1.0),
            (self.optimiser_critic, 0.5),
            (self.optimiser_critic_z, 1.0),
        ):
            for group in optimiser.param_groups:
                group["lr"] = self.learning_rate(index) * factor
        torch.manual_seed(int(generator_for(self.seed, index, 4).initial_seed() % (1 << 62)))
        self.net.train()
        x = self.net.normalise(self.batch(index)).contiguous(memory_format=torch.channels_last)
        losses: dict[str, float] = {}
        with self.autocast:
            z, _ = self.net.Q(x)
            y = self.net.P(z)
        z, y = z.float(), y.float()
        if index % 4 == 0:
            losses["critic_z"] = self._update_critic_z(z.detach())
        if index % 2 == 0:
            losses["critic"] = self._update_critic(x, y.detach())
        rec = (y - x).abs().mean() * 255
        ssim = ssim_loss(x, y)
        self.critic.requires_grad_(False)
        with self.autocast:
            adv = gan_loss(self.critic(y).float(), real=True)
        total = self.recipe.rec * rec + self.recipe.adv * adv + self.recipe.ssim * ssim
        if index % 2 == 0:
            self.critic_z.requires_grad_(False)
            enc = gan_loss(self.critic_z(z), real=True)
            total = total + self.recipe.enc * enc
            losses["enc"] = enc.item()
            self.critic_z.requires_grad_(True)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        self.optimiser.step()
        self.critic.requires_grad_(True)
        return {"rec": rec.item(), "ssim": ssim.item(), "adv": adv.item(), **losses}

    def _update_critic(self, x: Tensor, y: Tensor) -> float:
        with self.autocast:
            loss = gan_loss(self.critic(x).float(), real=True) + gan_loss(self.critic(y).float(), real=False)
        return _descend(self.optimiser_critic, loss)

    def _update_critic_z(self, z: Tensor) -> float:
        prior = torch.randn_like(z)
        loss = gan_loss(self.critic_z(prior), real=True) + gan_loss(self.critic_z(z), real=False)
        return _descend(self.optimiser_critic_z, loss)

    def state_dict(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        return {
            "net": self.net,
            "critic": self.critic,
            "critic_z": self.critic_z,
            "optimiser": self.optimiser,
            "optimiser_critic": self.optimiser_critic,
            "optimiser_critic_z": self.optimiser_critic_z,
        }


def _descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> float:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return loss.item()


@torch.no_grad()
def whiten_codes(net: AutoEncoder, pictures: Tensor) -> None:
    """Set the encoder's last layer so that the codes of `pictures` are white: zero mean, unit variance, uncorrelated.

    Random convolutions tell faces apart a little, but their pooled outputs are nearly constant, and a decoder that sees
    nearly constant codes spends its first thousands of steps on the mean face. Ours; the paper starts from plain noise.
    pictures: (N,3,S,S) RGB in [0, 1], N well above the code's length.
    """
    net.train()  # BatchNorm by the batch: its running statistics are empty yet
    pooled = torch.cat([net.Q(net.normalise(x))[1][-1].mean(dim=(2, 3)) for x in pictures.split(50)]).double()
    centre = pooled.mean(0)
    _, s, v = torch.linalg.svd(pooled - centre, full_matrices=False)
    z = net.size.z_dim
    weight = v[:z] / (s[:z, None] / len(pooled) ** 0.5 + 1e-6)
    net.Q.fc.weight.copy_(weight)
    net.Q.fc.bias.copy_(-(weight @ centre))
