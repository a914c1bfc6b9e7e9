"""The auto-encoder of FSMA: a ResNet18 encoder Q and an inverted ResNet18 decoder P (section 3.1, supplement 3).

The architecture is that of 3FabRec (https://arxiv.org/abs/1911.10448). Parameters have the names of its released
snapshots, so that these load without a conversion.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from typing_extensions import override

from ...core.tensor_arguments import check_codes, check_image_tensor

# Mean colour that 3FabRec subtracts from RGB in [0, 1]. Nothing is divided by a standard deviation.
MEAN_RGB = (0.518, 0.418, 0.361)


@dataclass(frozen=True)
class AutoEncoderSize:
    """Size of an auto-encoder. The defaults are the paper's.

    Attributes:
        input_size: Side of the square input in pixels, 128 or 256.
        width: Channels after the first convolution.
        z_dim: Length of the latent code.
    """

    input_size: int = 256
    width: int = 64
    z_dim: int = 99


PRESETS: dict[str, AutoEncoderSize] = {
    "256": AutoEncoderSize(256, 64),  # the paper's model
    "128": AutoEncoderSize(128, 64),  # the paper's first 50 epochs
    "mini": AutoEncoderSize(128, 32),  # half the width: the embedded weights
}


class DownBlock(nn.Module):
    """A basic block of ResNet."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1):
        """Build a block that divides height and width by ``stride``."""
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels_in != channels:
            shortcut = nn.Conv2d(channels_in, channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(channels))

    @override
    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class UpBlock(nn.Module):
    """An inverted basic block. It doubles height and width."""

    def __init__(self, channels_in: int, channels: int):
        """Build the block."""
        super().__init__()
        self.conv1 = nn.ConvTranspose2d(channels_in, channels, 4, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        shortcut = nn.ConvTranspose2d(channels_in, channels, 4, 2, 1, bias=False)
        self.upsample = nn.Sequential(shortcut, nn.BatchNorm2d(channels))

    @override
    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + self.upsample(x))


