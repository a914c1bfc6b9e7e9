"""DatasetGAN's pixel classifier (PFTGAN section 3.3), without the stack of upsampled maps that it is defined on.

A linear layer commutes with bilinear upsampling: the first layer is applied to each map at the map's own resolution and
its outputs are upsampled and summed, a band of rows at a time. The same numbers, a fraction of the memory and time. It
knows nothing about where maps come from: a generator, a ViT and a diffusion UNet are compared with the same classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Height and width of a map or an output in pixels; one number is both.
Side = int | tuple[int, int]
# Pixels a band. On CPUs what the first layer makes of it, 1 kB a pixel, should stay in a core's own cache.
_BAND = {"cpu": 512}
_BAND_ELSEWHERE = 65_536
# Pixels of smaller maps that the first layer is applied to at a time, at least: with few the product is slower.
_AHEAD = 256


def height_width(side: Side) -> tuple[int, int]:
    """Raises ValueError for anything but positive whole numbers."""
    h, w = (side, side) if isinstance(side, int) else side
    if h < 1 or w < 1:
        raise ValueError(f"side={side!r}: expected at least 1 px, a number or (height, width)")
    return h, w


def hidden_sizes(classes: int) -> tuple[int, int]:
    """DatasetGAN's widths of the two hidden layers."""
    return (128, 32) if classes < 32 else (256, 128)


