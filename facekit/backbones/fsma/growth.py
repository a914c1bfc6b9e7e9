"""Grow an auto-encoder from 128 to 256 px (FSMA supplement section 3: 50 epochs at 128 px, then 50 at 256 px).

Layers of both sizes are copied. The encoder's new stage starts as an identity, the decoder's as bilinear upsampling.
Both keep the scale of their maps, so the grown network starts with about the reconstructions of the small one. Randomly
initialised layers would destroy what was learned.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .autoencoder import AutoEncoder, AutoEncoderSize

# Images from which means and variances of the maps around the new layers are computed, and the batch size for that.
IMAGES = 200
BATCH = 20


@torch.no_grad()
def grow(small: AutoEncoder, size: AutoEncoderSize, images: Tensor) -> AutoEncoder:
    """Build an auto-encoder of 256 px from one of 128 px, which is not changed.

    Args:
        small: The auto-encoder of 128 px.
        size: Size of the result.
        images: RGB images (N, 3, 256, 256) in [0, 1], a hundred or more of the training's. The new BatchNorms get their
            statistics.

    Returns:
        The auto-encoder in evaluation mode.

    Raises:
        ValueError: If the sizes do not fit together.
    """
    old = small.size
    if old.input_size != 128 or size.input_size != 256:
        raise ValueError(
            f"growing goes from 128 to 256 px, not from {old.input_size} to {size.input_size}: pass 128 px weights"
        )
    if (old.width, old.z_dim) != (size.width, size.z_dim):
        raise ValueError(
            f"the 128 px weights have width {old.width} and z_dim {old.z_dim}, the 256 px network {size.width} and "
            f"{size.z_dim}: both must be the same"
        )
    # Layers that start at random are behind a weight of zero.
    torch.manual_seed(0)
    small, net = small.eval(), AutoEncoder(size).eval()
    outcome = net.load_state_dict(small.state_dict(), strict=False)
    assert not outcome.unexpected_keys
    for residual in ("Q.layer0.0.bn2", "Q.layer0.1.bn2", "P.layer5.0.bn2"):
        nn.init.zeros_(net.get_parameter(f"{residual}.weight"))
    nn.init.dirac_(net.get_parameter("Q.layer1.0.downsample.0.weight"))
    net.get_parameter("P.layer5.0.upsample.0.weight").copy_(_bilinear(size.width))
    shortcuts = _norms(net, "Q.layer1.0.downsample") + _norms(net, "P.layer5.0.upsample")
    with _measured(_norms(net, "Q.layer0") + _norms(net, "Q.layer1.0.downsample")):
        for part in images.split(BATCH):
            net.encode(part)
    with _measured(_norms(net, "P.layer5")):
        for part in images.split(BATCH):
            net.P(small.encode(F.avg_pool2d(part, 2)))
    for norm in shortcuts:
        _make_neutral(norm)
    return net


def _bilinear(channels: int) -> Tensor:
    """Return weights (C, C, 4, 4) of a transposed convolution of stride 2 that upsamples each channel bilinearly."""
    taps = torch.tensor([0.25, 0.75, 0.75, 0.25])
    return torch.eye(channels)[:, :, None, None] * (taps[:, None] * taps)


def _norms(net: AutoEncoder, inside: str) -> list[nn.BatchNorm2d]:
    """Return all BatchNorms of a part of the network."""
    return [m for m in net.get_submodule(inside).modules() if isinstance(m, nn.BatchNorm2d)]


@contextlib.contextmanager
def _measured(norms: list[nn.BatchNorm2d]) -> Iterator[None]:
    """Let BatchNorms collect running statistics as plain averages over all batches within the block."""
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # plain average
        norm.train()
    yield
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def _make_neutral(norm: nn.BatchNorm2d) -> None:
    """Set a BatchNorm so that it does not change inputs of the measured statistics, in training mode, too."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.weight.copy_((norm.running_var + norm.eps).sqrt())
    norm.bias.copy_(norm.running_mean)
