"""The pixel classifier's layers on feature maps, without the stack of upsampled maps that they are defined on.

A linear layer commutes with bilinear upsampling: the first layer is applied to each map at the map's own resolution and
its outputs are upsampled and summed, a band of rows at a time. The same numbers, a fraction of the memory and time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Height and width of a map or an output in pixels; one number is both.
Side = int | tuple[int, int]
# What the first layer makes of a band: so many numbers. On CPUs they should stay in a core's own cache, and be little
# beside the result: so many a pixel of the output.
_BAND, _BAND_PART = 131_072, 12.8
_BAND_ELSEWHERE = 16_777_216


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


def _slots(rows: int, height: int, source: int) -> int:
    """Rows of a smaller map that a band of so many rows of `height` needs, at most."""
    return min(source, -(-(rows - 1) * source // height) + 2)


class _Level:
    """The maps of one resolution, whose shares of the first layer are summed before they are resampled.

    parts: pairs of a map (C_i,h,w) and its columns of the first layer, transposed (C_i,K). size: of the output. rows:
    of a band.
    """

    def __init__(self, parts: list[tuple[Tensor, Tensor]], size: tuple[int, int], rows: int):
        self.parts, self.size = parts, size
        self.height, self.width = parts[0][0].shape[1:]
        self.same = (self.height, self.width) == size
        self.smaller = not self.same and self.height * self.width <= size[0] * size[1]
        if self.same:
            return
        first, second, weight = neighbours(size[0], self.height, parts[0][0].device)
        self.starts, self.lasts = first.tolist(), second.tolist()
        # Row i is in slot i modulo their number; what is left there of older rows has no weight.
        self.slots = _slots(rows, size[0], self.height) if self.smaller else self.height
        self.mixing = weight.new_zeros(size[0], self.slots)
        for row, share in ((first, 1 - weight), (second, weight)):
            self.mixing.scatter_add_(1, row[:, None] % self.slots, share[:, None])
        self.known = 0

    def add_to(self, sums: Tensor, low: int, high: int) -> None:
        """Add the share of output rows low to high to `sums` (rows*W,K), of maps as large as the output or larger. The
        cheaper order: larger ones are brought to its size before the layer."""
        if self.same:
            self._project(low, high, sums)
            return
        start, stop = self.starts[low], self.lasts[high - 1] + 1
        for x, weight in self.parts:
            window = x[:, start:stop].permute(1, 2, 0).float().contiguous()
            rows = self.mixing[low:high, start:stop] @ window.flatten(1)
            sums.addmm_(self._widened(rows.view(-1, *window.shape[1:])).flatten(0, 1), weight)

    def keep(self, kept: Tensor, low: int, high: int) -> None:
        """Put the projected rows of smaller maps that output rows low to high need, as wide as the output, into their
        slots of `kept` (slots,W,K); most are there from the band before."""
        start, stop = max(self.starts[low], self.known), self.lasts[high - 1] + 1
        if start >= stop:
            return
        rows, place = self._widened(self._project(start, stop)), start % self.slots
        before = rows[: self.slots - place]
        kept[place : place + len(before)] = before
        kept[: len(rows) - len(before)] = rows[len(before) :]
        self.known = stop

    def _project(self, low: int, high: int, sums: Tensor | None = None) -> Tensor:
        """The layer's share of map rows low to high (rows,w,K), added to `sums` (rows*w,K) if that is given."""
        for x, weight in self.parts:
            pixels = x[:, low:high].flatten(1).float().t()
            sums = pixels @ weight if sums is None else sums.addmm_(pixels, weight)
        assert sums is not None
        return sums.view(-1, self.width, sums.shape[1])

    def _widened(self, rows: Tensor) -> Tensor:
        """Rows (r,w,C) of the map's width to (r,W,C) of the output's."""
        # Between maps with channels last this is several times faster than between contiguous ones.
        wide = F.interpolate(rows[None].permute(0, 3, 1, 2), (len(rows), self.size[1]), mode="bilinear")
        return wide.permute(0, 2, 3, 1)[0]


