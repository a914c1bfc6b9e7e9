"""Draw labelled pixels and sample their features from feature maps (PFTGAN section 3.3)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.random_streams import generator_for
from ...labels import IGNORE_ID
from .fused_classifier import Side, height_width, neighbours
from .pixel_classifier import check_maps

log = logging.getLogger("facekit")

MEMORY_LIMIT = 2_000_000_000
# Pixels that are gathered at once.
_CHUNK = 1024

# The maps of all labelled images [(N, C_i, H_i, W_i)], or a function from the number of an image to its maps
# [(1, C_i, H_i, W_i)], so that only those of one image are in memory.
Maps = Sequence[Tensor] | Callable[[int], Sequence[Tensor]]


@dataclass(frozen=True)
class Pixels:
    """Labelled pixels.

    Attributes:
        features: Float32 (P, sum(C_i)).
        labels: Class ids (P,) int64.
        channels: Channels C_i of the maps.
    """

    features: Tensor
    labels: Tensor
    channels: tuple[int, ...]


def sample_features(maps: Sequence[Tensor], rows: Tensor, columns: Tensor, side: Side) -> Tensor:
    """Sample the features of single pixels of one image from its maps.

    They are those of maps that are bilinearly resampled to ``side`` px (align_corners=False). Three times the widest
    map's part of the result is needed as temporary memory.

    Args:
        maps: Maps [(1, C_i, H_i, W_i)].
        rows: Rows of the pixels, int64 (P,).
        columns: Columns of the pixels, int64 (P,).
        side: Side of the image in pixels, or (height, width).

    Returns:
        Float32 of shape (P, sum(C_i)).

    Raises:
        ValueError: If maps are of several images, or a pixel is outside.
    """
    check_maps(maps)
    size, device = height_width(side), maps[0].device
    if len(maps[0]) != 1:
        raise ValueError(f"maps of {len(maps[0])} images: expected one image's, (1,C,H,W)")
    for places, extent, what in ((rows, size[0], "rows"), (columns, size[1], "columns")):
        if len(places) and not 0 <= int(places.min()) <= int(places.max()) < extent:
            raise ValueError(
                f"{what} from {int(places.min())} to {int(places.max())}: expected 0 to {extent - 1} at side={side}"
            )
    channels = [x.shape[1] for x in maps]
    out = torch.empty(len(rows), sum(channels), device=device)
    for x, part in zip(maps, out.split(channels, 1), strict=True):
        (height, width), flat = x.shape[2:], x[0].flatten(1)
        vertical, horizontal = neighbours(size[0], height, device), neighbours(size[1], width, device)
        top, bottom, down = (t[rows.to(device)] for t in vertical)
        left, right, across = (t[columns.to(device)] for t in horizontal)
        upper = _between(flat, top * width + left, top * width + right, across)
        lower = _between(flat, bottom * width + left, bottom * width + right, across)
        part.copy_(upper.lerp_(lower, down).t())
    return out


def _between(flat: Tensor, first: Tensor, second: Tensor, weight: Tensor) -> Tensor:
    """Interpolate between two pixels of a flat map (C, H*W)."""
    return flat.index_select(1, first).float().lerp_(flat.index_select(1, second).float(), weight)


@torch.no_grad()
def draw_pixels(
    maps: Maps, labels: Tensor, pixels: int | None = None, memory_limit: int = MEMORY_LIMIT, seed: int = 0
) -> Pixels:
    """Draw labelled pixels at random without repetition, from each image in proportion to its labelled pixels.

    Args:
        maps: Feature maps, see `Maps`.
        labels: Class ids (N, H, W), 255 = ignored. Their size may differ from that of the maps.
        pixels: Number of pixels. None is all labelled ones, or as many as fit into ``memory_limit``.
        memory_limit: Bytes for the pixels.
        seed: Seed of the draw.

    Raises:
        ValueError: If the number does not fit into the limit, or fewer than two pixels are labelled.
    """
    labels = _checked_labels(labels)
    counts = [int((one != IGNORE_ID).sum()) for one in labels]
    total = sum(counts)
    if total < 2:
        raise ValueError(f"{total} of {labels.numel()} pixels are labelled (not {IGNORE_ID}): expected at least 2")
    height, width = labels.shape[1:]
    channels: tuple[int, ...] | None = None
    ids, start = [], 0
    for n, label in enumerate(labels):
        own = _maps_of(maps, n, len(labels))
        check_maps(own, channels)
        if channels is None:
            channels = tuple(x.shape[1] for x in own)
            count = affordable_pixels(channels, total, pixels, memory_limit)
            if pixels is None and count < total:
                log.info(
                    "%d of %d labelled pixels are drawn: memory_limit=%d holds no more", count, total, memory_limit
                )
            features = torch.empty(count, sum(channels))
        stop = count * sum(counts[: n + 1]) // total
        labelled = (label != IGNORE_ID).flatten().nonzero()[:, 0]
        drawn = torch.randperm(len(labelled), generator=generator_for(seed, n, 13))[: stop - start]
        # In the order of the image, as neighbouring pixels read the same memory.
        places = labelled[drawn.sort().values]
        for some, part in zip(places.split(_CHUNK), features[start:stop].split(_CHUNK), strict=True):
            part.copy_(sample_features(own, some // width, some % width, (height, width)))
        ids.append(label.flatten()[places].long())
        start = stop
    assert channels is not None
    return Pixels(features, torch.cat(ids), channels)


def _maps_of(maps: Maps, n: int, images: int) -> list[Tensor]:
    """Return the maps of image n."""
    if callable(maps):
        return list(maps(n))
    if not maps or any(x.ndim != 4 or len(x) != images for x in maps):
        raise ValueError(
            f"maps of shapes {[tuple(x.shape) for x in maps]} but {images} label masks: expected maps (N,C,H,W) of "
            f"{images} images"
        )
    return [x[n : n + 1] for x in maps]


def _checked_labels(labels: Tensor) -> Tensor:
    """Check label masks and return them on the CPU as uint8."""
    if labels.ndim != 3 or labels.is_floating_point() or not labels.numel():
        raise ValueError(
            f"labels of shape {tuple(labels.shape)}, {labels.dtype}: expected (N,H,W) integers, one mask per image"
        )
    labels = labels.detach().cpu()
    wrong = labels[(labels != IGNORE_ID) & ((labels < 0) | (labels >= IGNORE_ID))].unique().tolist()
    if wrong:
        raise ValueError(f"labels hold {wrong}: expected 0 to {IGNORE_ID - 1}, or {IGNORE_ID} where there is none")
    return labels.to(torch.uint8)


def affordable_pixels(channels: Sequence[int], total: int, pixels: int | None, memory_limit: int) -> int:
    """Return the number of pixels to draw.

    Args:
        channels: Channels of each map.
        total: Number of labelled pixels.
        pixels: Number of pixels, None for all labelled ones, or as many as fit into ``memory_limit``.
        memory_limit: Bytes for the pixels.

    Raises:
        ValueError: If the number does not fit into the limit, or is below two.
    """
    if pixels is not None and pixels < 2:
        raise ValueError(f"pixels={pixels}: expected at least 2, or None for all; pass a larger number")
    each, least = bank_bytes(channels, 1) - bank_bytes(channels, 0), bank_bytes(channels, 0)
    most = (memory_limit - least) // each
    count = total if pixels is None else min(pixels, total)
    if most < 2 or (pixels is not None and count > most):
        needed = count if most >= 2 else 2
        remedy = f"draw {most:,} pixels or raise the limit" if most >= 2 else "raise the limit"
        raise ValueError(
            f"memory_limit: expected at least {bank_bytes(channels, needed):,} bytes for {needed:,} pixels of "
            f"{sum(channels)} features, got {memory_limit:,}; {remedy}"
        )
    return min(count, most)


def bank_bytes(channels: Sequence[int], pixels: int) -> int:
    """Return how much memory drawn pixels need with labels and order, and temporarily while they are drawn.

    Args:
        channels: Channels of each map.
        pixels: Number of pixels.

    Returns:
        Bytes.
    """
    return pixels * (4 * sum(channels) + 24) + 4 * _CHUNK * (sum(channels) + 3 * max(channels))
