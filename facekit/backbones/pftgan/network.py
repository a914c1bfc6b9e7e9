"""The adapted network of PFTGAN: inversion encoder, segmentation stream, pixel classifiers (section 3)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from ...training.adapted_network import AdaptedNetwork
from .inversion_encoder import InversionEncoder, InversionSize, ReferenceEncoder, at_encoder
from .pixel_classifier import Ensemble, PixelClassifier, Votes
from .stylegan2 import GeneratorSize, Synthesis


def layer_channels(size: GeneratorSize, colours: bool = False) -> tuple[int, ...]:
    """Return the channels of the maps that `Synthesis.features` returns.

    Args:
        size: Size of the generator.
        colours: Whether toRGB images are among the maps.

    Returns:
        One number per map, coarsest first.
    """
    blocks = [[size.channels(side)] * (1 if side == 4 else 2) + [3] * colours for side in size.sides]
    return tuple(itertools.chain.from_iterable(blocks))


class PFTGANNetwork(AdaptedNetwork):
    """Frozen encoder, fine-tuned stream of a generator, and trained pixel classifiers.

    The frozen features are latent codes. The stream is fine-tuned before the classifiers are trained, and frozen then.
    """

    # A mirrored image has other codes, so averaging takes twice the time.
    averages: ClassVar[bool] = False

    def __init__(
        self,
        encoder: InversionEncoder | ReferenceEncoder,
        synthesis: Synthesis,
        channels: int,
        stride: int = 1,
        paints: bool = False,
        members: int = 1,
        reads_colours: bool = False,
    ):
        """Combine the parts.

        Args:
            encoder: Maps images to latent codes.
            synthesis: The generator's synthesis network, which becomes the segmentation stream.
            channels: Number of output channels.
            stride: Input pixels per output pixel.
            paints: Whether the stream's image is the output. There are no classifiers then.
            members: Number of pixel classifiers that vote.
            reads_colours: Whether the classifiers read the images of the toRGB layers, too.
        """
        super().__init__()
        self.encoder, self.stream = encoder, synthesis
        self.channels, self.stride, self.paints, self.reads_colours = channels, stride, paints, reads_colours
        read = layer_channels(synthesis.size, reads_colours)
        # A classifier has two outputs at least. For one landmark, the second is not read.
        self.heads = None if paints else Ensemble(read, max(channels, 2), members)
        self.requires_grad_(False)
        if self.heads is not None:
            self.heads.requires_grad_(True)

    @property
    @override
    def input_size(self) -> int:
        return self.stream.size.resolution

    @override
    def train(self, mode: bool = True) -> PFTGANNetwork:
        super().train(mode)
        self.encoder.eval()
        return self

    @override
    def new_parameters(self) -> list[nn.Parameter]:
        return [] if self.heads is None else list(self.heads.parameters())

    @torch.no_grad()
    def frozen_features(self, x: Tensor) -> list[Tensor]:
        """Return the latent codes (N, L, w_dim)."""
        return [self.encoder(at_encoder(x, self.encoder)).float()]

    @torch.no_grad()
    def maps(self, codes: Tensor) -> list[Tensor]:
        """Return the maps [(N, C_i, H_i, W_i)] of codes (N, L, w_dim) that the classifiers read."""
        return self.stream.features(codes, colours=self.reads_colours)

    def from_features(self, features: list[Tensor]) -> Tensor:
        """Compute logits; for several classifiers the logarithm of their mean probabilities."""
        (codes,) = features
        if self.heads is None:
            return (self.stream(codes) + 1) / 2
        maps, side = self.maps(codes), self.input_size // self.stride
        if self.training:
            # One classifier is trained on whole maps. Several are trained on single pixels by `classifier_training`.
            return dense_logits(self.heads.each()[0], maps, side)[:, : self.channels]
        return ensemble_logits(self.heads, maps, side)[:, : self.channels]

    def votes(self, x: Tensor) -> Votes:
        """Return the votes of the classifiers for RGB images (N, 3, S, S) in [0, 1], at S px."""
        assert self.heads is not None
        (codes,) = self.frozen_features(x)
        return self.heads.vote(self.maps(codes), self.input_size)

    @property
    @override
    def members(self) -> int:
        return 1 if self.heads is None else len(self.heads.members)

    @override
    def divergence(self, x: Tensor) -> Tensor:
        return super().divergence(x) if self.heads is None else self.votes(x).divergence

    @override
    def to_dict(self) -> dict[str, Any]:
        size, encoder = self.stream.size, self.encoder
        if isinstance(encoder, InversionEncoder):
            about: dict[str, Any] = {"size": vars(encoder.size)}
        else:
            about = {
                "kind": encoder.kind,
                "layers": encoder.layers,
                "channels_in": encoder.channels_in,
                "w_dim": encoder.w_dim,
            }
        return {
            "generator": dict(vars(size)),
            "encoder": dict(about),
            "channels": self.channels,
            "stride": self.stride,
            "paints": self.paints,
            "members": 0 if self.heads is None else len(self.heads.members),
            "reads_colours": self.reads_colours,
        }

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> PFTGANNetwork:
        """Build the network that ``to_dict`` described, with random weights."""
        about = settings["encoder"]
        encoder: InversionEncoder | ReferenceEncoder
        encoder = InversionEncoder(InversionSize(**about["size"])) if "size" in about else ReferenceEncoder(**about)
        synthesis = Synthesis(GeneratorSize(**settings["generator"]))
        return cls(
            encoder,
            synthesis,
            settings["channels"],
            settings["stride"],
            settings["paints"],
            max(1, settings["members"]),
            settings["reads_colours"],
        )


def ensemble_logits(heads: Ensemble, maps: Sequence[Tensor], side: int) -> Tensor:
    """Compute logits of an ensemble; for several classifiers the logarithm of their mean probabilities.

    Args:
        heads: The classifiers.
        maps: Maps [(N, C_i, H_i, W_i)].
        side: Side of the output in pixels.

    Returns:
        Shape (N, C, side, side).
    """
    if len(heads.members) == 1:
        return heads.each()[0].logits(maps, side)
    return heads.mean_probabilities(maps, side).clamp_min(1e-8).log()


def dense_logits(head: PixelClassifier, maps: list[Tensor], side: int) -> Tensor:
    """Compute what `PixelClassifier.logits` returns, with gradients and in training mode.

    Args:
        head: The classifier.
        maps: Maps [(N, C_i, H_i, W_i)].
        side: Side of the result in pixels.

    Returns:
        Float32 of shape (N, classes, side, side).
    """
    one = head.layers[0]
    assert isinstance(one, nn.Linear)
    total: Tensor | None = None
    for x, weight in zip(maps, one.weight.split(head.channels, 1), strict=True):
        share = F.conv2d(x.float(), weight[:, :, None, None])
        share = F.interpolate(share, side, mode="bilinear", align_corners=False)
        total = share if total is None else total + share
    assert total is not None
    pixels = total.permute(0, 2, 3, 1).flatten(0, 2) + one.bias
    for layer in list(head.layers)[1:]:
        pixels = layer(pixels)
    return pixels.view(len(maps[0]), side, side, -1).permute(0, 3, 1, 2)