def neighbours(size: int, source: int, device: torch.device | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Bilinear resampling from `source` to `size` pixels along one axis, as `F.interpolate(align_corners=False)` does
    it: for each output pixel the two input pixels (size,) int64 and the second one's weight (size,) in [0, 1]."""
    place = ((torch.arange(size, device=device) + 0.5) * (source / size) - 0.5).clamp_(min=0)
    first = place.long().clamp_(max=source - 1)
    return first, (first + 1).clamp_(max=source - 1), place - first


class PixelClassifier(nn.Module):
    """An MLP from the feature vector of a pixel, sum(channels) long, to `classes` logits. DatasetGAN's names of parts.

    channels: of the maps, in their order in the stack. The widths are 128 and 32 for fewer than 32 classes, else 256
    and 128; weights start as N(0, 0.02), drawn from `generator`, or from torch's own source.
    """

    def __init__(self, channels: Sequence[int], classes: int, generator: torch.Generator | None = None):
        super().__init__()
        self.channels, self.classes = tuple(channels), classes
        if not self.channels or min(self.channels) < 1 or not 2 <= classes <= 255:
            raise ValueError(
                f"channels={list(channels)}, classes={classes}: expected at least one map with at least 1 channel and "
                "2 to 255 classes (label 255 is ignored)"
            )
        first, second = hidden_sizes(classes)
        self.layers = nn.Sequential(
            nn.Linear(sum(self.channels), first), nn.ReLU(), nn.BatchNorm1d(first),
            nn.Linear(first, second), nn.ReLU(), nn.BatchNorm1d(second),
            nn.Linear(second, classes),
        )  # fmt: skip
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, 0.0, 0.02, generator=generator)
                nn.init.zeros_(layer.bias)

    def forward(self, pixels: Tensor) -> Tensor:
        """Stacked pixels (P,sum(channels)) to logits (P,classes)."""
        if pixels.ndim != 2 or pixels.shape[1] != sum(self.channels):
            raise ValueError(f"pixels of {tuple(pixels.shape)}: expected (P,{sum(self.channels)}); maps go to .logits")
        return self.layers(pixels)

    @torch.no_grad()
    def logits(self, maps: Sequence[Tensor], side: Side, memory_limit: int | None = None) -> Tensor:
        """Maps [(N,C_i,H_i,W_i)] to logits (N,classes,S,S) float32, channels last in memory: what `forward` gives for
        the pixels of the maps, bilinearly resampled to `side` px (align_corners=False) and concatenated.

        side: px, or (height, width). memory_limit: bytes that this may take beside the maps, the result included; the
        bands of rows are made as low as it asks for. The network must be in eval mode. Raises ValueError for maps that
        do not fit the network, and for a limit that not even bands of one row keep.
        """
        h, w = height_width(side)
        rows = _checked_rows(self, maps, (h, w), memory_limit)
        out = maps[0].new_empty((len(maps[0]), h, w, self.classes), dtype=torch.float32)
        with torch.autocast(out.device.type, enabled=False):
            for n, picture in enumerate(out):
                for low, high, logits in _bands(self, maps, n, (h, w), rows):
                    picture[low:high].view_as(logits).copy_(logits)
        return out.permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Votes:
    """What an ensemble says. labels: (N,H,W) uint8, the majority's; of tied classes the first. probabilities:
    (N,C,H,W), the members' mean. divergence: (N,H,W), Jensen-Shannon's of the members' probabilities, in nats: 0 where
    all agree. For stacked pixels (P,), (P,C) and (P,)."""

    labels: Tensor
    probabilities: Tensor
    divergence: Tensor

    @property
    def uncertainty(self) -> Tensor:
        """(N,), or a scalar for stacked pixels: the mean divergence of the most divergent tenth of the pixels, by which
        DatasetGAN drops the pictures that it is least sure of."""
        flat = self.divergence.flatten(-2) if self.divergence.ndim == 3 else self.divergence
        return flat.topk(max(1, flat.shape[-1] // 10), -1).values.mean(-1)


class Ensemble(nn.Module):
    """Several pixel classifiers that vote (DatasetGAN's ten). They look at the same maps one after the other, so memory
    does not grow with their number.

    channels, classes, generator: of each, see `PixelClassifier`.
    """

    def __init__(
        self, channels: Sequence[int], classes: int, members: int = 10, generator: torch.Generator | None = None
    ):
        super().__init__()
        if not 1 <= members <= 255:
            raise ValueError(f"members={members}: expected 1 to 255")
        self.members = nn.ModuleList(PixelClassifier(channels, classes, generator) for _ in range(members))
        self.channels, self.classes = tuple(channels), classes

    def each(self) -> list[PixelClassifier]:
        """The members, typed."""
        return [cast(PixelClassifier, member) for member in self.members]

    @torch.no_grad()
    def forward(self, pixels: Tensor) -> Votes:
        """The votes on stacked pixels (P,sum(channels)). Raises ValueError in training mode."""
        _check_mode(self)
        tally = _Tally(pixels.new_empty((len(pixels), self.classes), dtype=torch.float32))
        for member in self.each():
            tally.add(slice(None), member(pixels).float())
        return tally.result(len(self.members), len(pixels))

    @torch.no_grad()
    def vote(self, maps: Sequence[Tensor], side: Side, memory_limit: int | None = None) -> Votes:
        """The votes on maps [(N,C_i,H_i,W_i)] at `side` px; arguments and errors as of `PixelClassifier.logits`."""
        h, w = height_width(side)
        rows = _checked_rows(self.each()[0], maps, (h, w), memory_limit, votes=True)
        pictures = maps[0].new_empty((len(maps[0]), h * w, self.classes), dtype=torch.float32)
        labels = maps[0].new_empty((len(maps[0]), h, w), dtype=torch.uint8)
        divergence = maps[0].new_empty((len(maps[0]), h, w), dtype=torch.float32)
        with torch.autocast(pictures.device.type, enabled=False):
            for n, probabilities in enumerate(pictures):
                tally = _Tally(probabilities)
                for member in self.each():
                    for low, high, logits in _bands(member, maps, n, (h, w), rows):
                        tally.add(slice(low * w, high * w), logits)
                votes = tally.result(len(self.members), rows * w)
                labels[n], divergence[n] = votes.labels.view(h, w), votes.divergence.view(h, w)
        return Votes(labels, pictures.view(-1, h, w, self.classes).permute(0, 3, 1, 2), divergence)


class _Tally:
    """Sums over members, pixel by pixel: counts of votes, probabilities, entropies.

    probabilities: (P,classes), uninitialised: where the mean ones shall lie.
    """

    def __init__(self, probabilities: Tensor):
        self.probabilities = probabilities.zero_()
        self.votes = torch.zeros_like(probabilities, dtype=torch.uint8)
        self.entropy = probabilities.new_zeros(len(probabilities))

    def add(self, place: slice, logits: Tensor) -> None:
        chosen = logits.argmax(-1, keepdim=True)
        self.votes[place].scatter_add_(-1, chosen, torch.ones_like(chosen, dtype=torch.uint8))
        p = logits.softmax(-1)
        self.probabilities[place] += p
        self.entropy[place] += torch.special.entr(p).sum(-1)

    def result(self, members: int, chunk: int) -> Votes:
        labels = torch.empty_like(self.entropy, dtype=torch.uint8)
        # The entropy of the mean less the mean entropy.
        divergence = self.entropy.div_(-members)
        self.probabilities.div_(members)
        for low in range(0, len(labels), chunk):
            part = slice(low, low + chunk)
            labels[part] = self.votes[part].argmax(-1)
            divergence[part] += torch.special.entr(self.probabilities[part]).sum(-1)
        return Votes(labels, self.probabilities, divergence)


class _Level:
    """The maps of one resolution, whose shares of the first layer are summed before they are resampled.

    parts: pairs of a map (C_i,h,w) and its columns of the first layer, transposed (C_i,K).
    """

    def __init__(self, parts: list[tuple[Tensor, Tensor]], size: tuple[int, int]):
        self.parts, self.size = parts, size
        (self.height, self.width), self.hidden = parts[0][0].shape[1:], parts[0][1].shape[1]
        self.same = (self.height, self.width) == size
        # The cheaper order: larger maps are brought to the output's size before the layer.
        self.larger = self.height * self.width > size[0] * size[1]
        if not self.same:
            first, second, weight = neighbours(size[0], self.height, parts[0][0].device)
            self.starts, self.lasts = first.tolist(), second.tolist()
            self.mixing = weight.new_zeros(size[0], self.height).scatter_add_(1, first[:, None], 1 - weight[:, None])
            self.mixing.scatter_add_(1, second[:, None], weight[:, None])
            # The projected rows that are kept: the next band begins with some of this one's.
            self.start, self.kept = 0, self.mixing.new_empty(0, self.width, self.hidden)

    def add_to(self, sums: Tensor, low: int, high: int) -> None:
        """Add the share of output rows low to high to `sums` (rows*W,K)."""
        if self.same:
            self._project(low, high, sums)
            return
        start, stop = self.starts[low], self.lasts[high - 1] + 1
        mixing = self.mixing[low:high, start:stop]
        if self.larger:
            for x, weight in self.parts:
                pixels = self._resampled(mixing, x[:, start:stop].permute(1, 2, 0).float().contiguous())
                sums.addmm_(pixels.flatten(0, 1), weight)
            return
        fresh = max(start, self.start + len(self.kept))
        if fresh < stop:
            ahead = min(self.height, max(stop, fresh + _AHEAD // self.width))
            self.kept = torch.cat([self.kept[start - self.start :], self._project(fresh, ahead)])
            self.start = start
        window = self.kept[start - self.start : stop - self.start]
        sums += self._resampled(mixing, window).flatten(0, 1)

    def _project(self, low: int, high: int, sums: Tensor | None = None) -> Tensor:
        """The layer's share of map rows low to high (rows,w,K), added to `sums` (rows*w,K) if that is given."""
        for x, weight in self.parts:
            pixels = x[:, low:high].flatten(1).float().t()
            sums = pixels @ weight if sums is None else sums.addmm_(pixels, weight)
        assert sums is not None
        return sums.view(-1, self.width, self.hidden)

    def _resampled(self, mixing: Tensor, window: Tensor) -> Tensor:
        """Input rows (r,w,K) to output rows (rows,W,K)."""
        rows = (mixing @ window.flatten(1)).view(-1, *window.shape[1:])
        # Between maps with channels last this is several times faster than between contiguous ones.
        wide = F.interpolate(rows[None].permute(0, 3, 1, 2), (len(rows), self.size[1]), mode="bilinear")
        return wide.permute(0, 2, 3, 1)[0]


def _bands(
    network: PixelClassifier, maps: Sequence[Tensor], n: int, size: tuple[int, int], rows: int
) -> Iterator[tuple[int, int, Tensor]]:
    """Of picture `n`, for each band of rows: its first row, the one past its last, and its logits (rows*W,classes)."""
    one, two, three = (cast(nn.Linear, network.layers[i]) for i in (0, 3, 6))
    rest = [_folded(cast(nn.BatchNorm1d, network.layers[i]), layer) for i, layer in ((2, two), (5, three))]
    weights = one.weight.t().split(network.channels)
    levels = [
        _Level([(x[n], weight) for x, weight in zip(maps, weights, strict=True) if x.shape[2:] == shape], size)
        for shape in dict.fromkeys(x.shape[2:] for x in maps)
    ]
    buffer = one.weight.new_empty(rows * size[1], one.out_features)
    for low in range(0, size[0], rows):
        high = min(low + rows, size[0])
        y = buffer[: (high - low) * size[1]].copy_(one.bias)
        for level in levels:
            level.add_to(y, low, high)
        for weight, bias in rest:
            y = torch.addmm(bias, y.relu_(), weight)
        yield low, high, y


def _folded(norm: nn.BatchNorm1d, layer: nn.Linear) -> tuple[Tensor, Tensor]:
    """A BatchNorm in eval mode and the linear layer after it as one: the transposed weight and the bias."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    shift = norm.bias - norm.running_mean * scale
    return (layer.weight * scale).t(), layer.bias + layer.weight @ shift


def evaluation_bytes(
    maps: Sequence[tuple[int, int, int]], classes: int, side: Side, rows: int, pictures: int = 1, votes: bool = False
) -> int:
    """What `PixelClassifier.logits`, or with `votes` `Ensemble.vote`, takes at the most beside the maps (C_i,H_i,W_i),
    with bands of so many rows and its result."""
    (h, w), (first, second) = height_width(side), hidden_sizes(classes)
    band, kept, most = rows * w, 0, 0
    for height, width in {shape[1:] for shape in maps}:
        channels = max(c for c, *shape in maps if tuple(shape) == (height, width))
        window, ahead = min(height, -(-rows * height // h) + 2) * width, _AHEAD // width * width
        if (height, width) == (h, w):
            most = max(most, band * channels)  # where a map is not float32
            continue
        kept += h * (height + 16)
        if height * width > h * w:
            most = max(most, (2 * window + rows * width + band) * channels)
        else:
            held = min(height * width, window + ahead)
            kept += held * first
            most = max(most, held * (2 * first + channels), (rows * width + band) * first)
    most = max(most, band * (second + 5 * classes))
    kept += band * (first + classes)  # the last band's logits live on into the next one
    tally, result = (classes + 5, 4 * classes + 5) if votes else (0, 4 * classes)  # bytes a pixel
    return 4 * (kept + most + 2 * second * (first + classes)) + h * w * (tally + pictures * result)


def band_rows(
    maps: Sequence[tuple[int, int, int]], classes: int, side: Side, memory_limit: int | None = None, pictures: int = 1,
    votes: bool = False, device: str = "cpu",
) -> int:  # fmt: skip
    """How many rows a band has: as many as the device works best with, fewer where `memory_limit` bytes ask for it.

    Arguments as of `evaluation_bytes`. Raises ValueError where not even bands of one row keep the limit.
    """
    h, w = height_width(side)
    rows = max(1, min(h, _BAND.get(device, _BAND_ELSEWHERE) // w))
    for fewer in range(rows, 0, -1):
        needed = evaluation_bytes(maps, classes, (h, w), fewer, pictures, votes)
        if memory_limit is None or needed <= memory_limit:
            return fewer
    raise ValueError(
        f"memory_limit={memory_limit:,} bytes came, but {pictures} x {classes} classes x {h}x{w} px need {needed:,} "
        "even in bands of one row: raise the limit, or give fewer pictures at a time or a smaller side"
    )


def _checked_rows(
    network: PixelClassifier, maps: Sequence[Tensor], size: tuple[int, int], memory_limit: int | None,
    votes: bool = False,
) -> int:  # fmt: skip
    check_maps(maps, network.channels)
    _check_mode(network)
    shapes = [(x.shape[1], x.shape[2], x.shape[3]) for x in maps]
    return band_rows(shapes, network.classes, size, memory_limit, len(maps[0]), votes, maps[0].device.type)


def _check_mode(network: nn.Module) -> None:
    if network.training:
        raise ValueError("the classifier is in training mode, where BatchNorm looks at one batch only: call .eval()")


def check_maps(maps: Sequence[Tensor], channels: Sequence[int] | None = None) -> None:
    """Raises ValueError unless maps are [(N,C_i,H_i,W_i)] of the same N and, if given, of these channels."""
    shapes = [tuple(x.shape) for x in maps]
    wanted = "maps" if channels is None else f"maps of {', '.join(map(str, channels))} channels"
    if not shapes or {len(shape) for shape in shapes} != {4} or len({shape[0] for shape in shapes}) != 1:
        raise ValueError(f"maps of shapes {shapes}: expected {wanted}, each (N,C,H,W), of the same N pictures")
    if channels is not None and [shape[1] for shape in shapes] != list(channels):
        raise ValueError(f"maps of shapes {shapes}: expected {wanted}, in this order, as the classifier was made for")
