"""Supervised few-shot adaptation, FSMA section 3.2: frozen auto-encoder, interleaved transfer and skip layers."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import override

from ...training.adapted_network import AdaptedNetwork
from .autoencoder import AutoEncoder


class SkipLayer(nn.Module):
    """Two 3x3 convolutions with normalisation and ReLU on one encoder map (section 3.2.2, Figure 3)."""

    def __init__(self, channels_in: int, channels: int, instance_norm: bool = False):
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
    """The skip code for maps at 1/stride of the input. Raises ValueError for a code of another length or alphabet.

    One digit a feature scale, coarsest first: 32, 16, 8, 4 (and, for full-size maps, 2) times downsampled.
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
    """Frozen encoder and decoder, with trained transfer, skip and output layers between them.

    Maps (N,3,S,S) RGB in [0, 1] to (N,C,S/stride,S/stride). Only `new_parameters()` train; the auto-encoder stays in
    eval mode whatever mode this module is in, so its BatchNorm statistics never move.

    paints: the first three maps are an image; they come out as the decoder's do, in about [0, 1], and their output
    layer starts as the decoder's. frozen=False: the UNet that the paper compares with (Table 5): all parts train.
    """

    # Embedded models that trained layers start from, by task.
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
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride {stride}: FSMA gives maps of the input's size (1) or of half of it (2)")
        self.skip_code, self.stride, self.channels = check_skip(skip, stride), stride, channels
        self.instance_norm, self.paints, self.frozen = instance_norm, paints, frozen
        self.autoencoder = autoencoder.requires_grad_(not frozen).eval()
        size, widths = autoencoder.size.input_size, autoencoder.P.channels
        # Side of the largest map that a transfer layer sees: half of the output.
        self.sides = [side for side in (4, 8, 16, 32, 64, 128) if side <= size // stride // 2]
        self.skip_sides = [size // rate for rate, on in zip((32, 16, 8, 4, 2), skip, strict=False) if on == "1"]
        encoder_widths = self._encoder_widths()
        self.transfer = nn.ModuleDict()
        self.skip = nn.ModuleDict()
        for side, width in zip(self.sides, widths, strict=False):
            # 3FabRec starts its transfer layers at the 8x8 map; a skip to the 4x4 map (128 px models) is added there
            # as it is.
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
            # Identity: adaptation starts from what the frozen decoder computes.
            assert isinstance(layer, nn.Conv2d)
            nn.init.dirac_(layer.weight)
        for skip in self.skip.values():
            # A skip layer starts quiet (not silent: the ReLU behind a zero would never wake up), so that the latent
            # code's prediction is the start and details are added to it.
            assert isinstance(skip, SkipLayer)
            nn.init.constant_(skip.body.get_parameter("4.weight"), 0.1)
        nn.init.normal_(self.output.weight, 0, 0.01)
        if self.paints:
            with torch.no_grad():
                self.output.weight[:, :3] = self.autoencoder.P.lin.weight

    @property
    def input_size(self) -> int:
        """Side of the square input, px."""
        return self.autoencoder.size.input_size

    def new_parameters(self) -> list[nn.Parameter]:
        """What adaptation trains: transfer, skip and output layers; all layers where nothing is frozen."""
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

    def matches(self, other: AdaptedNetwork) -> bool:
        """Whether the trained layers of `other` fit here: the same frozen weights, skip code and map size."""
        assert isinstance(other, FSMANetwork)
        mine, theirs = self.autoencoder, other.autoencoder
        return (
            mine.size == theirs.size
            and (self.skip_code, self.stride) == (other.skip_code, other.stride)
            and (self.instance_norm, self.paints) == (other.instance_norm, other.paints)
            and self.frozen
            and other.frozen
            and torch.equal(mine.P.lin.weight.cpu(), theirs.P.lin.weight.cpu())
        )

    @torch.no_grad()
    def start_from(self, other: AdaptedNetwork, mixing: Tensor) -> None:
        """Take over the trained layers of a network that `matches`; output channel c starts as the mixture mixing[c]
        of the other's. mixing: (C,C_other)."""
        assert isinstance(other, FSMANetwork)
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
        """The part that never trains. x: (N,3,S,S) RGB in [0, 1].

        Returns the decoder's last map before the first trained layer, then one encoder map a skip layer, coarsest
        first; only x where nothing is frozen.
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
        """The trained part: `frozen_features` to (N,C,S/stride,S/stride)."""
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
