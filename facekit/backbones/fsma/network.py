"""The adapted network of FSMA: a frozen auto-encoder with interleaved transfer and skip layers (section 3.2)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import Self, override

from ...training.adapted_network import AdaptedNetwork
from .autoencoder import AutoEncoder


class SkipLayer(nn.Module):
    """Two 3x3 convolutions with normalisation and ReLU on one encoder map (section 3.2.2, Figure 3)."""

    def __init__(self, channels_in: int, channels: int, instance_norm: bool = False):
        """Build the layer with batch or instance normalisation."""
        super().__init__()

        def norm() -> nn.Module:
            return nn.InstanceNorm2d(channels, affine=True) if instance_norm else nn.BatchNorm2d(channels)

        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, padding=1, bias=False),
            norm(),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            norm(),
            nn.ReLU(),
        )

    @override
    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


def check_skip(skip: str, stride: int) -> str:
    """Check a skip code and return it.

    Args:
        skip: One digit, 0 or 1, per feature scale, coarsest first: 32, 16, 8, 4 (and 2 for full-size output) times
            downsampled.
        stride: Input pixels per output pixel.

    Raises:
        ValueError: If the code has another length or other characters.
    """
    digits = 4 if stride == 2 else 5
    if len(skip) != digits or set(skip) - {"0", "1"}:
        raise ValueError(
            f"skip={skip!r}: expected {digits} digits of 0 and 1, e.g. {'1' * digits!r} (features downsampled 32, 16, 8"
            ", 4"
            f"{', 2' if digits == 5 else ''} times; {'full' if digits == 5 else 'half'}-size output)"
        )
    return skip


class FSMANetwork(AdaptedNetwork):
    """Frozen encoder and decoder with trained transfer, skip and output layers between them.

    The auto-encoder stays in evaluation mode, so the statistics of its BatchNorms do not change.
    """

    starts: ClassVar[dict[str, str]] = {"landmarks": "start-landmarks", "segmentation": "start-segmentation"}

    def __init__(
        self,
        autoencoder: AutoEncoder,
        channels: int,
        stride: int,
        skip: str,
        instance_norm: bool = False,
        paints: bool = False,
        frozen: bool = True,
    ):
        """Build the trained layers.

        Args:
            autoencoder: The pretrained auto-encoder.
            channels: Number of output channels.
            stride: Input pixels per output pixel, 1 or 2.
            skip: Skip code, see `check_skip`.
            instance_norm: Whether skip layers use instance instead of batch normalisation.
            paints: Whether the first three maps are an image. Their output layer starts as the decoder's.
            frozen: Whether the auto-encoder is frozen. False is the UNet of Table 5, of which all parts are trained.

        Raises:
            ValueError: If the stride or the skip code is wrong.
        """
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride {stride}: FSMA gives maps of the input's size (1) or of half of it (2)")
        self.skip_code, self.stride, self.channels = check_skip(skip, stride), stride, channels
        self.instance_norm, self.paints, self.frozen = instance_norm, paints, frozen
        self.autoencoder = autoencoder.requires_grad_(not frozen).eval()
        size, widths = autoencoder.size.input_size, autoencoder.P.channels
        # Sides of the maps that transfer layers read, up to half of the output.
        self.sides = [side for side in (4, 8, 16, 32, 64, 128) if side <= size // stride // 2]
        self.skip_sides = [size // rate for rate, on in zip((32, 16, 8, 4, 2), skip, strict=False) if on == "1"]
        encoder_widths = self._encoder_widths()
        self.transfer = nn.ModuleDict()
        self.skip = nn.ModuleDict()
        for side, width in zip(self.sides, widths, strict=False):
            # As in 3FabRec, transfer layers start at the 8x8 map. A skip to the 4x4 map (128 px models) is added
            # without one.
            if side >= 8:
                self.transfer[str(side)] = nn.Conv2d(width, width, 3, padding=1, bias=False)
            if side in self.skip_sides:
                self.skip[str(side)] = SkipLayer(encoder_widths[side], width, instance_norm)
        self.output = nn.ConvTranspose2d(widths[len(self.sides) - 1], channels, 4, 2, 1, bias=False)
        self._initialise()

    def _encoder_widths(self) -> dict[int, int]:
        w, size = self.autoencoder.size.width, self.autoencoder.size.input_size
        widths = [w, w, w, 2 * w, 4 * w, 8 * w] if size == 256 else [w, w, 2 * w, 4 * w, 8 * w]
        return {size // 2 ** (i + 1): width for i, width in enumerate(widths)}

    def _initialise(self) -> None:
        for layer in self.transfer.values():
            # An identity: adaptation starts from the frozen decoder.
            assert isinstance(layer, nn.Conv2d)
            nn.init.dirac_(layer.weight)
        for skip in self.skip.values():
            # Initialise the skip branch near zero, so that the prediction of the latent code is the start. An exact
            # zero before the ReLU would receive no gradient.
            assert isinstance(skip, SkipLayer)
            nn.init.constant_(skip.body.get_parameter("4.weight"), 0.1)
        nn.init.normal_(self.output.weight, 0, 0.01)
        if self.paints:
            with torch.no_grad():
                self.output.weight[:, :3] = self.autoencoder.P.lin.weight

    @property
    def input_size(self) -> int:
        """Side of the square input in pixels."""
        return self.autoencoder.size.input_size

    def new_parameters(self) -> list[nn.Parameter]:
        """Return transfer, skip and output layers, or all layers if nothing is frozen."""
        parts = (self.transfer, self.skip, self.output) if self.frozen else (self,)
        unused = set() if self.frozen else set(self.autoencoder.P.lin.parameters())
        return [p for part in parts for p in part.parameters() if p not in unused]

    @property
    @override
    def can_warm_start(self) -> bool:
        return True

    @override
    def to_dict(self) -> dict[str, Any]:
        s = self.autoencoder.size
        return {
            "input_size": s.input_size,
            "width": s.width,
            "z_dim": s.z_dim,
            "channels": self.channels,
            "stride": self.stride,
            "skip": self.skip_code,
            "instance_norm": self.instance_norm,
            "paints": self.paints,
            "frozen": self.frozen,
        }

    def matches(self, other: Self) -> bool:
        """Return whether another network has the same frozen weights, skip code and map size."""
        autoencoder, other_autoencoder = self.autoencoder, other.autoencoder
        return (
            autoencoder.size == other_autoencoder.size
            and (self.skip_code, self.stride) == (other.skip_code, other.stride)
            and (self.instance_norm, self.paints) == (other.instance_norm, other.paints)
            and self.frozen
            and other.frozen
            and torch.equal(autoencoder.P.lin.weight.cpu(), other_autoencoder.P.lin.weight.cpu())
        )

    @torch.no_grad()
    def start_from(self, other: Self, mixing: Tensor) -> None:
        """Copy the trained layers of a network that ``matches``, and mix its output channels."""
        self.transfer.load_state_dict(other.transfer.state_dict())
        self.skip.load_state_dict(other.skip.state_dict())
        mixed = torch.einsum("ck,wkij->wcij", mixing.to(other.output.weight), other.output.weight)
        self.output.weight.copy_(mixed)

    @override
    def train(self, mode: bool = True) -> FSMANetwork:
        super().train(mode)
        if self.frozen:
            self.autoencoder.eval()
        return self

    @torch.no_grad()
    def frozen_features(self, x: Tensor) -> list[Tensor]:
        """Return the decoder's last map before the first trained layer, then the encoder's map of each skip layer.

        Maps of skip layers are ordered from the coarsest. If nothing is frozen, ``[x]`` is returned.
        """
        return self._encoded(x) if self.frozen else [x]

    def _encoded(self, x: Tensor) -> list[Tensor]:
        z, maps = self.autoencoder.Q(self.autoencoder.normalise(x))
        y = self.autoencoder.P.start(z)
        if "4" not in self.skip:
            y = self.autoencoder.P.get_submodule("layer1")(y)
        by_side = {m.shape[-1]: m for m in maps}
        return [y, *(by_side[int(side)] for side in self.skip)]

    def from_features(self, features: list[Tensor]) -> Tensor:
        """Compute transfer, skip and output layers."""
        if not self.frozen:
            features = self._encoded(features[0])
        y, skips = features[0], dict(zip(self.skip, features[1:], strict=True))
        for i, side in enumerate(self.sides):
            if y.shape[-1] > side:
                continue
            if str(side) in skips:
                y = y + self.skip[str(side)](skips[str(side)])
            if side >= 8:
                y = self.transfer[str(side)](y)
            y = self.output(y) if side == self.sides[-1] else getattr(self.autoencoder.P, f"layer{i + 1}")(y)
        if self.paints:
            y = torch.cat([torch.tanh(y[:, :3]) + self.autoencoder.centred.mean, y[:, 3:]], 1)
        return y
