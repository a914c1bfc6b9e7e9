"""The auto-encoder of FSMA section 3.1: ResNet18 encoder Q, inverted ResNet18 decoder P (3FabRec's, FSMA supplement
section 3).

Parameter names are those of 3FabRec's released snapshots, so that these load strictly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from typing_extensions import override

# 3FabRec subtracts this from RGB in [0, 1]; the standard deviation stays 1.
MEAN_RGB = (0.518, 0.418, 0.361)


@dataclass(frozen=True)
class AutoEncoderSize:
    """Sizes of one auto-encoder; the only place where they stand."""

    input_size: int = 256  # pixels, square; 128 or 256
    width: int = 64  # channels after the first convolution; 64 is the paper's
    z_dim: int = 99  # latent code


PRESETS: dict[str, AutoEncoderSize] = {
    "256": AutoEncoderSize(256, 64),  # the paper's model
    "128": AutoEncoderSize(128, 64),  # the paper's first 50 epochs
    "mini": AutoEncoderSize(128, 32),  # half the width: the embedded weights
}


class DownBlock(nn.Module):
    """ResNet basic block."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1):
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
    """Inverted basic block: doubles height and width."""

    def __init__(self, channels_in: int, channels: int):
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
    """ResNet18 to a latent code. At 256 px one more stage stands before layer1, which then has stride 2."""

    def __init__(self, size: AutoEncoderSize):
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
        """x: (N,3,S,S) normalised RGB. Returns z (N,Z) and the maps after conv1 and each stage, largest first:
        (N,C,S/2,S/2), (N,C,S/4,S/4), ... down to 4x4."""
        x = torch.relu(self.bn1(self.conv1(x)))
        maps = [x]
        x = self.maxpool(x)
        for name in self.stages:
            x = getattr(self, name)(x)
            maps.append(x)
        return self.fc(x.mean(dim=(2, 3))), maps


class Decoder(nn.Module):
    """Inverted ResNet18: latent code to image; one block a stage."""

    def __init__(self, size: AutoEncoderSize):
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
        # PyTorch's default would saturate the tanh, and training would first spend hundreds of steps on undoing that.
        nn.init.normal_(self.lin.weight, 0.0, 0.01)

    def start(self, z: Tensor) -> Tensor:
        """z: (N,Z) -> the first map (N,8W,4,4)."""
        return torch.relu(self.bn1(self.conv1(self.fc(z)[:, :, None, None])))

    def forward(self, z: Tensor) -> Tensor:
        """z: (N,Z). Returns (N,3,S,S), centred RGB in (-1, 1): add the mean to have [0, 1]."""
        x = self.start(z)
        for name in self.stages:
            x = getattr(self, name)(x)
        return torch.tanh(self.lin(x))


class Centred(nn.Module):
    """RGB in [0, 1] -> the networks' centred RGB."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN_RGB).view(1, 3, 1, 1), persistent=False)

    @override
    def forward(self, x: Tensor) -> Tensor:
        return x - self.mean


class AutoEncoder(nn.Module):
    """Q and P together, from RGB in [0, 1] to RGB in [0, 1]."""

    def __init__(self, size: AutoEncoderSize):
        super().__init__()
        if size.input_size not in (128, 256):
            raise ValueError(f"input_size {size.input_size}: the FSMA auto-encoder exists at 128 and 256 px")
        self.size = size
        self.Q = Encoder(size)
        self.P = Decoder(size)
        self.centred = Centred()

    def normalise(self, x: Tensor) -> Tensor:
        """RGB in [0, 1] -> the network's centred RGB."""
        return self.centred(x)

    def encode(self, x: Tensor) -> Tensor:
        """x: (N,3,S,S) RGB in [0, 1]. Returns the latent codes (N,Z)."""
        return self.Q(self.normalise(x))[0]

    def decode(self, z: Tensor) -> Tensor:
        """z: latent codes (N,Z). Returns what they stand for: (N,3,S,S) RGB in [0, 1]."""
        return (self.P(z) + self.centred.mean).clamp(0, 1)

    def reconstruct(self, x: Tensor) -> Tensor:
        """x: (N,3,S,S) RGB in [0, 1]. Returns the reconstruction, same shape and range."""
        return self.decode(self.encode(x))

    def features(self, x: Tensor) -> list[Tensor]:
        """x: (N,3,S,S) RGB in [0, 1]. Returns the encoder's maps, largest (S/2) first, 4x4 last."""
        return self.Q(self.normalise(x))[1]


class LatentDiscriminator(nn.Module):
    """Tells encoded images from N(0, 1) draws (L_enc): 99 -> 1000 -> 1000 -> 1."""

    def __init__(self, z_dim: int = 99):
        super().__init__()
        self.lin1 = nn.Linear(z_dim, 1000)
        self.lin2 = nn.Linear(1000, 1000)
        self.lin3 = nn.Linear(1000, 1)

    def dropout(self, n: int, generator: torch.Generator) -> Tensor:
        """What training multiplies both hidden layers with, (2,n,1000): 0 for a fifth, else 1.25. On the CPU."""
        return torch.empty(2, n, self.lin2.in_features).bernoulli_(0.8, generator=generator) / 0.8

    def forward(self, z: Tensor, dropout: Tensor | None = None) -> Tensor:
        """z: (N,Z); dropout: (2,N,1000) from `dropout`, None for none. Returns logits (N,); their sigmoid is the
        probability of a prior draw."""
        x = self.lin1(z)
        # Dropout stands before the ReLU, as in the public implementation.
        x = self.lin2(torch.relu(x if dropout is None else x * dropout[0]))
        return self.lin3(torch.relu(x if dropout is None else x * dropout[1])).flatten()


class ImageDiscriminator(nn.Module):
    """Tells images from reconstructions (L_adv): five stride-2 4x4 convolutions, one 4x4 to a single map."""

    def __init__(self, filters: int = 32):
        super().__init__()
        layers: list[nn.Module] = []
        channels = [3, filters, 2 * filters, 4 * filters, 8 * filters, 8 * filters]
        for i, (c_in, c_out) in enumerate(zip(channels[:-1], channels[1:], strict=True)):
            layers.append(nn.Conv2d(c_in, c_out, 4, 2, 1, bias=False))
            if i > 0:
                layers.append(nn.BatchNorm2d(c_out))
            layers.append(nn.LeakyReLU(0.2))
        layers.append(nn.Conv2d(channels[-1], 1, 4, 1, 0, bias=False))
        self.main = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N,3,S,S) centred RGB. Returns logits (N,); their sigmoid is the probability of a real image."""
        return self.main(x).mean(dim=(1, 2, 3))


def _down_stage(channels_in: int, channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(DownBlock(channels_in, channels, stride), DownBlock(channels, channels))


def _initialise(module: nn.Module) -> None:
    """Conv2d from N(0, sqrt(2 / (kernel area * output channels))), as both papers' implementations."""
    for m in module.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.normal_(m.weight, 0.0, math.sqrt(2.0 / (m.kernel_size[0] * m.kernel_size[1] * m.out_channels)))
