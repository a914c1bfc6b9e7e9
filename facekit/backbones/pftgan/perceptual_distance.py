"""Perceptual distances that generators are fine-tuned by (LPIPS in PFTGAN's equations 3, 4 and 6 to 8).

PFTGAN: https://arxiv.org/abs/2207.13428, LPIPS: https://arxiv.org/abs/1801.03924
"""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lpips
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from ...core.global_state import no_warnings, preserved_random_state
from ...core.weight_files import check_names, read_weights
from ...metrics.perceptual import LPIPS, alexnet_lpips
from ...training.adapted_network import AdaptedNetwork

log = logging.getLogger("facekit")

NAMES = ("lpips-alex", "lpips-vgg", "parser")


class ParserFeatures(nn.Module):
    """The distance of LPIPS on the encoder of the ready parser, without learned weights.

    It compares the image itself, and the encoder's maps at a half to a sixteenth of its side. Vectors of channels are
    normalised, their squared differences are summed, and averaged over all positions.
    """

    def __init__(self, parser: AdaptedNetwork):
        """Use the encoder of a parser.

        Args:
            parser: The network of a face parser with ``features(x)``, in evaluation mode.
        """
        super().__init__()
        self.parser: Any = parser.requires_grad_(False)

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return the image (N,3,S,S) and the first four maps of the encoder."""
        return [x, *self.parser.features((x + 1) / 2)[:4]]

    @override
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the distances of image pairs.

        Args:
            x: RGB images in [-1, 1], shape (N, 3, S, S).
            y: The images to compare with, same shape and range.

        Returns:
            Shape (N,). 0 for equal images.
        """
        side = -(-x.shape[-1] // 32) * 32
        if x.shape[-1] != side:
            x, y = (F.interpolate(p, side, mode="bilinear", align_corners=False) for p in (x, y))
        colours, *maps = zip(self.maps(x), self.maps(y), strict=True)
        distance = (colours[0] - colours[1]).square().mean((1, 2, 3))
        for a, b in maps:
            distance = distance + (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(1).mean((1, 2))
        return distance


class ResizedDistance(nn.Module):
    """A distance of images that are resized to one side first.

    Small parts have few pixels at 64 px, and the first layers of AlexNet and VGG skip over them. JoJoGAN computes its
    loss at 256 px, too.
    """

    def __init__(self, distance: nn.Module, side: int):
        """Wrap a distance.

        Args:
            distance: A distance of image pairs (N, 3, S, S).
            side: Side in pixels. Larger images are averaged, smaller ones are enlarged bilinearly.
        """
        super().__init__()
        self.distance, self.side = distance, side

    @override
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the distances (N,) of images (N, 3, S, S) in [-1, 1]."""
        if x.shape[-1] > self.side:
            x, y = (F.interpolate(p, self.side, mode="area") for p in (x, y))
        elif x.shape[-1] < self.side:
            x, y = (F.interpolate(p, self.side, mode="bilinear", align_corners=False) for p in (x, y))
        distance: Tensor = self.distance(x, y)
        return distance


def perceptual(name: str = "auto", parser: Callable[[], AdaptedNetwork] | None = None) -> nn.Module:
    """Return a frozen distance between images. Its name is logged.

    Args:
        name: "lpips-alex" (its AlexNet is in this package), "lpips-vgg" (if torchvision's VGG16 is in torch's cache;
            nothing is downloaded), "parser" (the ready parser's encoder, without learned weights), or "auto": VGG if
            it is there, else AlexNet.
        parser: Returns the network of the ready parser, for "parser".

    Returns:
        A module that maps two batches of RGB images (N, 3, S, S) in [-1, 1] to distances (N,).

    Raises:
        ValueError: If there is no such distance.
        FileNotFoundError: If VGG is not there.
    """
    if name not in ("auto", *NAMES):
        raise ValueError(f"perceptual={name!r}: expected 'auto' or one of {', '.join(map(repr, NAMES))}")
    vgg = cached_vgg()
    if name == "auto":
        name = "lpips-vgg" if vgg is not None else "lpips-alex"
    log.info("perceptual distance: %s", name)
    if name == "parser":
        if parser is None:
            raise ValueError("perceptual='parser': expected the network of the parser, got none; pass parser=")
        return ParserFeatures(parser())
    if name == "lpips-alex":
        return LPIPS(copy.deepcopy(alexnet_lpips()))
    if vgg is None:
        raise FileNotFoundError(
            f"perceptual='lpips-vgg': expected torchvision's vgg16-*.pth in {vgg_folder()}, got no such file; put it "
            "there, or pass 'lpips-alex'"
        )
    return LPIPS(_vgg_lpips(vgg))


def vgg_folder() -> Path:
    """Return the folder where torchvision stores downloaded weights."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def cached_vgg() -> Path | None:
    """Return torchvision's file of VGG16's weights, or None if it was not downloaded."""
    return next(iter(sorted(vgg_folder().glob("vgg16-*.pth"))), None)


def _vgg_lpips(file: str | os.PathLike[str]) -> Any:
    """Build LPIPS on VGG16 from torchvision's file. Raise ValueError if its tensors do not fit."""
    with no_warnings(), preserved_random_state():  # torchvision warns of an argument that lpips passes.
        net = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)
    state = read_weights(file, "torchvision's VGG16").tensors
    own = net.net.state_dict()
    # lpips numbers VGG's layers as torchvision does, in five slices.
    numbered = {f"features.{name.split('.', 1)[1]}": name for name in own}
    known = {numbered[name]: tensor for name, tensor in state.items() if name in numbered}
    check_names(file, known, own, "torchvision's VGG16")
    net.net.load_state_dict(known)
    return net