class Encoder(nn.Module):
    """ResNet18 that maps an image to a latent code.

    At 256 px there is one more stage before layer1, which then has stride 2.
    """

    def __init__(self, size: AutoEncoderSize):
        """Build the encoder with random weights."""
        super().__init__()
        w = size.width
        self.conv1 = nn.Conv2d(3, w, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(w)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        large = size.input_size == 256
        if large:
            self.layer0 = _down_stage(w, w, 1)
        self.layer1 = _down_stage(w, w, 2 if large else 1)
        self.layer2 = _down_stage(w, 2 * w, 2)
        self.layer3 = _down_stage(2 * w, 4 * w, 2)
        self.layer4 = _down_stage(4 * w, 8 * w, 2)
        self.fc = nn.Linear(8 * w, size.z_dim)
        self.stages = ("layer0",) * large + ("layer1", "layer2", "layer3", "layer4")
        _initialise(self)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Encode images.

        Args:
            x: Centred RGB, shape (N, 3, S, S).

        Returns:
            Latent codes (N, Z), and the maps after conv1 and each stage, largest first: (N, C, S/2, S/2),
            (N, C, S/4, S/4), ... down to 4x4.
        """
        x = torch.relu(self.bn1(self.conv1(x)))
        maps = [x]
        x = self.maxpool(x)
        for name in self.stages:
            x = getattr(self, name)(x)
            maps.append(x)
        return self.fc(x.mean(dim=(2, 3))), maps


class Decoder(nn.Module):
    """Inverted ResNet18 that maps a latent code to an image, with one block per stage."""

    def __init__(self, size: AutoEncoderSize):
        """Build the decoder with random weights."""
        super().__init__()
        w = size.width
        self.fc = nn.Linear(size.z_dim, 8 * w)
        self.conv1 = nn.ConvTranspose2d(8 * w, 8 * w, 4, 1, 0, bias=False)
        self.bn1 = nn.BatchNorm2d(8 * w)
        channels = [8 * w, 4 * w, 2 * w, w, w] + [w] * (size.input_size == 256)
        # Channels of the 4x4, 8x8, 16x16, ... maps; the output layer doubles the last of them.
        self.channels = tuple(channels)
        self.stages = tuple(f"layer{i}" for i in range(1, len(channels)))
        for name, c_in, c_out in zip(self.stages, channels[:-1], channels[1:], strict=True):
            setattr(self, name, nn.Sequential(UpBlock(c_in, c_out)))
        self.lin = nn.ConvTranspose2d(w, 3, 4, 2, 1, bias=False)
        _initialise(self)
        # PyTorch's default saturates the tanh, which costs hundreds of training steps.
        nn.init.normal_(self.lin.weight, 0.0, 0.01)

    def start(self, z: Tensor) -> Tensor:
        """Compute the first map (N, 8W, 4, 4) from latent codes (N, Z)."""
        return torch.relu(self.bn1(self.conv1(self.fc(z)[:, :, None, None])))

    def forward(self, z: Tensor) -> Tensor:
        """Decode latent codes (N, Z) to centred RGB (N, 3, S, S) in (-1, 1)."""
        x = self.start(z)
        for name in self.stages:
            x = getattr(self, name)(x)
        return torch.tanh(self.lin(x))


class Centred(nn.Module):
    """Subtract the mean colour from RGB in [0, 1]."""

    mean: Tensor

    def __init__(self) -> None:
        """Store the mean colour."""
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN_RGB).view(1, 3, 1, 1), persistent=False)

    @override
    def forward(self, x: Tensor) -> Tensor:
        return x - self.mean


class AutoEncoder(nn.Module):
    """The encoder Q and the decoder P, from RGB in [0, 1] to RGB in [0, 1]."""

    def __init__(self, size: AutoEncoderSize):
        """Build both with random weights.

        Args:
            size: Sizes.

        Raises:
            ValueError: If the input size is neither 128 nor 256.
        """
        super().__init__()
        if size.input_size not in (128, 256):
            raise ValueError(f"input_size {size.input_size}: the FSMA auto-encoder exists at 128 and 256 px")
        self.size = size
        self.Q = Encoder(size)
        self.P = Decoder(size)
        self.centred = Centred()

    def normalise(self, x: Tensor) -> Tensor:
        """Subtract the mean colour from RGB images in [0, 1]."""
        return self.centred(x)

    def encode(self, x: Tensor) -> Tensor:
        """Return the latent codes (N, Z) of RGB images (N, 3, S, S) in [0, 1]."""
        return self.Q(self.normalise(check_image_tensor(x)))[0]

    def decode(self, z: Tensor) -> Tensor:
        """Return the RGB images (N, 3, S, S) in [0, 1] of latent codes (N, Z)."""
        return (self.P(check_codes(z, "z", self.size.z_dim)) + self.centred.mean).clamp(0, 1)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Encode and decode RGB images (N, 3, S, S) in [0, 1]."""
        return self.decode(self.encode(x))

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the encoder's maps of RGB images (N, 3, S, S) in [0, 1], from S/2 down to 4x4."""
        return self.Q(self.normalise(check_image_tensor(x)))[1]


class LatentDiscriminator(nn.Module):
    """Discriminator between latent codes of images and draws from N(0, 1) (L_enc): 99 -> 1000 -> 1000 -> 1."""

    def __init__(self, z_dim: int = 99):
        """Build the discriminator for codes of a given length."""
        super().__init__()
        self.lin1 = nn.Linear(z_dim, 1000)
        self.lin2 = nn.Linear(1000, 1000)
        self.lin3 = nn.Linear(1000, 1)

    def dropout(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw the dropout factors of both hidden layers.

        Args:
            n: Number of latent codes.
            generator: Source of random numbers on the CPU.

        Returns:
            Float32 of shape (2, n, 1000) on the CPU. A fifth of the factors is 0, the others are 1.25.
        """
        return torch.empty(2, n, self.lin2.in_features).bernoulli_(0.8, generator=generator) / 0.8

    def forward(self, z: Tensor, dropout: Tensor | None = None) -> Tensor:
        """Compute the logits of latent codes.

        Args:
            z: Codes (N, Z).
            dropout: What ``dropout`` returned, or None.

        Returns:
            Logits (N,) of being a draw from the prior.
        """
        x = self.lin1(z)
        # Dropout stands before the ReLU, as in the public implementation.
        x = self.lin2(torch.relu(x if dropout is None else x * dropout[0]))
        return self.lin3(torch.relu(x if dropout is None else x * dropout[1])).flatten()


class ImageDiscriminator(nn.Module):
    """Discriminator between images and reconstructions (L_adv).

    Five 4x4 convolutions of stride 2 are followed by one 4x4 convolution to a single map.
    """

    def __init__(self) -> None:
        """Build the discriminator."""
        super().__init__()
        layers: list[nn.Module] = []
        channels = [3, 32, 64, 128, 256, 256]
        for i, (c_in, c_out) in enumerate(itertools.pairwise(channels)):
            layers.append(nn.Conv2d(c_in, c_out, 4, 2, 1, bias=False))
            if i > 0:
                layers.append(nn.BatchNorm2d(c_out))
            layers.append(nn.LeakyReLU(0.2))
        layers.append(nn.Conv2d(channels[-1], 1, 4, 1, 0, bias=False))
        self.main = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N,) of being real for centred RGB images (N, 3, S, S)."""
        return self.main(x).mean(dim=(1, 2, 3))


def _down_stage(channels_in: int, channels: int, stride: int) -> nn.Sequential:
    """Return a stage of two blocks."""
    return nn.Sequential(DownBlock(channels_in, channels, stride), DownBlock(channels, channels))


def _initialise(module: nn.Module) -> None:
    """Draw weights of convolutions from N(0, sqrt(2 / (kernel area * output channels))), as 3FabRec's code does."""
    for m in module.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.normal_(m.weight, 0.0, math.sqrt(2.0 / (m.kernel_size[0] * m.kernel_size[1] * m.out_channels)))
