"""Inversion encoders from face images to StyleGAN2's W+ codes: w = E(X) (PFTGAN section 3.1, equation 1).

`ReferenceEncoder` implements four published encoders; `encoder_files` reads their released files:

| kind | paper | heads read | codes are |
|---|---|---|---|
| GradualStyleEncoder | pSp, Richardson et al., CVPR 2021 | a pyramid of three maps | one per head |
| Encoder4Editing | e4e, Tov et al., SIGGRAPH 2021 | a pyramid of three maps | w0 plus a delta per head |
| BackboneEncoder | ReStyle over pSp, Alaluf et al., ICCV 2021 | the last map | one per head |
| ProgressiveBackboneEncoder | ReStyle over e4e | the last map | w0 plus a delta per head |

`InversionEncoder` is ours, built of the same parts for small generators and for training on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from .ir_se import Trunk, TrunkSize
from .stylegan2_layers import Linear

# Kind: (heads read a pyramid, codes are w0 plus deltas). Files of the first two hold tensors of the same names and
# shapes.
KINDS: dict[str, tuple[bool, bool]] = {
    "GradualStyleEncoder": (True, False),
    "Encoder4Editing": (True, True),
    "BackboneEncoder": (False, False),
    "ProgressiveBackboneEncoder": (False, True),
}
REFERENCE_SIZE = 256  # Input side in pixels. Style heads end at one pixel for this size only.


class GradualStyleBlock(nn.Module):
    """One style head, from a map (N, C, side, side) to one code (N, w_dim)."""

    def __init__(self, channels_in: int, w_dim: int, side: int, hidden: int, end: int = 1):
        """Build convolutions of stride 2 and a linear layer.

        Args:
            channels_in: Channels of the map.
            w_dim: Length of the code.
            side: Side of the map in pixels.
            hidden: Channels of the convolutions.
            end: Side of the map that the linear layer reads.
        """
        super().__init__()
        layers: list[nn.Module] = []
        while side > end:
            layers += [nn.Conv2d(channels_in, hidden, 3, 2, 1), nn.LeakyReLU()]
            channels_in = hidden
            side //= 2
        self.convs = nn.Sequential(*layers)
        self.linear = Linear(channels_in * side * side, w_dim)

    @override
    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.convs(x).flatten(1))


class StyleEncoder(Trunk):
    """Base class of all encoders: a trunk, a pyramid on its three maps, and a style head for each code.

    Attributes:
        latent_avg: Mean code of the generator (layers, w_dim), to which the heads' codes are added.
        stage: Number of deltas in use, all by default. e4e's training starts with 0, one code for all layers, and adds
            one after the other.
    """

    latent_avg: Tensor

    def __init__(self, trunk: TrunkSize, layers: int, w_dim: int, splits: tuple[int, int], deltas: bool):
        """Build the trunk.

        Args:
            trunk: Size of the trunk.
            layers: Number of codes.
            w_dim: Length of a code.
            splits: First codes that are read from the second and the third map.
            deltas: Whether codes are w0 plus deltas.
        """
        super().__init__(trunk)
        self.layers, self.w_dim, self.splits, self.deltas = layers, w_dim, splits, deltas
        self.stage = layers - 1
        self.toplayer: nn.Module = nn.Identity()
        self.latlayer1: nn.Module | None = None  # no pyramid: all heads read the last map
        self.latlayer2: nn.Module | None = None
        self.styles = nn.ModuleList()
        self.register_buffer("latent_avg", torch.zeros(layers, w_dim))

    def level(self, layer: int) -> int:
        """Return the map that a code is read from: 0 is the coarsest, then 1 and 2."""
        return sum(layer >= split for split in self.splits)

    def levels(self, x: Tensor) -> list[Tensor]:
        """Return the maps that the heads of levels 0, 1 and 2 read, for images (N, C, S, S) in [-1, 1]."""
        fine, middle, coarse = self.maps(x)
        top = self.toplayer(coarse)
        if self.latlayer1 is None or self.latlayer2 is None:
            return [top]
        second = _raised(top, self.latlayer1(middle))
        return [top, second, _raised(second, self.latlayer2(fine))]

    def offsets(self, x: Tensor) -> Tensor:
        """Return codes (N, L, w_dim) without latent_avg for images (N, C, S, S) in [-1, 1]."""
        levels = self.levels(x)
        first = self.styles[0](levels[0])
        codes = [first]
        for i in range(1, self.layers):
            if not self.deltas:
                codes.append(self.styles[i](levels[self.level(i)]))
            elif i <= self.stage:
                codes.append(first + self.styles[i](levels[self.level(i)]))
            else:
                codes.append(first)
        return torch.stack(codes, dim=1)


class ReferenceEncoder(StyleEncoder):
    """A published encoder. Tensors have the names of the released files, in which latent_avg is stored apart."""

    def __init__(self, kind: str, layers: int = 18, channels_in: int = 3, width: int = 64, w_dim: int = 512):
        """Build the encoder with random weights.

        Args:
            kind: One of `KINDS`.
            layers: Number of codes, 2 log2(S) - 2 for a generator of S px.
            channels_in: 3, or 6 for ReStyle's pairs of images.
            width: Channels of the first stage, 64 in all published encoders.
            w_dim: Length of a code.

        Raises:
            ValueError: If there is no such kind.
        """
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r}: expected one of {', '.join(map(repr, KINDS))}")
        pyramid, deltas = KINDS[kind]
        trunk = TrunkSize(channels_in, width, 1, (width, 2 * width, 4 * width, 8 * width))
        # Coarse, middle and fine are codes 0-2, 3-6 and the rest, however many there are.
        super().__init__(trunk, layers, w_dim, (3, 7) if pyramid else (layers, layers), deltas)
        self.kind = kind
        self.channels_in = channels_in
        if pyramid:
            self.latlayer1 = nn.Conv2d(4 * width, 8 * width, 1)
            self.latlayer2 = nn.Conv2d(2 * width, 8 * width, 1)
        for i in range(layers):
            self.styles.append(GradualStyleBlock(8 * width, w_dim, REFERENCE_SIZE // 16 << self.level(i), w_dim))

    def forward(self, x: Tensor) -> Tensor:
        """Encode images.

        Args:
            x: RGB images (N, 3, 256, 256) in [0, 1], aligned like the generator's training images.

        Returns:
            W+ codes (N, L, w_dim).

        Raises:
            ValueError: If the shape is wrong, or for ReStyle's encoders, which need ``refine``.
        """
        if self.channels_in != 3:
            raise ValueError("this encoder refines codes in several steps: call refine(x, synthesize)")
        _check(x, REFERENCE_SIZE)
        return self.latent_avg + self.offsets(2 * x - 1)

    def refine(self, x: Tensor, synthesize: Callable[[Tensor], Tensor], steps: int = 5) -> Tensor:
        """Encode images with ReStyle: each step corrects the codes by comparing the image with its reconstruction.

        Args:
            x: RGB images (N, 3, 256, 256) in [0, 1].
            synthesize: The generator with fixed noise, from codes (N, L, w_dim) to images (N, 3, S, S) in [0, 1],
                preferably not clipped.
            steps: Number of steps. The paper has 5.

        Returns:
            W+ codes (N, L, w_dim).

        Raises:
            ValueError: If the shape is wrong, or for encoders that are not ReStyle's.
        """
        if self.channels_in != 6:
            raise ValueError(f"{self.kind} for single images gives its codes in one step: call the encoder itself")
        _check(x, REFERENCE_SIZE)
        codes = self.latent_avg.expand(len(x), -1, -1)
        for _ in range(steps):
            shown = F.adaptive_avg_pool2d(synthesize(codes), REFERENCE_SIZE)
            codes = codes + self.offsets(2 * torch.cat([x, shown], dim=1) - 1)
        return codes


@dataclass(frozen=True)
class InversionSize:
    """Size of our encoder. The defaults make 2.8 million weights.

    Attributes:
        input_size: Side of the input in pixels, a power of two of at least 32.
        layers: Number of codes, 2 log2(S) - 2 for a generator of S px.
        w_dim: Length of a code.
        width: Channels of the first convolution. The three stages have 2, 4 and 8 times as many.
        deltas: Whether codes are w0 plus deltas, as in e4e, which keeps them close to the generator's own.
        splits: First codes that are read from the second and the third map. None: coarse, middle and fine codes are the
            same parts of all codes as 3, 4 and 11 of 18.
    """

    input_size: int = 64
    layers: int = 10
    w_dim: int = 256
    width: int = 24
    deltas: bool = True
    splits: tuple[int, int] | None = None


class InversionEncoder(StyleEncoder):
    """An encoder for small generators.

    Differences from the published encoders:

    - Two blocks per stage instead of 3 to 14, and a stem of stride 2.
    - Small heads. In e4e they hold four fifths of the weights, because each keeps 512 channels down to one pixel.
      There, five of nine weights of a 3x3 kernel on the last 2x2 pixels are multiplied with padding only. Here they
      have 2 ``width`` channels and end at 2x2 pixels. The linear layer reads these with their positions, which global
      pooling would lose: coarse codes encode the direction of the face.
    """

    def __init__(self, size: InversionSize, latent_avg: Tensor | None = None):
        """Build the encoder.

        Args:
            size: Size of the encoder.
            latent_avg: Mean code of the generator, (w_dim,) or (layers, w_dim). None is zero.

        Raises:
            ValueError: If a size or the shape of latent_avg is wrong.
        """
        s, w = size, size.width
        if s.input_size < 32 or s.input_size & (s.input_size - 1):
            raise ValueError(f"input_size={s.input_size}: expected a power of two from 32 on, in pixels")
        if min(s.layers, s.w_dim, s.width) < 1:
            raise ValueError(f"{s}: layers, w_dim and width must be at least 1")
        by_parts = max(1, round(s.layers * 3 / 18)), max(2, round(s.layers * 7 / 18))
        splits = by_parts if s.splits is None else (s.splits[0], s.splits[1])  # files hold a list
        super().__init__(TrunkSize(3, w, 2, (2 * w, 4 * w, 8 * w), (2, 2, 2), 8), s.layers, s.w_dim, splits, s.deltas)
        self.size = size
        self.toplayer = nn.Conv2d(8 * w, 4 * w, 1)
        self.latlayer1 = nn.Conv2d(4 * w, 4 * w, 1)
        self.latlayer2 = nn.Conv2d(2 * w, 4 * w, 1)
        for i in range(s.layers):
            side = s.input_size // 16 << self.level(i)
            head = GradualStyleBlock(4 * w, s.w_dim, side, 2 * w, end=min(2, side // 2))
            # The encoder starts near the mean face. Larger random offsets would have to be unlearned first.
            nn.init.normal_(head.linear.weight, std=0.1)
            self.styles.append(head)
        if latent_avg is not None:
            self.latent_avg.copy_(code_rows(latent_avg, s.layers, s.w_dim))

    def forward(self, x: Tensor) -> Tensor:
        """Return W+ codes (N, L, w_dim) of RGB images (N, 3, S, S) in [0, 1]."""
        _check(x, self.size.input_size)
        return self.latent_avg + self.offsets(2 * x - 1)


def at_encoder(x: Tensor, encoder: InversionEncoder | ReferenceEncoder) -> Tensor:
    """Resize images to the encoder's input size.

    Args:
        x: Images (N, 3, S, S).
        encoder: The encoder. Reference encoders take 256 px.

    Returns:
        Images (N, 3, S', S'), ``x`` itself where the size is right.
    """
    side = encoder.size.input_size if isinstance(encoder, InversionEncoder) else REFERENCE_SIZE
    return x if x.shape[-1] == side else F.interpolate(x, side, mode="bilinear", antialias=True)


def code_rows(latent_avg: Tensor, layers: int, w_dim: int) -> Tensor:
    """Expand a mean code to one row per layer.

    Args:
        latent_avg: Mean code of shape (w_dim,) or (layers, w_dim).
        layers: Number of layers of the generator.
        w_dim: Length of a code.

    Returns:
        A new tensor of shape (layers, w_dim).

    Raises:
        ValueError: If the mean code has another shape.
    """
    if latent_avg.numel() not in (w_dim, layers * w_dim) or latent_avg.shape[-1] != w_dim:
        raise ValueError(f"latent_avg {tuple(latent_avg.shape)}: expected ({w_dim},) or ({layers}, {w_dim})")
    return latent_avg.reshape(-1, w_dim).expand(layers, w_dim).clone()


def _raised(coarse: Tensor, fine: Tensor) -> Tensor:
    """Upsample a map, with aligned corners as in the released training, and add a finer one."""
    return F.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=True) + fine


def _check(x: Tensor, side: int) -> None:
    """Raise ValueError for images of another shape."""
    if x.ndim != 4 or tuple(x.shape[1:]) != (3, side, side):
        raise ValueError(f"images {tuple(x.shape)}: expected (N,3,{side},{side}), RGB in [0, 1]; resize them first")
