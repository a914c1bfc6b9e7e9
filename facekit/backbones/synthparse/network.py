"""Segmentation models of section 3.1.1, built by segmentation_models_pytorch, for any task with maps."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import segmentation_models_pytorch as smp
import timm
import torch
from segmentation_models_pytorch.encoders import get_encoder_names
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from typing_extensions import Self, override

from ...core.arguments import check_choice, short_repr
from ...core.tensor_arguments import check_image_tensor
from ...training.adapted_network import AdaptedNetwork
from ..normalisation import Normalise
from .fcn import FCN

# Mean and standard deviation of RGB in [0, 1] with which the encoders were trained on ImageNet.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Largest stride of the encoders. Input sizes are multiples of it.
STEP = 32
DECODERS: dict[str, Callable[..., Any]] = {
    "unet": smp.Unet,
    "deeplabv3plus": smp.DeepLabV3Plus,
    "fpn": smp.FPN,
    "fcn": FCN,
}


@dataclass(frozen=True)
class ParserSize:
    """Build of a segmentation model. The defaults are the paper's best model (Table 8).

    Attributes:
        decoder: One of `DECODERS`.
        encoder: Name of the encoder in segmentation_models_pytorch.
        input_size: Side of the square input in pixels.
        decoder_channels: Channels of UNet's five stages, coarsest first. None is the library's default.

    Raises:
        ValueError: If a name is unknown or a number does not fit.
    """

    decoder: str = "unet"
    encoder: str = "mobilenet_v2"
    input_size: int = 128
    decoder_channels: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_choice(self.decoder, "decoder", DECODERS)
        # timm would fetch names such as "hf-hub:..." from the web.
        is_known = timm.is_model(self.encoder[3:]) if self.encoder[:3] == "tu-" else self.encoder in get_encoder_names()
        if not is_known:
            raise ValueError(
                f"encoder={self.encoder!r}: expected an encoder of segmentation_models_pytorch; pass one, such as "
                "'mobilenet_v2' or 'resnet101'"
            )
        if self.input_size < STEP or self.input_size % STEP:
            raise ValueError(f"input_size={self.input_size}: expected a multiple of {STEP} px")
        if self.decoder_channels is None:
            return
        if not isinstance(self.decoder_channels, Iterable):
            raise TypeError(
                f"decoder_channels={short_repr(self.decoder_channels)}: expected five numbers, got "
                f"{type(self.decoder_channels).__name__}; pass a tuple, or None for the library's default"
            )
        object.__setattr__(self, "decoder_channels", tuple(self.decoder_channels))  # JSON gives lists
        if self.decoder != "unet" or len(self.decoder_channels) != 5:
            raise ValueError(
                f"decoder_channels={self.decoder_channels} for decoder={self.decoder!r}: expected five numbers, and "
                "decoder='unet'; pass five, or leave decoder_channels out"
            )

    def fits(self, other: ParserSize) -> bool:
        """Return whether weights of another build fit into this one. The input size does not matter."""
        return replace(self, input_size=other.input_size) == other


def new_model(size: ParserSize, channels: int, inputs: int = 3) -> Any:
    """Build the library's model with random weights.

    Args:
        size: The build.
        channels: Number of output channels.
        inputs: Number of input channels.
    """
    extra = {} if size.decoder_channels is None else {"decoder_channels": size.decoder_channels}
    model = DECODERS[size.decoder](size.encoder, encoder_weights=None, in_channels=inputs, classes=channels, **extra)
    # With channels last, CPUs take about a quarter less time.
    return model.to(memory_format=torch.channels_last)


class ParserNetwork(AdaptedNetwork):
    """A segmentation model whose encoder may be frozen."""

    # Predictions are not averaged with mirrored ones. The paper does not, and it takes twice the time for at most 1
    # point of F1.
    averages: ClassVar[bool] = False
    starts: ClassVar[dict[str, str]] = {"segmentation": "segmentation"}

    def __init__(self, size: ParserSize, channels: int, stride: int = 1, paints: bool = False, frozen: bool = False):
        """Build the model with random weights.

        Args:
            size: The build.
            channels: Number of output channels.
            stride: Input pixels per output pixel.
            paints: Whether the first three maps are an image in [0, 1].
            frozen: Whether the encoder is frozen.
        """
        super().__init__()
        self.size, self.channels, self.stride, self.paints, self.frozen = size, channels, stride, paints, frozen
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        self.model = new_model(size, channels)
        self.encoder.requires_grad_(not frozen)

    @property
    def encoder(self) -> Any:
        """The encoder."""
        return self.model.encoder

    @property
    @override
    def input_size(self) -> int:
        return self.size.input_size

    def new_parameters(self) -> list[nn.Parameter]:
        """Return the parameters of decoder and head."""
        return [*self.model.decoder.parameters(), *self.model.segmentation_head.parameters()]

    def tuned_parameters(self) -> list[nn.Parameter]:
        """Return the encoder's parameters unless it is frozen."""
        return [] if self.frozen else list(self.encoder.parameters())

    @override
    def to_dict(self) -> dict[str, Any]:
        return {
            **asdict(self.size),
            "channels": self.channels,
            "stride": self.stride,
            "paints": self.paints,
            "frozen": self.frozen,
        }

    @property
    @override
    def can_warm_start(self) -> bool:
        return True

    def matches(self, other: Self) -> bool:
        """Return whether another network is built alike. Heads and input sizes may differ."""
        alike: bool = (self.stride, self.paints) == (other.stride, other.paints)
        return alike and self.size.fits(other.size)

    @torch.no_grad()
    def start_from(self, other: Self, mixing: Tensor) -> None:
        """Copy a network that ``matches``, and mix its output channels."""
        self.encoder.load_state_dict(other.encoder.state_dict())
        self.model.decoder.load_state_dict(other.model.decoder.state_dict())
        heads = (network.model.segmentation_head.modules() for network in (self, other))
        layers = ([layer for layer in head if isinstance(layer, nn.Conv2d)] for head in heads)  # FCN's has three
        for layer, other_layer in zip(*layers, strict=True):
            mixing = mixing.to(other_layer.weight)
            layer.weight.copy_(torch.einsum("ck,kwij->cwij", mixing, other_layer.weight))
            layer.bias.copy_(mixing @ other_layer.bias)

    @override
    def train(self, mode: bool = True) -> ParserNetwork:
        super().train(mode)
        if self.frozen:
            # Its running means must not change, or cached features would differ from new ones.
            self.encoder.eval()
        return self

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the encoder's maps at S/2, S/4, ... S/32.

        Args:
            x: RGB images (N, 3, S, S) in [0, 1]. S is a multiple of 32.
        """
        return self.encoder(self.normalise(check_image_tensor(x)))[1:]

    @torch.no_grad()
    def frozen_features(self, x: Tensor) -> list[Tensor]:
        """Return the encoder's maps, or ``[x]`` if nothing is frozen."""
        return self.encoder(self.normalise(x)) if self.frozen else [x]

    def from_features(self, features: list[Tensor]) -> Tensor:
        """Compute decoder and head, and the encoder if it is trained."""
        if not self.frozen:
            features = self.encoder(self.normalise(features[0]))
        maps = self.model.segmentation_head(self.model.decoder(features))
        if self.stride > 1:
            maps = nn.functional.avg_pool2d(maps, self.stride)
        return torch.cat([maps[:, :3].sigmoid(), maps[:, 3:]], 1) if self.paints else maps

    def folded(self) -> ParserNetwork:
        """Return a copy for inference in which BatchNorms are folded into the convolutions before them.

        Only layers that follow each other in an ``nn.Sequential`` are folded, which are all of a UNet on MobileNetV2.
        The maps are the same and take about five sixths of the time on CPUs.
        """
        copied = copy.deepcopy(self).eval()
        for block in [module for module in copied.model.modules() if isinstance(module, nn.Sequential)]:
            for (name, layer), (after, norm) in itertools.pairwise(list(block.named_children())):
                if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    setattr(block, name, fuse_conv_bn_eval(layer, norm))
                    setattr(block, after, nn.Identity())
        return copied.to(memory_format=torch.channels_last)
