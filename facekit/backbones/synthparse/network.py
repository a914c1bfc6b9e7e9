"""The paper's segmentation models (section 3.1.1), built by segmentation_models_pytorch, for any dense task."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import segmentation_models_pytorch as smp
import timm
import torch
from segmentation_models_pytorch.encoders import get_encoder_names
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from typing_extensions import override

from ...training.adapted_network import AdaptedNetwork
from ..normalisation import Normalise
from .fcn import FCN

# Of RGB in [0, 1]; every encoder here was trained so on ImageNet.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# What the encoders halve the image to, so that sizes have to be multiples of it.
STEP = 32
DECODERS: dict[str, Callable[..., Any]] = {
    "unet": smp.Unet, "deeplabv3plus": smp.DeepLabV3Plus, "fpn": smp.FPN, "fcn": FCN,
}  # fmt: skip


@dataclass(frozen=True)
class ParserSize:
    """A segmentation model's measures; the defaults are the paper's best (Table 8), at its size.

    decoder: one of `DECODERS`. encoder: any name that segmentation_models_pytorch knows. decoder_channels: of UNet's
    five stages, from the smallest map up; the library's own where None.
    """

    decoder: str = "unet"
    encoder: str = "mobilenet_v2"
    input_size: int = 128
    decoder_channels: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.decoder not in DECODERS:
            raise ValueError(f"decoder={self.decoder!r}: expected one of {', '.join(map(repr, DECODERS))}")
        # timm would fetch names such as "hf-hub:..." from the web.
        known = timm.is_model(self.encoder[3:]) if self.encoder[:3] == "tu-" else self.encoder in get_encoder_names()
        if not known:
            raise ValueError(
                f"encoder={self.encoder!r}: segmentation_models_pytorch has no such encoder; the paper's are "
                "'mobilenet_v2' and 'resnet101'"
            )
        if self.input_size < STEP or self.input_size % STEP:
            raise ValueError(f"input_size={self.input_size}: expected a multiple of {STEP} px")
        if self.decoder_channels is None:
            return
        object.__setattr__(self, "decoder_channels", tuple(self.decoder_channels))  # JSON gives lists
        if self.decoder != "unet" or len(self.decoder_channels) != 5:
            raise ValueError(
                f"decoder_channels={self.decoder_channels} for decoder={self.decoder!r}: expected five numbers, and "
                "decoder='unet'"
            )

    def fits(self, other: ParserSize) -> bool:
        """Whether weights of the other's network fit here: what side the images have does not matter."""
        return replace(self, input_size=other.input_size) == other


def new_model(size: ParserSize, channels: int, inputs: int = 3) -> Any:
    """The library's model with `channels` maps, random weights."""
    extra = {} if size.decoder_channels is None else {"decoder_channels": size.decoder_channels}
    model = DECODERS[size.decoder](size.encoder, encoder_weights=None, in_channels=inputs, classes=channels, **extra)
    # With channels last, as what flows through it then is, CPUs need about a quarter less time.
    return model.to(memory_format=torch.channels_last)


class ParserNetwork(AdaptedNetwork):
    """Maps (N,3,S,S) RGB in [0, 1] to (N,C,S/stride,S/stride); an `Adapted` network of which nothing is frozen, or,
    with `frozen`, the encoder.

    paints: the first three maps are an image in [0, 1].
    """

    # No mean with a mirrored copy: the paper has none, and 1 point of F1 at most is not worth twice the time here.
    averages: ClassVar[bool] = False
    # Embedded models that a head starts from, by task.
    starts: ClassVar[dict[str, str]] = {"segmentation": "segmentation"}

    def __init__(self, size: ParserSize, channels: int, stride: int = 1, paints: bool = False, frozen: bool = False):
        super().__init__()
        self.size, self.channels, self.stride, self.paints, self.frozen = size, channels, stride, paints, frozen
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        self.model = new_model(size, channels)
        self.encoder.requires_grad_(not frozen)

    @property
    def encoder(self) -> Any:
        return self.model.encoder

    @property
    @override
    def input_size(self) -> int:
        return self.size.input_size

    def new_parameters(self) -> list[nn.Parameter]:
        """What trains at the recipe's rate: decoder and head."""
        return [*self.model.decoder.parameters(), *self.model.segmentation_head.parameters()]

    def tuned_parameters(self) -> list[nn.Parameter]:
        """What trains at `tower_lr`: the encoder, unless frozen."""
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

    def matches(self, other: AdaptedNetwork) -> bool:
        """Whether the other is built like this one; heads and image sizes may differ."""
        assert isinstance(other, ParserNetwork)
        alike: bool = (self.stride, self.paints) == (other.stride, other.paints)
        return alike and self.size.fits(other.size)

    @torch.no_grad()
    def start_from(self, other: AdaptedNetwork, mixing: Tensor) -> None:
        """Take over a network that `matches`; output channel c starts as the mixture mixing[c] of the other's. mixing:
        (C,C_other)."""
        assert isinstance(other, ParserNetwork)
        self.encoder.load_state_dict(other.encoder.state_dict())
        self.model.decoder.load_state_dict(other.model.decoder.state_dict())
        heads = (network.model.segmentation_head.modules() for network in (self, other))
        layers = ([layer for layer in head if isinstance(layer, nn.Conv2d)] for head in heads)  # FCN's has three
        for mine, known in zip(*layers, strict=True):
            mixing = mixing.to(known.weight)
            mine.weight.copy_(torch.einsum("ck,kwij->cwij", mixing, known.weight))
            mine.bias.copy_(mixing @ known.bias)

    @override
    def train(self, mode: bool = True) -> ParserNetwork:
        super().train(mode)
        if self.frozen:
            # Its running means stay as well, or cached features would differ from fresh ones.
            self.encoder.eval()
        return self

    def features(self, x: Tensor) -> list[Tensor]:
        """x: (N,3,S,S) RGB in [0, 1], S a multiple of 32. The encoder's maps (N,c,h,w) at S/2, S/4, ... S/32."""
        return self.encoder(self.normalise(x))[1:]

    @torch.no_grad()
    def frozen_features(self, x: Tensor) -> list[Tensor]:
        """The part that never trains, of images (N,3,S,S) in [0, 1]; only x where nothing is frozen."""
        return self.encoder(self.normalise(x)) if self.frozen else [x]

    def from_features(self, features: list[Tensor]) -> Tensor:
        """The trained part: `frozen_features` to (N,C,S/stride,S/stride)."""
        if not self.frozen:
            features = self.encoder(self.normalise(features[0]))
        maps = self.model.segmentation_head(self.model.decoder(features))
        if self.stride > 1:
            maps = nn.functional.avg_pool2d(maps, self.stride)
        return torch.cat([maps[:, :3].sigmoid(), maps[:, 3:]], 1) if self.paints else maps

    def folded(self) -> ParserNetwork:
        """A copy for inference in which batch norms are part of the convolutions that they follow, where those stand in
        one sequence (all of a UNet on MobileNetV2): the same maps in about five sixths of the time on CPUs."""
        copied = copy.deepcopy(self).eval()
        for block in [module for module in copied.model.modules() if isinstance(module, nn.Sequential)]:
            for (name, layer), (after, norm) in itertools.pairwise(list(block.named_children())):
                if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    setattr(block, name, fuse_conv_bn_eval(layer, norm))
                    setattr(block, after, nn.Identity())
        return copied.to(memory_format=torch.channels_last)