def bands(
    layers: nn.Sequential, maps: Sequence[Tensor], size: tuple[int, int], rows: int
) -> Iterator[tuple[int, int, Tensor]]:
    """What a `PixelClassifier`'s layers say of one image's maps (C_i,H_i,W_i), for each band of so many rows of
    `size`: its first row, the one past its last, and its logits (rows*W,classes)."""
    one, two, three = (cast(nn.Linear, layers[i]) for i in (0, 3, 6))
    rest = [_folded(cast(nn.BatchNorm1d, layers[i]), layer) for i, layer in ((2, two), (5, three))]
    pairs = list(zip(maps, one.weight.t().split([len(x) for x in maps]), strict=True))
    levels = [
        _Level([(x, weight) for x, weight in pairs if x.shape[1:] == shape], size, rows)
        for shape in dict.fromkeys(x.shape[1:] for x in maps)
    ]
    smaller, others = [x for x in levels if x.smaller], [x for x in levels if not x.smaller]
    kept = one.weight.new_zeros(sum(x.slots for x in smaller), size[1], one.out_features)
    slots = kept.split([x.slots for x in smaller])
    mixing = torch.cat([kept.new_empty(size[0], 0), *(x.mixing for x in smaller)], 1)
    for low in range(0, size[0], rows):
        high = min(low + rows, size[0])
        for level, place in zip(smaller, slots, strict=True):
            level.keep(place, low, high)
        y = one.bias.repeat((high - low) * size[1], 1)
        y.view(high - low, -1).addmm_(mixing[low:high], kept.flatten(1))
        for level in others:
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
    maps: Sequence[tuple[int, int, int]], classes: int, side: Side, rows: int, images: int = 1, votes: bool = False
) -> int:
    """What `PixelClassifier.logits`, or with `votes` `Ensemble.vote`, takes at the most beside the maps (C_i,H_i,W_i),
    with bands of so many rows and its result."""
    (h, w), (first, second) = height_width(side), hidden_sizes(classes)
    band, kept, most = rows * w, 0, 0
    for height, width in {shape[1:] for shape in maps}:
        channels = max(c for c, *shape in maps if tuple(shape) == (height, width))
        held = _slots(rows, h, height)
        if (height, width) == (h, w):
            most = max(most, band * channels)  # where a map is not float32
        elif height * width > h * w:
            kept += 2 * h * height
            most = max(most, (2 * held * width + rows * width + band) * channels)
        else:
            kept += 2 * h * held + held * w * first
            most = max(most, held * max(width * (first + channels), (width + w) * first))
    most = max(most, band * (second + 5 * classes))
    kept += band * (first + classes)  # the last band's logits live on into the next one
    tally, result = (classes + 5, 4 * classes + 5) if votes else (0, 4 * classes)  # bytes a pixel
    return 4 * (kept + most + 2 * second * (first + classes)) + h * w * (tally + images * result)


def band_rows(
    maps: Sequence[tuple[int, int, int]], classes: int, side: Side, memory_limit: int | None = None, images: int = 1,
    votes: bool = False, device: str = "cpu",
) -> int:  # fmt: skip
    """How many rows a band has: as many as the device works best with, fewer where `memory_limit` bytes ask for it.

    Arguments as of `evaluation_bytes`. Raises ValueError where not even bands of one row keep the limit.
    """
    h, w = height_width(side)
    few = _BAND if votes else min(_BAND, _BAND_PART * h * w)  # what votes are counted in is larger anyway
    band = few if device == "cpu" else _BAND_ELSEWHERE
    rows = max(1, min(h, int(band / (hidden_sizes(classes)[0] * w))))
    for fewer in range(rows, 0, -1):
        needed = evaluation_bytes(maps, classes, (h, w), fewer, images, votes)
        if memory_limit is None or needed <= memory_limit:
            return fewer
    raise ValueError(
        f"memory_limit={memory_limit:,} bytes came, but {images} x {classes} classes x {h}x{w} px need {needed:,} "
        "even in bands of one row: raise the limit, or give fewer images at a time or a smaller side"
    )
