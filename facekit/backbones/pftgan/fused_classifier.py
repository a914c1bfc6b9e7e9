"""Evaluate pixel classifiers on feature maps without the stack of upsampled maps.

A linear layer commutes with bilinear upsampling. So the first layer is applied to each map at its own resolution, and
its outputs are upsampled and summed in bands of rows. The result is the same, with a fraction of memory and time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Height and width in pixels, or one number for both.
Side = int | tuple[int, int]
# Outputs of the first layer per band. On CPUs they should fit into a core's cache and be few in comparison with the
# result: at most the second number per output pixel. The third number is for other devices.
_BAND, _BAND_PART = 524_288, 12.8
_BAND_ELSEWHERE = 16_777_216


def height_width(side: Side) -> tuple[int, int]:
    """Return height and width. Raise ValueError if they are not positive."""
    h, w = (side, side) if isinstance(side, int) else side
    if h < 1 or w < 1:
        raise ValueError(f"side={side!r}: expected at least 1 px, a number or (height, width)")
    return h, w


def hidden_sizes(classes: int) -> tuple[int, int]:
    """Return the widths of DatasetGAN's two hidden layers."""
    return (128, 32) if classes < 32 else (256, 128)


def neighbours(size: int, source: int, device: torch.device | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Compute bilinear resampling along one axis, as ``F.interpolate(align_corners=False)`` does.

    Args:
        size: Number of output pixels.
        source: Number of input pixels.
        device: Device of the result.

    Returns:
        For each output pixel the two input pixels, int64 (size,) each, and the weight (size,) of the second one.
    """
    place = ((torch.arange(size, device=device) + 0.5) * (source / size) - 0.5).clamp_(min=0)
    first = place.long().clamp_(max=source - 1)
    return first, (first + 1).clamp_(max=source - 1), place - first


def _slots(rows: int, height: int, source: int) -> int:
    """Return the most rows of a smaller map that a band of rows needs."""
    return min(source, -(-(rows - 1) * source // height) + 2)


class _Level:
    """Maps of one resolution, whose parts of the first layer are summed before they are resampled."""

    def __init__(self, parts: list[tuple[Tensor, Tensor]], size: tuple[int, int], rows: int):
        """Prepare the resampling.

        Args:
            parts: Pairs of a map (C_i, h, w) and its columns of the first layer, transposed (C_i, K).
            size: Height and width of the output.
            rows: Rows of a band.
        """
        self.parts, self.size = parts, size
        self.weight = torch.cat([weight for _, weight in parts])
        self.height, self.width = parts[0][0].shape[1:]
        self.same = (self.height, self.width) == size
        self.smaller = not self.same and self.height * self.width <= size[0] * size[1]
        if self.same:
            return
        first, second, weight = neighbours(size[0], self.height, parts[0][0].device)
        self.starts, self.lasts = first.tolist(), second.tolist()
        # Row i is in slot i modulo the number of slots. Older rows in other slots have no weight.
        self.slots = _slots(rows, size[0], self.height) if self.smaller else self.height
        self.mixing = weight.new_zeros(size[0], self.slots)
        for row, share in ((first, 1 - weight), (second, weight)):
            self.mixing.scatter_add_(1, row[:, None] % self.slots, share[:, None])
        self.known = 0

    def add_to(self, sums: Tensor, low: int, high: int) -> None:
        """Add this level's part of output rows to sums (rows*W, K), for maps of at least the output's size.

        Larger maps are resampled before the layer, which is cheaper.
        """
        if self.same:
            self._project(low, high, sums)
            return
        start, stop = self.starts[low], self.lasts[high - 1] + 1
        for x, weight in self.parts:
            window = x[:, start:stop].permute(1, 2, 0).float().contiguous()
            rows = self.mixing[low:high, start:stop] @ window.flatten(1)
            sums.addmm_(self._widened(rows.view(-1, *window.shape[1:])).flatten(0, 1), weight)

    def keep(self, kept: Tensor, low: int, high: int) -> None:
        """Write projected rows of smaller maps, resampled to the output's width, into their slots (slots, W, K).

        Most rows that a band needs are there from the band before.
        """
        start, stop = max(self.starts[low], self.known), self.lasts[high - 1] + 1
        if start >= stop:
            return
        rows, place = self._widened(self._project(start, stop)), start % self.slots
        before = rows[: self.slots - place]
        kept[place : place + len(before)] = before
        kept[: len(rows) - len(before)] = rows[len(before) :]
        self.known = stop

    def _project(self, low: int, high: int, sums: Tensor | None = None) -> Tensor:
        """Return the first layer's outputs (rows, w, K) of map rows, added to sums (rows*w, K) if they are given."""
        pixels = torch.cat([x[:, low:high].flatten(1).float() for x, _ in self.parts]).t()
        sums = pixels @ self.weight if sums is None else sums.addmm_(pixels, self.weight)
        return sums.view(-1, self.width, sums.shape[1])

    def _widened(self, rows: Tensor) -> Tensor:
        """Resample rows (r, w, C) to the output's width: (r, W, C)."""
        # With channels last, this is several times faster than with contiguous maps.
        wide = F.interpolate(rows[None].permute(0, 3, 1, 2), (len(rows), self.size[1]), mode="bilinear")
        return wide.permute(0, 2, 3, 1)[0]


def bands(
    layers: nn.Sequential, maps: Sequence[Tensor], size: tuple[int, int], rows: int
) -> Iterator[tuple[int, int, Tensor]]:
    """Compute the logits of one image in bands of rows.

    Args:
        layers: Layers of a `PixelClassifier`.
        maps: Maps (C_i, H_i, W_i) of the image.
        size: Height and width of the output.
        rows: Rows of a band.

    Yields:
        First row of the band, the row after its last, and its logits (rows*W, classes).
    """
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
    """Fold a BatchNorm into the linear layer after it. Return the transposed weight and the bias."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    shift = norm.bias - norm.running_mean * scale
    return (layer.weight * scale).t(), layer.bias + layer.weight @ shift


def evaluation_bytes(
    maps: Sequence[tuple[int, int, int]], classes: int, side: Side, rows: int, images: int = 1, votes: bool = False
) -> int:
    """Return the most bytes that an evaluation needs besides the maps, with its result.

    Args:
        maps: Shapes (C_i, H_i, W_i) of the maps.
        classes: Number of classes.
        side: Side of the output.
        rows: Rows of a band.
        images: Number of images.
        votes: Whether an ensemble votes. Otherwise one classifier computes logits.
    """
    (h, w), (first, second) = height_width(side), hidden_sizes(classes)
    band, kept, most = rows * w, 0, 0
    for height, width in {shape[1:] for shape in maps}:
        channels = max(c for c, *shape in maps if tuple(shape) == (height, width))
        slots = _slots(rows, h, height)
        if (height, width) == (h, w):
            most = max(most, band * channels)  # if a map is not float32
        elif height * width > h * w:
            kept += 2 * h * height
            most = max(most, (2 * slots * width + rows * width + band) * channels)
        else:
            kept += 2 * h * slots + slots * w * first
            most = max(most, slots * max(width * (first + channels), (width + w) * first))
    most = max(most, band * (second + 5 * classes))
    kept += band * (first + classes)  # the last band's logits exist until the next one is computed
    tally, result = (classes + 5, 4 * classes + 5) if votes else (0, 4 * classes)  # bytes per pixel
    return 4 * (kept + most + 2 * second * (first + classes)) + h * w * (tally + images * result)


def band_rows(
    maps: Sequence[tuple[int, int, int]],
    classes: int,
    side: Side,
    memory_limit: int | None = None,
    images: int = 1,
    votes: bool = False,
    device: str = "cpu",
) -> int:
    """Return the number of rows of a band: the fastest for the device, or fewer to keep a memory limit.

    Args:
        maps: As for `evaluation_bytes`.
        classes: As for `evaluation_bytes`.
        side: As for `evaluation_bytes`.
        memory_limit: Bytes besides the maps, or None.
        images: As for `evaluation_bytes`.
        votes: As for `evaluation_bytes`.
        device: Kind of device.

    Raises:
        ValueError: If bands of one row exceed the limit.
    """
    h, w = height_width(side)
    few = _BAND if votes else min(_BAND, _BAND_PART * h * w)  # memory of the votes is larger anyway
    band = few if device == "cpu" else _BAND_ELSEWHERE
    rows = max(1, min(h, int(band / (hidden_sizes(classes)[0] * w))))
    for fewer in range(rows, 0, -1):
        needed = evaluation_bytes(maps, classes, (h, w), fewer, images, votes)
        if memory_limit is None or needed <= memory_limit:
            return fewer
    raise ValueError(
        f"memory_limit: expected at least {needed:,} bytes for {images} x {classes} classes x {h}x{w} px in bands of "
        f"one row, got {memory_limit:,}; raise the limit, or give fewer images at a time or a smaller side"
    )
