"""Inversion encoders: a face image to StyleGAN2's W+ codes (PFTGAN section 3.1, equation 1: w = E(X)).

`ReferenceEncoder` is the four published ones in one class; `load_encoder` reads their released files:

| kind | paper | heads read | codes are |
|---|---|---|---|
| GradualStyleEncoder | pSp, Richardson et al., CVPR 2021 | a pyramid of three maps | one a head |
| Encoder4Editing | e4e, Tov et al., SIGGRAPH 2021 | a pyramid of three maps | w0 plus a delta a head |
| BackboneEncoder | ReStyle over pSp, Alaluf et al., ICCV 2021 | the last map | one a head |
| ProgressiveBackboneEncoder | ReStyle over e4e | the last map | w0 plus a delta a head |

`InversionEncoder` is ours, of the same parts, for small generators and for training on a CPU.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from ...core.weight_files import (
    check_names,
    check_weights,
    named_tensors,
    plain,
    read_contents,
    seems,
    some,
    without_prefix,
)
from .ir_se import Trunk, TrunkSize
from .stylegan2 import Linear

# kind: (heads read a pyramid, codes are w0 plus deltas). The first two differ in what they compute only: their files
# hold tensors of the same names and shapes.
KINDS: dict[str, tuple[bool, bool]] = {
    "GradualStyleEncoder": (True, False),
    "Encoder4Editing": (True, True),
    "BackboneEncoder": (False, False),
    "ProgressiveBackboneEncoder": (False, True),
}
REFERENCE_SIZE = 256  # pixels; the style heads end at one pixel for this size only


class GradualStyleBlock(nn.Module):
    """One style head, a square map to one code: (N,C,side,side) -> (N,w_dim). Stride-2 convolutions of `hidden`
    channels shrink the map until it has `end` pixels a side; a linear layer reads what is left."""

    def __init__(self, channels_in: int, w_dim: int, side: int, hidden: int, end: int = 1):
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
    """What all encoders share: a trunk, a pyramid on its three maps, a style head for each code, and `latent_avg`
    (layers, w_dim), the generator's mean code, to which the heads' codes are added.

    `stage`: with deltas, how many of them are in use, 0 to layers - 1 (all, unless it is set): e4e's training begins at
    0, one code for all layers, and lets them in one by one.
    """

    latent_avg: Tensor

    def __init__(self, trunk: TrunkSize, layers: int, w_dim: int, splits: tuple[int, int], deltas: bool):
        super().__init__(trunk)
        self.layers, self.w_dim, self.splits, self.deltas = layers, w_dim, splits, deltas
        self.stage = layers - 1
        self.toplayer: nn.Module = nn.Identity()
        self.latlayer1: nn.Module | None = None  # no pyramid: all heads read the last map
        self.latlayer2: nn.Module | None = None
        self.styles = nn.ModuleList()
        self.register_buffer("latent_avg", torch.zeros(layers, w_dim))

    def level(self, layer: int) -> int:
        """Which map code number `layer` is read from: 0 the coarsest, then 1 and 2."""
        return sum(layer >= split for split in self.splits)

    def levels(self, x: Tensor) -> list[Tensor]:
        """x: (N,C,S,S) in [-1, 1]. Returns the maps that the heads of levels 0, 1 and 2 read."""
        fine, middle, coarse = self.maps(x)
        top = self.toplayer(coarse)
        if self.latlayer1 is None or self.latlayer2 is None:
            return [top]
        second = _raised(top, self.latlayer1(middle))
        return [top, second, _raised(second, self.latlayer2(fine))]

    def offsets(self, x: Tensor) -> Tensor:
        """x: (N,C,S,S) in [-1, 1], what the published encoders take. Returns (N,L,w_dim): what they return, the codes
        before latent_avg is added."""
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
    """A published encoder. Its tensors have the names of the released files, apart from `latent_avg`, which those keep
    beside them.

    kind: one of KINDS. layers: W+ codes, 2 log2(S) - 2 for a generator of S px. channels_in: 3, or 6 for ReStyle's
    pairs of images. width: channels of the first stage; 64 is everybody's. w_dim: channels of a code.
    Raises ValueError for an unknown kind.
    """

    def __init__(self, kind: str, layers: int = 18, channels_in: int = 3, width: int = 64, w_dim: int = 512):
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
        """x: (N,3,256,256) RGB in [0, 1], aligned as the generator's training images. Returns W+ codes (N,L,w_dim),
        latent_avg included. Raises ValueError for other shapes and for ReStyle's encoders, which need `refine`."""
        if self.channels_in != 3:
            raise ValueError("this encoder refines codes by looking at what they show: call refine(x, synthesize)")
        _check(x, REFERENCE_SIZE)
        return self.latent_avg + self.offsets(2 * x - 1)

    def refine(self, x: Tensor, synthesize: Callable[[Tensor], Tensor], steps: int = 5) -> Tensor:
        """ReStyle: each step sees the image beside what the codes show so far and adds a correction, beginning with
        latent_avg.

        x: (N,3,256,256) RGB in [0, 1]. synthesize: the generator, codes (N,L,w_dim) to images (N,3,S,S) in [0, 1]
        with fixed noise; better not clipped. steps: the paper's 5. Returns W+ codes (N,L,w_dim). Raises ValueError for
        other shapes and for encoders that are no ReStyle's.
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
    """Sizes of one encoder of ours; the only place where they stand. The defaults make 2.8 million weights."""

    input_size: int = 64  # pixels, square; a power of two from 32 on
    layers: int = 10  # W+ codes: 2 log2(S) - 2 for a generator of S px
    w_dim: int = 256  # channels of a code
    width: int = 24  # channels of the first convolution; the three stages have 2, 4 and 8 times as many
    deltas: bool = True  # codes are w0 plus deltas, as e4e's: they stay close to what the generator knows


class InversionEncoder(StyleEncoder):
    """An encoder for small generators. Against the published ones:

    - Two blocks a stage instead of 3 to 14, and a stem of stride 2: a 64 px image has little to say at full size.
    - The heads are cheap. In e4e they hold four fifths of the weights, because each keeps 512 channels down to one
      pixel, and of a 3x3 window on the last 2x2 pixels five weights in nine only ever see padding. Ours have 2 `width`
      channels and stop at 2x2 pixels; the linear layer reads these with their places, which global pooling would lose:
      where a face looks is the first thing that the coarse codes say.
    - The coarse, middle and fine codes are the same shares of all codes as 3, 4 and 11 are of 18.

    latent_avg: the generator's mean code, (w_dim,) or (layers, w_dim); None is zero. Raises ValueError for sizes that
    cannot be built and a latent_avg of another shape.
    """

    def __init__(self, size: InversionSize, latent_avg: Tensor | None = None):
        s, w = size, size.width
        if s.input_size < 32 or s.input_size & (s.input_size - 1):
            raise ValueError(f"input_size={s.input_size}: expected a power of two from 32 on, in pixels")
        if min(s.layers, s.w_dim, s.width) < 1:
            raise ValueError(f"{s}: layers, w_dim and width must be at least 1")
        splits = max(1, round(s.layers * 3 / 18)), max(2, round(s.layers * 7 / 18))
        super().__init__(TrunkSize(3, w, 2, (2 * w, 4 * w, 8 * w), (2, 2, 2), 8), s.layers, s.w_dim, splits, s.deltas)
        self.size = size
        self.toplayer = nn.Conv2d(8 * w, 4 * w, 1)
        self.latlayer1 = nn.Conv2d(4 * w, 4 * w, 1)
        self.latlayer2 = nn.Conv2d(2 * w, 4 * w, 1)
        for i in range(s.layers):
            side = s.input_size // 16 << self.level(i)
            head = GradualStyleBlock(4 * w, s.w_dim, side, 2 * w, end=min(2, side // 2))
            # Begins near the mean face: offsets as large as all codes' spread first have to be unlearned.
            nn.init.normal_(head.linear.weight, std=0.1)
            self.styles.append(head)
        if latent_avg is not None:
            self.latent_avg.copy_(_rows(latent_avg, s.layers, s.w_dim))

    def forward(self, x: Tensor) -> Tensor:
        """x: (N,3,S,S) RGB in [0, 1]. Returns W+ codes (N,L,w_dim), latent_avg included. Raises ValueError for images
        of another shape."""
        _check(x, self.size.input_size)
        return self.latent_avg + self.offsets(2 * x - 1)


def load_encoder(path: str | os.PathLike[str], kind: str | None = None) -> ReferenceEncoder:
    """A released e4e, pSp or ReStyle file: `{"state_dict": .., "latent_avg": .., "opts": ..}`, of which the tensors
    below `encoder.` are read. Sizes come from their shapes.

    kind: one of KINDS; None takes it from the file's opts. Returns the encoder in eval mode, float32, on the CPU.
    Raises FileNotFoundError, and ValueError for a file that holds something else, says neither which encoder it is nor
    gets told, or has tensors missing, left over or of other shapes.
    """
    source = Path(path)
    held, opts = _read(source)
    tensors = named_tensors(held)
    check_weights(source, tensors)
    anchored = without_prefix(tensors, ["encoder.input_layer.0.weight"])
    state = {
        k.removeprefix("encoder."): v.float() if v.is_floating_point() else v
        for k, v in anchored.items()
        if k.startswith("encoder.")
    }
    stem, code = state.get("input_layer.0.weight"), state.get("styles.0.linear.weight")
    if stem is None or code is None or stem.ndim != 4 or code.ndim != 2:
        raise ValueError(
            f"{source}: holds no IR-SE50 inversion encoder; expected 'encoder.input_layer.0.weight' and "
            f"'encoder.styles.0.linear.weight' in its state_dict, found {some(tensors or map(str, held))}"
            f"{seems(tensors)}"
        )
    channels_in, width, w_dim = stem.shape[1], stem.shape[0], code.shape[0]
    if channels_in not in (3, 6):
        raise ValueError(f"{source}: an encoder of {channels_in} channels; expected 3 (RGB) or 6 (ReStyle's two RGB)")
    kind = _kind(source, kind or opts.get("encoder_type"), "latlayer1.weight" in state)
    layers = len({k.split(".")[1] for k in state if k.startswith("styles.")})
    with torch.device("meta"):  # its tensors are the file's own: no time for random ones, no memory for both
        encoder = ReferenceEncoder(kind, layers, channels_in, width, w_dim)
    state["latent_avg"] = _latent_avg(source, held, opts, encoder)
    check_names(source, state, encoder.state_dict(), f"{kind} with {layers} codes")
    encoder.load_state_dict(state, assign=True)
    return encoder.eval()


def _read(source: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The file's contents and its opts."""
    expected = "a released e4e, pSp or ReStyle .pt file"
    held = read_contents(source, expected)
    if not isinstance(held, Mapping):
        raise ValueError(f"{source}: holds an object of type {type(held).__name__}, expected a dict with 'state_dict'")
    opts = plain(held.get("opts"))  # of training, often an argparse.Namespace
    return held, opts if isinstance(opts, Mapping) else {}


