"""From 128 to 256 px with the same weights (FSMA supplement section 3: 50 epochs at 128 px, then 50 more at 256 px).

What both sizes have is copied. The encoder's new stage passes its input on, the decoder's doubles its input bilinearly,
and both leave the scale of the maps around them as it is: the grown network starts with about the reconstructions of
the small one. Left to random initialisation, the new layers would undo what was learned.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .autoencoder import AutoEncoder, AutoEncoderSize

# Enough for the means and variances of the maps around the new layers.
IMAGES = 200
BATCH = 20


@torch.no_grad()
def grow(small: AutoEncoder, size: AutoEncoderSize, images: Tensor, seed: int = 0) -> AutoEncoder:
    """A 256 px auto-encoder in eval mode that goes on from `small`, whose weights stay as they are.

    small: 128 px. size: that of the result. images: (N,3,256,256) RGB in [0, 1], a hundred or more of those that
    training goes on with; the new BatchNorms are set to their statistics. seed: of the layers that start at random,
    behind a weight of zero.
    Raises ValueError for sizes that do not fit together.
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
    torch.manual_seed(seed)
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
    """(C,C,4,4) for a transposed convolution of stride 2: doubles each channel by itself."""
    taps = torch.tensor([0.25, 0.75, 0.75, 0.25])
    return torch.eye(channels)[:, :, None, None] * (taps[:, None] * taps)


def _norms(net: AutoEncoder, inside: str) -> list[nn.BatchNorm2d]:
    return [m for m in net.get_submodule(inside).modules() if isinstance(m, nn.BatchNorm2d)]


@contextlib.contextmanager
def _measured(norms: list[nn.BatchNorm2d]) -> Iterator[None]:
    """Inside the block `norms` collect their running statistics over all batches alike."""
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch's way to say: a plain average
        norm.train()
    yield
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def _make_neutral(norm: nn.BatchNorm2d) -> None:
    """Let `norm` give back what it gets, in training mode as well, as long as the statistics are those measured."""
    assert norm.running_mean is not None and norm.running_var is not None
    norm.weight.copy_((norm.running_var + norm.eps).sqrt())
    norm.bias.copy_(norm.running_mean)