def _kind(source: Path, named: str | None, pyramid: bool) -> str:
    fitting = [k for k in KINDS if KINDS[k][0] == pyramid]
    if named not in fitting:
        said = "its opts name no encoder_type" if named is None else f"encoder_type is {named!r}"
        raise ValueError(
            f"{source}: {said}, but its tensors are those of {' or '.join(fitting)}: pass kind= as one of these"
        )
    return named


def _latent_avg(source: Path, held: Mapping[str, Any], opts: Mapping[str, Any], encoder: ReferenceEncoder) -> Tensor:
    shape = encoder.layers, encoder.w_dim
    # ReStyle's first step begins with the mean code whatever this option says.
    if encoder.channels_in == 3 and opts.get("start_from_latent_avg") is False:
        return torch.zeros(shape)
    value = held.get("latent_avg")
    if not isinstance(value, Tensor):
        raise ValueError(f"{source}: has no 'latent_avg', a tensor {shape} that this encoder's codes are added to")
    try:
        return _rows(value.float(), *shape)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def _rows(latent_avg: Tensor, layers: int, w_dim: int) -> Tensor:
    if latent_avg.numel() not in (w_dim, layers * w_dim) or latent_avg.shape[-1] != w_dim:
        raise ValueError(f"latent_avg {tuple(latent_avg.shape)}: expected ({w_dim},) or ({layers}, {w_dim})")
    return latent_avg.reshape(-1, w_dim).expand(layers, w_dim).clone()


def _raised(coarse: Tensor, fine: Tensor) -> Tensor:
    # The corners' pixels stay in place: the released weights were trained so.
    return F.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=True) + fine


def _check(x: Tensor, side: int) -> None:
    if x.ndim != 4 or tuple(x.shape[1:]) != (3, side, side):
        raise ValueError(f"images {tuple(x.shape)}: expected (N,3,{side},{side}), RGB in [0, 1]; resize them first")
